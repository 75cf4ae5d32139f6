//! A cargo inside a cargo: started from a build script or a test, yet with nothing of the outer one about it; and what cargo says of
//! a workspace.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Set by the outer cargo or by clippy, and wrong for an inner one: flags and wrappers that are not meant for guests,
/// a toolchain that has been chosen already, a job server whose pipe may be closed.
const INHERITED: [&str; 14] = [
    "RUSTC",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "MAKEFLAGS",
    "MFLAGS",
    "TARGET",
    "HOST",
    "OUT_DIR",
    "RUST_RECURSION_COUNT",
];

/// What begins so was set by the outer cargo for the package that it builds or runs. Everything else that begins with
/// `CARGO_` is the user's own: where it is installed, how it reaches the network.
const INHERITED_PREFIXES: [&str; 12] = [
    "__CARGO",
    "CARGO_BUILD_",
    "CARGO_CFG_",
    "CARGO_CRATE_",
    "CARGO_ENCODED_",
    "CARGO_FEATURE_",
    "CARGO_MAKEFLAGS",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
];

/// cargo in `directory` with the user's own settings, without what `cargo xtask` has set about its own package. Otherwise build
/// scripts that look at it would run again when a test calls cargo, and all that depends on them would be built again.
pub(crate) fn of_user(directory: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(directory);
    for (name, _) in env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// `program` in `directory`, without what an outer cargo has set.
pub(crate) fn clean(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory);
    for (name, _) in env::vars_os() {
        let inherited = name.to_str().is_some_and(|name| {
            INHERITED.contains(&name) || INHERITED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        });
        if inherited {
            command.env_remove(name);
        }
    }
    command
}

/// What `cargo metadata` says of a workspace.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    /// Where cargo builds it, whichever way the user has chosen that.
    pub(crate) target_directory: PathBuf,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) source: Option<String>,
    /// The manifest's `[package.metadata]`.
    #[serde(default)]
    pub(crate) metadata: serde_json::Value,
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
}

/// A library, binary, test and so on of a package.
#[derive(Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
    pub(crate) src_path: PathBuf,
}

/// Asks about the workspace that `directory` is in: with `--no-deps` about its own packages, without about all that it needs.
pub(crate) fn metadata(directory: &Path, arguments: &[&str]) -> Result<Metadata> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version", "1"]).args(arguments).current_dir(directory);
    let output = command.output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata in {}: {said}", directory.display());
    serde_json::from_slice(&output.stdout).context("cargo metadata is not what it was")
}
