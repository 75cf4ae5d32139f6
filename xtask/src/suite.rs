//! `cargo xtask test`: installs what the tests need, then runs all of them.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::languages::Languages;
use crate::{cargo, examples, guests, tools};

/// Runs the whole suite. `arguments` are passed on to `cargo test`: a filter, `--release`, or what comes after `--`.
///
/// Returns whether all tests passed; cargo has printed the failures.
pub fn run(arguments: &[OsString]) -> Result<bool> {
    let root = examples::root().canonicalize().context("the repository is not there")?;
    let target = cargo::metadata(&root, &["--no-deps"])?.target_directory;
    tools::install(&root, &target)?;
    Languages::new(&root, &target).install()?;
    guests::ensure_target(&root)?;
    eprintln!("Building and running all tests. The first build compiles wasmtime: some ten minutes on two cores.");
    let status = cargo_test(&root, arguments).status().context("cannot start cargo")?;
    Ok(status.success())
}

fn cargo_test(root: &Path, arguments: &[OsString]) -> Command {
    let mut cargo = cargo::of_user(root);
    cargo.args(["test", "--workspace", "--locked"]).args(arguments);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_passed_on_to_cargo() {
        let arguments = ["--test", "durable", "--", "--nocapture"].map(OsString::from);
        let cargo = cargo_test(Path::new("/repository"), &arguments);
        let words: Vec<_> = cargo.get_args().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(words, ["test", "--workspace", "--locked", "--test", "durable", "--", "--nocapture"]);
        assert_eq!(cargo.get_current_dir(), Some(Path::new("/repository")));
    }

    #[test]
    fn the_target_directory_is_the_workspaces() {
        let root = examples::root().canonicalize().unwrap();
        let target = cargo::metadata(&root, &["--no-deps"]).unwrap().target_directory;
        assert!(std::env::current_exe().unwrap().starts_with(&target), "{}", target.display());
    }
}
