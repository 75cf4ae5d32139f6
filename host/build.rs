//! Embeds the templates of `saggar new`, with the guest SDKs that they contain, and the pages of the guide, as tables of
//! paths and texts; and what `saggar version` prints.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folders: their place in the table, and their place in the repository, relative to this package.
const TEMPLATES: [(&str, &str); 6] = [
    ("templates", "templates"),
    ("sdk/rust", "../guest-sdk/rust"),
    ("sdk/js", "../guest-sdk/js"),
    ("sdk/python", "../guest-sdk/python"),
    ("sdk/c", "../guest-sdk/c"),
    ("sdk/go", "../guest-sdk/go"),
];

/// The pages of the guide.
const GUIDE: [(&str, &str); 1] = [("guide", "../docs/guide/src")];

/// Names that are no part of an SDK: tests, and what tools write.
const LEFT_OUT: [&str; 8] = ["tests", "test", "target", "node_modules", "__pycache__", ".venv", "dist", "build"];

fn main() -> io::Result<()> {
    write_table("template_files.rs", &TEMPLATES)?;
    write_table("guide_files.rs", &GUIDE)?;
    tell_versions(&directory("CARGO_MANIFEST_DIR").join("../Cargo.lock"))
}

fn write_table(table_file: &str, folders: &[(&str, &str)]) -> io::Result<()> {
    let package = directory("CARGO_MANIFEST_DIR");
    let mut files = Vec::new();
    for (name, folder) in folders {
        let folder = package.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        if folder.is_dir() {
            collect(&folder, name, &mut files)?;
        }
    }
    files.sort();
    let mut table = String::from("&[\n");
    for (name, path) in &files {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "    ({name:?}, include_str!({:?})),", path.display().to_string());
    }
    fs::write(directory("OUT_DIR").join(table_file), table + "]\n")
}

/// Libraries whose advisories concern the host, and the variables with their versions in `saggar version`.
const LIBRARIES: [(&str, &str); 3] =
    [("hyper", "SAGGAR_HYPER_VERSION"), ("rustls", "SAGGAR_RUSTLS_VERSION"), ("wasmtime", "SAGGAR_WASMTIME_VERSION")];

/// Passes what `saggar version` prints to the compiler: the target, the profile, the features, and the locked versions.
fn tell_versions(lock: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", lock.display());
    let locked = fs::read_to_string(lock)?;
    for (name, variable) in LIBRARIES {
        let entry = format!("\nname = \"{name}\"\nversion = \"");
        let after = locked.split_once(&entry).map(|(_, after)| after);
        let version = after.and_then(|after| after.split('"').next());
        let version = version.ok_or_else(|| io::Error::other(format!("{} has no {name}", lock.display())))?;
        println!("cargo::rustc-env={variable}={version}");
    }
    for (from, variable) in [("TARGET", "SAGGAR_TARGET"), ("PROFILE", "SAGGAR_PROFILE")] {
        let value = std::env::var_os(from).and_then(|value| value.into_string().ok());
        let value = value.ok_or_else(|| io::Error::other(format!("cargo has not set {from}")))?;
        println!("cargo::rustc-env={variable}={value}");
    }
    let mut features: Vec<_> = std::env::vars()
        .filter_map(|(name, _)| name.strip_prefix("CARGO_FEATURE_").map(|name| name.to_lowercase().replace('_', "-")))
        .collect();
    features.sort();
    println!("cargo::rustc-env=SAGGAR_FEATURES={}", features.join(","));
    Ok(())
}

fn collect(folder: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let own = entry.file_name().to_string_lossy().into_owned();
        if own.starts_with('.') || name.starts_with("sdk/") && is_left_out(name, &own) {
            continue;
        }
        let name = format!("{name}/{own}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &name, files)?;
        } else {
            files.push((name, entry.path()));
        }
    }
    Ok(())
}

/// Returns whether a file of an SDK is not copied to plugins.
fn is_left_out(folder: &str, name: &str) -> bool {
    // The builder of plugins in Go is part of its SDK.
    let is_builder = (folder, name) == ("sdk/go", "build");
    LEFT_OUT.contains(&name) && !is_builder || name.ends_with("_test.go")
}

fn directory(variable: &str) -> PathBuf {
    std::env::var_os(variable).expect("cargo sets the variables of build scripts").into()
}
