//! The fuzz target `generated`: components and modules that wasm-smith makes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(made) = saggar_fuzz::generated::made(bytes) {
        saggar_fuzz::component::run(&made);
    }
});
