//! Saggar's script runner: QuickJS-NG as a component that plays all roles, so that a task can refer to a function of a
//! JavaScript file.
//!
//! The component is committed as a snapshot that `prepare` was called in: engine and prelude exist already. When an app is
//! loaded, one instance compiles a script (`compile`); the instances of its tasks read the bytecode at their first call.
//! README.md has the recipe.
//!
//! - `exports`, `setup`: the component's functions, and how the engine is made.
//! - `compile`, `sources`, `diagnostics`, `probe`, `names`, `modules`, `specifier`, `bytecode`: from text to bytecode and back.
//! - `call`, `script`, `settle`, `rejections`, `exception`, `stack`, `problem`: calls of a script's functions, and their errors.
//! - `process`, `kv`, `files`, `web`, `console`, `gofmt`, `inspect`, `timers`, `natives`, `encoding`, `address`, `host_function`: what the
//!   globals of scripts are made of.
//! - `engine`, `memory`, `state`, `ffi`, `properties`, `json`: the engine, and what the above share.

mod address;
mod bytecode;
mod call;
mod compile;
mod console;
mod diagnostics;
mod encoding;
mod engine;
mod exception;
mod exports;
mod ffi;
mod files;
mod gofmt;
mod host_function;
mod inspect;
mod json;
mod kv;
mod memory;
mod modules;
mod names;
mod natives;
mod probe;
mod problem;
mod process;
mod properties;
mod rejections;
mod script;
mod settle;
mod setup;
mod sources;
mod specifier;
mod stack;
mod state;
mod timers;
mod web;

#[expect(clippy::allow_attributes_without_reason, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit", "wit"],
        world: "saggar:script/runner",
        generate_all,
    });
}

bindings::export!(Runner with_types_in bindings);

/// The component.
struct Runner;
