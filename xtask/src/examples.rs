//! Builds the examples' plugins and installs them into the apps that use them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::cargo::Package;
use crate::{cargo, guests};

/// Returns the repository's directory.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Builds the examples and copies each component to `plugins/` of the apps that its package names under
/// `[package.metadata.saggar]`. Returns the paths of the copies.
pub fn install() -> Result<Vec<PathBuf>> {
    let examples = root().join("examples").canonicalize().context("the examples are not there")?;
    let packages = cargo::metadata(&examples, &["--no-deps"])?.packages;
    let mut installed = Vec::new();
    for guest in guests::build(&examples, &examples.join("target"))? {
        let package = packages.iter().find(|package| package.name == guest.name);
        for app in package.into_iter().flat_map(apps) {
            let app = examples.join("apps").join(app);
            ensure!(app.is_dir(), "{} names an app that is not there: {}", guest.name, app.display());
            let component = app.join("plugins").join(&guest.name).with_extension("wasm");
            copy(&guest.path, &component)?;
            installed.push(component);
        }
    }
    Ok(installed)
}

/// Runs the examples' own tests, which are native and use the SDK's fake host.
pub fn test() -> Result<()> {
    let output = cargo::clean("cargo", &root().join("examples"))
        .args(["test", "--quiet", "--workspace"])
        .output()
        .context("cannot start cargo")?;
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "the examples' tests fail; run `cargo test` in examples/\n{printed}\n{errors}");
    Ok(())
}

/// Replaces the file atomically, because a host may be loading the app.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let directory = to.parent().context("a component lies in a directory")?;
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let half = to.with_extension(format!("new-{}", std::process::id()));
    fs::copy(from, &half).with_context(|| format!("cannot write {}", half.display()))?;
    fs::rename(&half, to).with_context(|| format!("cannot write {}", to.display()))
}

/// Returns the apps that a package names under `[package.metadata.saggar]`.
fn apps(package: &Package) -> impl Iterator<Item = &str> {
    let apps = package.metadata["saggar"]["apps"].as_array();
    apps.into_iter().flatten().filter_map(|app| app.as_str())
}
