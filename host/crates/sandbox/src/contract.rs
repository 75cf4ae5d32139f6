//! The contract's rules for a component's type: the imports that the host provides, and the exports that each role
//! needs.

use std::fmt;

use saggar_job::Role;
use wasmtime::Engine;
use wasmtime::component::types::{Component as ComponentType, ComponentInstance, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex};

use crate::describe;
use crate::text::{cut, escaped};

/// The contract's package, and the versions that this host supports.
const PACKAGE: &str = "saggar:task";
const VERSION: &str = "0.1.0";
const COMPATIBLE_PREFIX: &str = "0.1.";

/// What the script runner may import in addition, and no plugin.
pub(crate) const SCRIPT_SOURCE: &str = "saggar:script/source@0.1.0";

const INTERFACES: [&str; 7] = ["types", "context", "progress", "log", "tasks", "kv", "http"];

/// The WASI interfaces that are linked: all of 0.2, so that ordinary guests load. What is allowed is checked at each
/// call.
const WASI: [(&str, &[&str]); 7] = [
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"]),
    ("wasi:random", &["random", "insecure", "insecure-seed"]),
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    ),
    ("wasi:filesystem", &["types", "preopens"]),
    (
        "wasi:sockets",
        &["network", "instance-network", "ip-name-lookup", "tcp", "tcp-create-socket", "udp", "udp-create-socket"],
    ),
    ("wasi:http", &["types", "outgoing-handler"]),
];

/// Why an import cannot be provided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ImportProblem {
    Unknown(String),
    Version { found: String, wanted: String },
}

/// Returns all imports of a component that this host cannot provide.
pub(crate) fn import_problems(engine: &Engine, ty: &ComponentType) -> Vec<ImportProblem> {
    ty.imports(engine).filter_map(|(name, _)| import_problem(name)).collect()
}

fn import_problem(name: &str) -> Option<ImportProblem> {
    let unknown = || Some(ImportProblem::Unknown(display_name(name)));
    let Some(import) = Interface::parse(name) else { return unknown() };
    let known = if import.package == PACKAGE {
        INTERFACES.contains(&import.name).then_some((COMPATIBLE_PREFIX, VERSION))
    } else {
        let package = WASI.iter().find(|(package, _)| *package == import.package);
        // Any interface of a known package in another version than 0.2 is a version problem, even if 0.2 lacks it.
        let other_version = !import.version.starts_with("0.2.");
        package.filter(|(_, interfaces)| interfaces.contains(&import.name) || other_version).map(|_| ("0.2.", "0.2.x"))
    };
    match known {
        None => unknown(),
        Some((prefix, _)) if import.version.starts_with(prefix) => None,
        Some((_, version)) => {
            let wanted = format!("{}/{}@{version}", import.package, import.name);
            Some(ImportProblem::Version { found: display_name(name), wanted })
        }
    }
}

/// A name such as `wasi:io/poll@0.2.3`, split into its parts.
struct Interface<'a> {
    package: &'a str,
    name: &'a str,
    version: &'a str,
}

impl<'a> Interface<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (path, version) = text.split_once('@')?;
        let (package, name) = path.split_once('/')?;
        Some(Self { package, name, version })
    }
}

/// Why a component does not have a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoleError {
    /// The role's interface is not exported.
    #[error("the component does not export `{wanted}`, which `{key}` needs; it exports {}", List(found))]
    Missing {
        /// The key of the task definition that needs the role.
        key: &'static str,
        /// The interface.
        wanted: String,
        /// What is exported instead.
        found: Vec<String>,
    },
    /// The role's interface is exported in a version that this host does not support.
    #[error(
        "the component exports `{found}`, but this host supports `{wanted}`: build it against that version of wit/"
    )]
    Version {
        /// What is exported.
        found: String,
        /// What this host supports.
        wanted: String,
    },
    /// The role's interface is exported, but its function is missing or has another type.
    #[error("`{interface}` is exported, but its function `{function}` is {found}; expected: {wanted}")]
    Signature {
        /// The interface.
        interface: String,
        /// The function.
        function: &'static str,
        /// Its type, or that it is missing.
        found: String,
        /// The type in the contract.
        wanted: String,
    },
}

struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("nothing"),
            names => write!(f, "`{}`", names.join("`, `")),
        }
    }
}

/// Returns the function of `role`, or why it is missing.
pub(crate) fn find_role(engine: &Engine, component: &Component, role: Role) -> Result<ComponentExportIndex, RoleError> {
    let ty = component.component_type();
    let interface = role_interface(engine, &ty, role)?;
    let (function, wanted) = signature(role);
    let problem =
        |found| RoleError::Signature { interface: display_name(&interface), function, found, wanted: wanted.clone() };
    let found = match ty.get_export(engine, &interface).map(|export| export.ty) {
        Some(ComponentItem::ComponentInstance(instance)) => function_type(engine, &instance, function),
        _ => return Err(problem("missing, since the export is not an interface".into())),
    };
    match found {
        None => return Err(problem("missing".into())),
        Some(found) if found != wanted => return Err(problem(found)),
        Some(_) => {}
    }
    component
        .get_export_index(None, &interface)
        .and_then(|instance| component.get_export_index(Some(&instance), function))
        .ok_or_else(|| problem("missing".into()))
}

fn role_interface(engine: &Engine, ty: &ComponentType, role: Role) -> Result<String, RoleError> {
    let mut other_version = None;
    let mut exports = Vec::new();
    for (name, _) in ty.exports(engine) {
        match Interface::parse(name) {
            Some(it) if it.package == PACKAGE && it.name == role.interface() => {
                if it.version.starts_with(COMPATIBLE_PREFIX) {
                    return Ok(name.to_owned());
                }
                other_version = Some(display_name(name));
            }
            _ => exports.push(display_name(name)),
        }
    }
    let wanted = format!("{PACKAGE}/{}@{VERSION}", role.interface());
    exports.truncate(16);
    Err(match other_version {
        Some(found) => RoleError::Version { found, wanted },
        None => RoleError::Missing { key: role.key(), wanted, found: exports },
    })
}

fn function_type(engine: &Engine, instance: &ComponentInstance, function: &str) -> Option<String> {
    match instance.get_export(engine, function)?.ty {
        ComponentItem::ComponentFunc(func) => Some(describe::function(&func)),
        _ => None,
    }
}

/// Returns the name and type of a role's function, formatted as by [`describe`]. A test compares them with `wit/`.
pub(crate) fn signature(role: Role) -> (&'static str, String) {
    const PROBLEM: &str = "record { code: string, message: string, details: option<string> }";
    let handler = |params: &str| format!("func({params}) -> result<_, {PROBLEM}>");
    match role {
        Role::Processor => {
            let failure =
                format!("variant {{ retry: {PROBLEM}, retry-after: tuple<{PROBLEM}, u64>, reject: {PROBLEM} }}");
            ("process", format!("func(id: u64, args: string) -> result<string, {failure}>"))
        }
        Role::IdSource => ("next", format!("func() -> result<option<u64>, {PROBLEM}>")),
        Role::AddHandler => ("on-add", handler("id: u64")),
        Role::ProgressHandler => ("on-progress", handler("id: u64, current: u64, total: u64, message: string")),
        Role::SuccessHandler => ("on-success", handler("id: u64, response: string")),
        Role::ErrorHandler => ("on-error", handler(&format!("id: u64, error: {PROBLEM}"))),
    }
}

/// Escapes a name from a component for display.
pub(crate) fn display_name(name: &str) -> String {
    escaped(cut(name, 200)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_own_and_wasi_imports_in_any_patch_version() {
        for name in
            ["saggar:task/tasks@0.1.0", "saggar:task/context@0.1.7", "wasi:io/poll@0.2.0", "wasi:http/types@0.2.9"]
        {
            assert_eq!(import_problem(name), None, "{name}");
        }
    }

    #[test]
    fn every_import_of_the_contract_is_known() {
        let world = include_str!("../../../../wit/imports.wit");
        let imports: Vec<_> = world.lines().filter_map(|line| line.trim().strip_prefix("import ")).collect();
        assert!(imports.len() > 1, "{world}");
        for import in imports {
            let name = format!("{PACKAGE}/{}@{VERSION}", import.trim_end_matches(';'));
            assert_eq!(import_problem(&name), None);
        }
    }

    #[test]
    fn distinguishes_unknown_imports_from_wrong_versions() {
        let version =
            |found: &str, wanted: &str| Some(ImportProblem::Version { found: found.into(), wanted: wanted.into() });
        assert_eq!(import_problem("wasi:io/poll@0.3.0"), version("wasi:io/poll@0.3.0", "wasi:io/poll@0.2.x"));
        assert_eq!(import_problem("wasi:cli/run@0.3.0"), version("wasi:cli/run@0.3.0", "wasi:cli/run@0.2.x"));
        assert_eq!(import_problem("saggar:task/log@0.2.0"), version("saggar:task/log@0.2.0", "saggar:task/log@0.1.0"));
        for name in ["wasi:io/nothing@0.2.0", "acme:db/sql@1.0.0", "run", "saggar:task/secrets@0.1.0", SCRIPT_SOURCE] {
            assert_eq!(import_problem(name), Some(ImportProblem::Unknown(name.into())), "{name}");
        }
    }
}
