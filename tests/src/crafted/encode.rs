//! Encodes WebAssembly text or a WIT world as a component.

use std::path::Path;

use anyhow::{Context, Result};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, PackageId, Resolve, WorldId};

/// A world with the export that every processor has.
const PROCESSING: &str = "
    package saggar-tests:crafted;
    world crafted { include saggar:task/imports@0.1.0; export saggar:task/processor@0.1.0; }
";

/// Returns the contract of the repository, `wit/`, and its package.
pub fn contract() -> Result<(Resolve, PackageId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit"))?;
    Ok((resolve, package))
}

/// Encodes a component with a processor from the text of a core module.
///
/// The module exports its `memory`, `cabi_realloc` and `saggar:task/processor@0.1.0#process`, and can import any
/// function of the contract. Its code is not checked.
pub fn component_from_core_wat(text: &str) -> Result<Vec<u8>> {
    let (mut resolve, _) = contract()?;
    let package = resolve.push_str("crafted.wit", PROCESSING)?;
    let world = resolve.select_world(&[package], Some("crafted"))?;
    let module = wat::parse_str(text).context("the module's text")?;
    encode(module, &resolve, world)
}

/// Encodes a component of the world `incompatible` in a self-contained WIT text. Its functions trap.
pub fn component_from_wit(text: &str) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("incompatible.wit", text)?;
    let world = resolve.select_world(&[package], Some("incompatible"))?;
    let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    encode(module, &resolve, world)
}

/// Encodes a processor that returns its arguments, and holds as many handles of a resource of its own as they have
/// bytes.
pub fn component_with_own_handles() -> Result<Vec<u8>> {
    let (mut resolve, _) = contract()?;
    let package = resolve.push_str("handles.wit", OWN_HANDLES)?;
    let world = resolve.select_world(&[package], Some("handles"))?;
    let module = wat::parse_str(HANDLES_MODULE).context("the module's text")?;
    encode(module, &resolve, world)
}

const OWN_HANDLES: &str = "
    package saggar-tests:handles;
    interface things { resource thing { constructor(); } }
    world handles {
        include saggar:task/imports@0.1.0;
        export saggar:task/processor@0.1.0;
        export things;
    }
";

const HANDLES_MODULE: &str = r#"(module
    (import "[export]saggar-tests:handles/things" "[resource-new]thing" (func $new (param i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "saggar-tests:handles/things#[constructor]thing") (result i32) (call $new (i32.const 0)))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    ;; At 16: the case of the result, at 24 and 28 the text of `ok`.
    (func (export "saggar:task/processor@0.1.0#process")
        (param $id i64) (param $args i32) (param $args_bytes i32) (result i32)
        (local $left i32)
        (local.set $left (local.get $args_bytes))
        (loop $again
            (drop (call $new (i32.const 0)))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (i32.store (i32.const 24) (local.get $args))
        (i32.store (i32.const 28) (local.get $args_bytes))
        (i32.const 16)))"#;

fn encode(mut module: Vec<u8>, resolve: &Resolve, world: WorldId) -> Result<Vec<u8>> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.encode()
}
