//! The fuzz target `generated`: valid components and modules of all kinds, which mutations of files seldom are.
//! `corpus/component/generated-*.wasm` were made like this.

#![no_main]

use arbitrary::Unstructured;
use wasm_smith::{Component, Config, Module};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut input = Unstructured::new(bytes);
    let made = match input.arbitrary() {
        Ok(true) => Component::new(Config::default(), &mut input).map(|component| component.to_bytes()),
        _ => Module::new(Config::default(), &mut input).map(|module| module.to_bytes()),
    };
    if let Ok(made) = made {
        saggar_fuzz::component::run(&made);
    }
});
