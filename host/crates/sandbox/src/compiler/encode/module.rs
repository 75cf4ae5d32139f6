//! What is read of a core module before it is encoded: its kind, its exports and its imports.

use std::collections::{BTreeMap, BTreeSet};

use saggar_job::Role;
use wasmparser::{ExternalKind, Parser, Payload};

use super::{Adapter, EncodeError, PREVIEW1};
use crate::contract;
use crate::invalid_bytes::{InvalidBytes, MAX_BYTES};
use crate::text::{cut, escaped};
use crate::validate;

/// How many names an error lists.
const MAX_LISTED: usize = 16;

/// Names of sections with the world that a module is written for, as bindings for C and other languages add them.
const WORLD_SECTION: &str = "component-type";

/// The exports that a module needs beside the functions of its roles, by both of the names that encoders know.
const MEMORY: [&str; 2] = ["memory", "cm32p2_memory"];
const REALLOC: [&str; 2] = ["cabi_realloc", "cm32p2_realloc"];

/// A valid core module.
#[derive(Debug, Default)]
pub(super) struct CoreModule {
    /// Names of functions and memories.
    exports: BTreeSet<String>,
    /// Functions by the module that they are imported from.
    imports: BTreeMap<String, Vec<String>>,
    /// Whether it contains the world that it is written for.
    pub(super) has_world: bool,
}

/// Returns the names of a role's function: the usual one, and the one of the standard name mangling.
pub(super) fn role_exports(role: Role) -> [String; 2] {
    let (interface, (function, _)) = (role.interface(), contract::signature(role));
    [format!("saggar:task/{interface}@0.1.0#{function}"), format!("cm32p2|saggar:task/{interface}@0.1|{function}")]
}

/// Returns whether the host passes texts to the role's function, for which it allocates memory of the guest.
fn takes_text(role: Role) -> bool {
    !matches!(role, Role::IdSource | Role::AddHandler)
}

impl CoreModule {
    /// Checks and reads a module.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, EncodeError> {
        check_kind(bytes)?;
        validate::validate_module(bytes).map_err(invalid)?;
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            module.payload(payload.map_err(malformed)?)?;
        }
        Ok(module)
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<(), EncodeError> {
        match payload {
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    if matches!(export.kind, ExternalKind::Func | ExternalKind::Memory) {
                        self.exports.insert(export.name.to_owned());
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(malformed)?;
                    self.imports.entry(import.module.to_owned()).or_default().push(import.name.to_owned());
                }
            }
            Payload::CustomSection(section) => self.has_world |= section.name().starts_with(WORLD_SECTION),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn imports_from(&self, module: &str) -> bool {
        self.imports.contains_key(module)
    }

    /// Returns whether it is a program with `main` that has nothing else to initialize it.
    pub(super) fn is_program(&self) -> bool {
        self.exports.contains("_start") && !self.exports.contains("_initialize")
    }

    /// Returns the roles whose functions it exports.
    pub(super) fn roles(&self) -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| self.has(&role_exports(*role))).collect()
    }

    fn has(&self, names: &[impl AsRef<str>]) -> bool {
        names.iter().any(|name| self.exports.contains(name.as_ref()))
    }

    /// Returns the exports that the roles need and that are missing.
    pub(super) fn missing_exports(&self, roles: &[Role]) -> Vec<String> {
        let functions = roles.iter().map(|role| role_exports(*role)).filter(|names| !self.has(names));
        let mut missing: Vec<_> = functions.map(|[name, _]| format!("`{name}`")).collect();
        let others = [(MEMORY, true), (REALLOC, roles.iter().any(|role| takes_text(*role)))];
        missing.extend(
            others
                .iter()
                .filter(|(names, needed)| *needed && !self.has(names))
                .map(|(names, _)| format!("`{}`", names[0])),
        );
        missing
    }

    /// Returns the names of the exports, for an error.
    pub(super) fn export_list(&self) -> String {
        list(self.exports.iter().map(String::as_str))
    }

    /// Checks that each import is a function of an interface, or of an adapter.
    pub(super) fn check_imports(&self, adapters: &[Adapter]) -> Result<(), EncodeError> {
        let is_known = |module: &str| {
            module.contains(':') || module == PREVIEW1 || adapters.iter().any(|adapter| adapter.name == module)
        };
        let unknown = self.imports.iter().filter(|(module, _)| !is_known(module));
        let names: Vec<_> =
            unknown.flat_map(|(module, names)| names.iter().map(move |name| format!("{module}.{name}"))).collect();
        match &*names {
            [] => Ok(()),
            names => Err(EncodeError::UnknownImports(list(names.iter().map(String::as_str)))),
        }
    }
}

fn check_kind(bytes: &[u8]) -> Result<(), EncodeError> {
    if bytes.is_empty() {
        return Err(EncodeError::Empty);
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(EncodeError::TooLarge { found: bytes.len() as u64 });
    }
    if !bytes.starts_with(b"\0asm") {
        let start = bytes.trim_ascii_start();
        let is_text = start.starts_with(b"(") || start.starts_with(b";;");
        return Err(if is_text { EncodeError::Text } else { EncodeError::NotWasm });
    }
    if Parser::is_component(bytes) { Err(EncodeError::IsComponent) } else { Ok(()) }
}

/// Describes a refusal of the checks that components have as well.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn invalid(error: InvalidBytes) -> EncodeError {
    EncodeError::Invalid(escaped(&error.to_string().replacen("component", "core module", 1)).into_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn malformed(error: wasmparser::Error) -> EncodeError {
    EncodeError::Invalid(format!("this is not a valid core module: {error}"))
}

/// Lists names, escaped and not too many.
fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(MAX_LISTED);
    let shown: Vec<_> = names.take(MAX_LISTED).map(|name| format!("`{}`", escaped(cut(name, 100)))).collect();
    match (&*shown, more) {
        ([], _) => "nothing".to_owned(),
        (shown, 0) => shown.join(", "),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Returns the names that a component exports.
pub(super) fn component_exports(component: &[u8]) -> wasmparser::Result<Vec<String>> {
    let (mut depth, mut names) = (0_u32, Vec::new());
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    names.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}
