//! Encodes a core module as a component with some of the roles. Everything that parses the module is called from here,
//! so it can run in its own process.

mod module;
mod request;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use saggar_job::Role;
use serde::{Deserialize, Serialize};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::invalid_bytes::MAX_BYTES;
use crate::text::{cut, escaped};
use crate::{validate, wit};
use module::{CoreModule, role_exports};
pub(crate) use request::read_request;
pub use request::{Adapter, EncodeRequest};

/// The module of WASI's first version, which compilers for C, Go and Zig import.
const PREVIEW1: &str = wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;

/// The adapter of [`PREVIEW1`] for modules without a `main`.
const PREVIEW1_ADAPTER: &[u8] = wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER;

/// Maximum bytes of an error of the encoder. It may quote names of the module.
const MAX_MESSAGE: usize = 4096;

/// Why a core module does not become a component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum EncodeError {
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The file exceeds the size limit.
    #[error("the file has {found} bytes; at most {MAX_BYTES} are accepted")]
    TooLarge {
        /// Size of the file.
        found: u64,
    },
    /// Not WebAssembly.
    #[error("this is not WebAssembly: it does not start with the bytes \"\\0asm\"")]
    NotWasm,
    /// WebAssembly in its text format.
    #[error("this is WebAssembly in its text format; build a binary module, for example with `wasm-tools parse`")]
    Text,
    /// A component.
    #[error("this is a component already: put it into `plugins/`, and see with `saggar check` what it exports")]
    IsComponent,
    /// Damaged, truncated, or with a feature that the host does not support, or too expensive to compile.
    #[error("{0}")]
    Invalid(String),
    /// A program with `main`.
    #[error(
        "the module is a program: it exports `_start`, which a host of plugins does not call; build it without `main`, \
         as a reactor (C: `-mexec-model=reactor`, Go: `-buildmode=c-shared`, Zig: `-fno-entry`)"
    )]
    IsProgram,
    /// Functions of the roles are missing.
    #[error("the module does not export {missing}; it exports {found}")]
    MissingExports {
        /// The expected names.
        missing: String,
        /// The existing names.
        found: String,
    },
    /// No role was asked for, and there is none.
    #[error("the module exports no role; expected one or more of {expected}; it exports {found}")]
    NoRole {
        /// The names of the roles' functions.
        expected: String,
        /// The existing names.
        found: String,
    },
    /// Imports from a module that is not an interface.
    #[error(
        "the module imports {0}, which no host provides; link what is missing, or give the file of an adapter with \
         `--adapter NAME=FILE`"
    )]
    UnknownImports(String),
    /// The module contains the world of another set of roles.
    #[error(
        "the module contains a world of its own (a section `component-type`), and that does not export {0}: build it \
         with a world that does, or leave out `--role`"
    )]
    OtherWorld(String),
    /// The encoder failed.
    #[error("cannot make a component: {0}")]
    Failed(String),
}

/// Encodes a component of `request`.
pub(crate) fn encode(request: &EncodeRequest) -> Result<Vec<u8>, EncodeError> {
    // The encoder handles untrusted input; a panic must not end an embedder's process.
    catch_unwind(AssertUnwindSafe(|| encode_checked(request)))
        .unwrap_or_else(|_| Err(EncodeError::Failed("the encoder panicked".to_owned())))
}

fn encode_checked(request: &EncodeRequest) -> Result<Vec<u8>, EncodeError> {
    let module = CoreModule::read(&request.module)?;
    let roles = roles(request, &module)?;
    module.check_imports(&request.adapters)?;
    let mut bytes = request.module.clone();
    if !module.has_world {
        embed_world(&mut bytes, &roles)?;
    }
    let mut encoder = ComponentEncoder::default()
        .module(&bytes)
        .map_err(failed)?
        // An adapter that calls the module's own allocator may do so before the module's `_initialize`, which Go's
        // does not survive.
        .realloc_via_memory_grow(true);
    for Adapter { name, bytes } in &request.adapters {
        encoder = encoder.adapter(name, bytes).map_err(failed)?;
    }
    if module.imports_from(PREVIEW1) && request.adapters.iter().all(|adapter| adapter.name != PREVIEW1) {
        encoder = encoder.adapter(PREVIEW1, PREVIEW1_ADAPTER).map_err(failed)?;
    }
    let component = encoder.encode().map_err(failed)?;
    // A host loads only what passes its own checks.
    validate::validate(&component).map_err(|error| EncodeError::Failed(error.to_string()))?;
    check_roles(&component, &roles)?;
    Ok(component)
}

/// Returns the roles of the component: the given ones, or those that the module has the functions of.
fn roles(request: &EncodeRequest, module: &CoreModule) -> Result<Vec<Role>, EncodeError> {
    if module.is_program() {
        return Err(EncodeError::IsProgram);
    }
    let roles = match &*request.roles {
        [] => module.roles(),
        given => given.to_vec(),
    };
    if roles.is_empty() && !module.has_world {
        let expected = Role::ALL.map(|role| format!("`{}`", role_exports(role)[0])).join(", ");
        return Err(EncodeError::NoRole { expected, found: module.export_list() });
    }
    match module.missing_exports(&roles) {
        missing if missing.is_empty() => Ok(roles),
        missing => Err(EncodeError::MissingExports { missing: missing.join(", "), found: module.export_list() }),
    }
}

/// Adds the section that tells the encoder which world the module is written for.
fn embed_world(module: &mut Vec<u8>, roles: &[Role]) -> Result<(), EncodeError> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("saggar.wit", &wit::wit_text(roles)).map_err(failed)?;
    let world = resolve.select_world(&[package], Some(wit::WORLD)).map_err(failed)?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8).map_err(failed)
}

/// Checks that a component exports the roles, because a module's own world may leave some of them out.
fn check_roles(component: &[u8], roles: &[Role]) -> Result<(), EncodeError> {
    let exports = module::component_exports(component).map_err(|error| EncodeError::Failed(error.to_string()))?;
    let is_missing = |role: &&Role| {
        let prefix = format!("saggar:task/{}@", role.interface());
        !exports.iter().any(|name| name.starts_with(&prefix))
    };
    let missing: Vec<_> = roles.iter().filter(is_missing).map(|role| format!("`{}`", role.interface())).collect();
    if missing.is_empty() { Ok(()) } else { Err(EncodeError::OtherWorld(missing.join(", "))) }
}

fn failed(error: impl fmt::Display) -> EncodeError {
    EncodeError::Failed(escaped(cut(&format!("{error:#}"), MAX_MESSAGE)).into_owned())
}

#[cfg(test)]
mod tests;
