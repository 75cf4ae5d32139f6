//! The fuzz target `configuration`. The configuration is part of the binary; its library has it for this target only.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        saggar::read_configuration(text);
    }
});
