//! The fuzz target `definition`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| saggar_fuzz::definition::run(bytes));
