//! Starts cargo from a build script or a test, without the environment of the outer cargo; and reads cargo's description of a
//! workspace.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Variables that the outer cargo or clippy sets, and that are wrong for an inner cargo: flags and wrappers that are not for
/// guests, the chosen toolchain, a job server whose pipe may be closed.
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

/// Prefixes of variables that the outer cargo sets for the package that it builds or runs. All others that begin with `CARGO_`
/// are the user's settings, such as the installation and the network.
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

/// Returns a cargo command in `directory` with the user's settings, without the variables that `cargo xtask` sets for its own
/// package. With them, build scripts that read them would run again when a test calls cargo, and their dependents be rebuilt.
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

/// Returns a command in `directory` without the variables that an outer cargo has set.
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

/// The output of `cargo metadata` for a workspace.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    /// The target directory, however the user has configured it.
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

/// Describes the workspace of `directory`: only its own packages with `--no-deps`, otherwise all dependencies as well.
pub(crate) fn metadata(directory: &Path, arguments: &[&str]) -> Result<Metadata> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version", "1"]).args(arguments).current_dir(directory);
    let output = command.output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata in {}: {said}", directory.display());
    serde_json::from_slice(&output.stdout).context("cargo metadata is not what it was")
}
