//! How a host is deployed: its unit for systemd, and what a build says of itself.

use std::fs;
use std::path::{Path, PathBuf};

use saggar_tests::program::{output, saggar};
use saggar_tests::tools::tool;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The highest exposure of the unit, on the scale of systemd from 0 to 10.
const MAX_EXPOSURE: f64 = 1.5;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_unit_for_systemd_is_hardly_exposed() {
    let unit = repository().join("deploy/saggar.service");
    let mut analyze = tool("systemd-analyze");
    let said = output(analyze.args(["security", "--offline=true", "--no-pager"]).arg(&unit));
    assert_eq!(said.code, Some(0), "{said:?}");
    let line = said.out.lines().find(|line| line.contains("Overall exposure level"));
    let line = line.unwrap_or_else(|| panic!("no exposure: {said:?}"));
    let level = line.split_whitespace().find_map(|word| word.parse::<f64>().ok());
    let level = level.unwrap_or_else(|| panic!("no number: {line}"));
    assert!(level <= MAX_EXPOSURE, "{line}\n{}", said.out);
    // It is systemd that would report a misspelt setting, and would ignore it.
    assert!(!said.err.contains("gnoring") && !said.err.contains("nknown"), "{}", said.err);
}

#[test]
fn the_unit_says_why_memory_can_become_executable() {
    let unit = fs::read_to_string(repository().join("deploy/saggar.service")).expect("the unit");
    let (before, _) = unit.split_once("\nMemoryDenyWriteExecute=no").expect("the setting");
    let comment = before.rsplit("\n\n").next().unwrap_or_default();
    assert!(comment.contains("native code") && comment.lines().all(|line| line.starts_with('#')), "{comment}");
}

#[test]
fn a_build_says_what_it_is_made_of() {
    let said = saggar(["version", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let version: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert!(version["target"].as_str().is_some_and(|target| target.contains("linux")), "{version}");
    assert!(version["commit"].is_null() || version["commit"].is_string(), "{version}");
    assert!(version["limits_version"].as_u64().is_some_and(|number| number >= 2), "{version}");
    let lock: toml::Table =
        fs::read_to_string(repository().join("Cargo.lock")).expect("Cargo.lock").parse().expect("TOML");
    let packages = lock["package"].as_array().expect("packages");
    for name in ["hyper", "rustls", "wasmtime"] {
        let locked = packages.iter().find(|package| package["name"].as_str() == Some(name)).expect("a package");
        assert_eq!(version["libraries"][name].as_str(), locked["version"].as_str(), "{name}");
    }
    assert_eq!(version["libraries"]["sqlite"], rusqlite::version());
    let runner = fs::read(repository().join("host/script-runner/script-runner.wasm")).expect("the script runner");
    let digest: String = Sha256::digest(&runner).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(version["script_runner"]["sha256"], digest);
    let text = saggar(["version"]).out;
    assert!(text.contains(&digest) && text.contains("wasmtime"), "{text}");
    assert!(saggar(["--version"]).out.starts_with(&format!("saggar {}", env!("CARGO_PKG_VERSION"))));
}
