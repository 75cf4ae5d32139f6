//! The fuzz target `request`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| saggar_fuzz::request::run(bytes));
