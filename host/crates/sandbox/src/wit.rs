//! The contract's WIT files, which are part of this program, and the world of any set of roles.

use std::borrow::Cow;
use std::fmt::Write;

use saggar_job::Role;

/// The first line of every file of the contract.
const PACKAGE: &str = "package saggar:task@0.1.0;\n";

/// The name of the world that [`wit_files`] makes for given roles.
pub const WORLD: &str = "guest";

/// A file of the contract: its name, and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitFile {
    /// The name, such as `types.wit`.
    pub name: &'static str,
    /// The WIT text.
    pub text: Cow<'static, str>,
}

macro_rules! contract {
    ($($name:literal),* $(,)?) => {
        /// All files of `wit/`: what plugins import, the roles, and the worlds.
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../../../wit/", $name)))),*];
    };
}

contract![
    "types.wit",
    "context.wit",
    "progress.wit",
    "log.wit",
    "tasks.wit",
    "kv.wit",
    "http.wit",
    "imports.wit",
    "id-source.wit",
    "add-handler.wit",
    "processor.wit",
    "progress-handler.wit",
    "success-handler.wit",
    "error-handler.wit",
    "roles.wit",
    "world.wit",
];

/// Returns the files of the contract. With roles, leaves out the other roles, and has the world [`WORLD`] of a plugin
/// with exactly these roles instead of the contract's own worlds.
pub fn wit_files(roles: &[Role]) -> Vec<WitFile> {
    let all = FILES.iter().map(|&(name, text)| WitFile { name, text: text.into() });
    if roles.is_empty() {
        return all.collect();
    }
    let is_left_out = |file: &WitFile| {
        let stem = file.name.trim_end_matches(".wit");
        let is_other_role = Role::ALL.iter().any(|role| role.interface() == stem && !roles.contains(role));
        is_other_role || ["roles", "world"].contains(&stem)
    };
    let mut files: Vec<_> = all.filter(|file| !is_left_out(file)).collect();
    files.push(WitFile { name: "world.wit", text: world(roles).into() });
    files
}

/// Returns the same as [`wit_files`] as one WIT text.
pub fn wit_text(roles: &[Role]) -> String {
    let body = |file: &WitFile| file.text.strip_prefix(PACKAGE).unwrap_or(&file.text).trim().to_owned();
    let bodies: Vec<_> = wit_files(roles).iter().map(body).collect();
    format!("{PACKAGE}\n{}\n", bodies.join("\n\n"))
}

/// Returns the file with the world of a plugin with these roles.
fn world(roles: &[Role]) -> String {
    let mut text = format!("{PACKAGE}\n/// A plugin with these roles.\nworld {WORLD} {{\n    include imports;\n\n");
    for role in Role::ALL.iter().filter(|role| roles.contains(role)) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    export {};", role.interface());
    }
    text + "}\n"
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wit_parser::Resolve;

    use super::*;

    #[test]
    fn the_files_are_those_of_the_contract() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../wit");
        let mut found: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        found.sort_unstable();
        let mut embedded: Vec<_> = wit_files(&[]).iter().map(|file| file.name.to_owned()).collect();
        embedded.sort_unstable();
        assert_eq!(found, embedded);
        assert!(FILES.iter().all(|(_, text)| text.starts_with(PACKAGE)), "wit_text relies on it");
    }

    #[test]
    fn one_text_has_the_same_worlds_and_interfaces_as_the_files() {
        for roles in [&[][..], &[Role::Processor], &[Role::SuccessHandler, Role::IdSource], &Role::ALL] {
            let mut resolve = Resolve::default();
            let package = resolve.push_str("saggar.wit", &wit_text(roles)).unwrap();
            let package = &resolve.packages[package];
            for role in Role::ALL {
                let expected = roles.is_empty() || roles.contains(&role);
                assert_eq!(package.interfaces.contains_key(role.interface()), expected, "{role:?} of {roles:?}");
            }
            let Some(world) = package.worlds.get(WORLD) else {
                assert!(roles.is_empty() && package.worlds.contains_key("plugin"));
                continue;
            };
            assert_eq!(resolve.worlds[*world].exports.len(), roles.len());
            assert_eq!(resolve.worlds[*world].imports.len(), 7, "the imports and their types");
        }
    }
}
