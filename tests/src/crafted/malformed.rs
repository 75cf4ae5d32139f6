//! Files that are not components, or that a host must not accept.

use anyhow::Result;
use wasm_encoder::{
    BlockType, CodeSection, Component, ComponentTypeSection, CustomSection, Function, FunctionSection, Module,
};
use wasm_encoder::{ModuleSection, NestedComponentSection, TypeSection, ValType};

macro_rules! malformed {
    ($($name:ident)*) => {
        /// Returns the bytes of a malformed file, by its name in `foreach_malformed!`; `good` is a component to damage.
        pub fn malformed(name: &str, good: &[u8]) -> Result<Vec<u8>> {
            match name {
                $(stringify!($name) => $name(good),)*
                other => anyhow::bail!("there is no malformed file {other}"),
            }
        }
    };
}

/// Calls `$then!` with the name of every malformed file.
#[macro_export]
macro_rules! foreach_malformed {
    ($then:ident) => {
        $then! {
            empty_file
            not_wasm
            core_module
            text_format
            native_code
            invalid_code
            trailing_bytes
            flipped_bits
            hundred_megabytes
            fifty_thousand_functions
            fifty_thousand_types
            one_huge_function
            deeply_nested
        }
    };
}

foreach_malformed!(malformed);

/// Returns the prefixes of `good` whose lengths are multiples of 4 KiB.
pub fn cut_every_4_kib(good: &[u8]) -> impl Iterator<Item = &[u8]> {
    (1..).map(|blocks| blocks * 4096).take_while(|end| *end < good.len()).map(|end| &good[..end])
}

fn empty_file(_good: &[u8]) -> Result<Vec<u8>> {
    Ok(Vec::new())
}

fn not_wasm(_good: &[u8]) -> Result<Vec<u8>> {
    Ok(b"#!/bin/sh\necho this is no component\n".to_vec())
}

fn core_module(_good: &[u8]) -> Result<Vec<u8>> {
    Ok(wat::parse_str(r#"(module (func (export "process") (param i64 i32 i32) (result i32) (i32.const 0)))"#)?)
}

/// The text format of a valid component.
fn text_format(good: &[u8]) -> Result<Vec<u8>> {
    Ok(wasmprinter::print_bytes(good)?.into_bytes())
}

/// Enough of an object file to look like native code of the engine: an ELF header with the engine's ABI.
fn native_code(_good: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = b"\x7fELF\x02\x01\x01\xc8".to_vec();
    bytes.resize(4096, 0);
    Ok(bytes)
}

/// A component whose only function declares a number as its result, and does not return one.
fn invalid_code(_good: &[u8]) -> Result<Vec<u8>> {
    Ok(wat::parse_str("(component (core module (func (result i32))))")?)
}

fn trailing_bytes(good: &[u8]) -> Result<Vec<u8>> {
    Ok([good, b"and more"].concat())
}

/// Every 97th byte after the header has one bit flipped.
fn flipped_bits(good: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = good.to_vec();
    bytes.iter_mut().skip(8).step_by(97).for_each(|byte| *byte ^= 0x10);
    Ok(bytes)
}

/// A valid component with a useless custom section.
fn hundred_megabytes(good: &[u8]) -> Result<Vec<u8>> {
    let ballast = vec![0; 100_000_000];
    let section = CustomSection { name: "ballast".into(), data: ballast.into() };
    let mut bytes = good.to_vec();
    bytes.push(0);
    wasm_encoder::Encode::encode(&section, &mut bytes);
    Ok(bytes)
}

fn fifty_thousand_functions(_good: &[u8]) -> Result<Vec<u8>> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    let mut empty = Function::new([]);
    empty.instructions().end();
    for _ in 0..50_000 {
        functions.function(0);
        code.function(&empty);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    Ok(component_of(&module))
}

/// Many branches in one body: a small file, and minutes of work for an optimising compiler.
fn one_huge_function(_good: &[u8]) -> Result<Vec<u8>> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], []);
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    let mut huge = Function::new([]);
    for _ in 0..100_000 {
        huge.instructions().local_get(0).if_(BlockType::Empty).nop().end();
    }
    huge.instructions().end();
    functions.function(0);
    code.function(&huge);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    Ok(component_of(&module))
}

fn fifty_thousand_types(_good: &[u8]) -> Result<Vec<u8>> {
    let kinds = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
    let mut types = TypeSection::new();
    for number in 0..50_000_usize {
        // Eight digits in base four, so that all types differ.
        types.ty().function((0..8).map(|digit| kinds[(number >> (2 * digit)) % 4]), []);
    }
    let mut module = Module::new();
    module.section(&types);
    Ok(component_of(&module))
}

fn component_of(module: &Module) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    component.finish()
}

/// Components nested too deep for the stack of a recursive parser.
fn deeply_nested(_good: &[u8]) -> Result<Vec<u8>> {
    let mut component = Component::new();
    component.section(&ComponentTypeSection::new());
    for _ in 0..8_000 {
        let mut outer = Component::new();
        outer.section(&NestedComponentSection(&component));
        component = outer;
    }
    Ok(component.finish())
}
