//! Valid components and modules of all kinds, which mutations of files seldom are.

use arbitrary::Unstructured;
use wasm_smith::{Component, Config, Module};

/// Generates a component or a module from random bytes; `None` if there are too few.
pub fn made(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut input = Unstructured::new(bytes);
    let made = match input.arbitrary() {
        Ok(true) => Component::new(Config::default(), &mut input).map(|component| component.to_bytes()),
        _ => Module::new(Config::default(), &mut input).map(|module| module.to_bytes()),
    };
    made.ok()
}
