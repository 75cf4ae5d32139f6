//! The fuzz target `component`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| saggar_fuzz::component::run(bytes));
