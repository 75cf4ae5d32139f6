//! `saggar version`: what this program is made of, so that a build can be compared with what was released, and an
//! advisory with what runs.

use saggar::{SCRIPT_ENGINE, script_runner_digest, sqlite_version};
use saggar_sandbox::LIMITS_VERSION;
use serde_json::{Value, json};

use super::{output, show};
use crate::cli::VersionArgs;

/// The commit that it was built from, if the build says so.
const COMMIT: Option<&str> = option_env!("SAGGAR_COMMIT");

pub(crate) fn run(args: &VersionArgs) -> anyhow::Result<u8> {
    if args.json {
        output::json(&document().to_string())?;
        return Ok(0);
    }
    for (name, value) in rows() {
        show::line(&format!("{name:<16}{value}"))?;
    }
    Ok(0)
}

fn features() -> Vec<&'static str> {
    env!("SAGGAR_FEATURES").split(',').filter(|name| !name.is_empty()).collect()
}

fn document() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "commit": COMMIT,
        "target": env!("SAGGAR_TARGET"),
        "profile": env!("SAGGAR_PROFILE"),
        "features": features(),
        "libraries": {
            "wasmtime": env!("SAGGAR_WASMTIME_VERSION"),
            "sqlite": sqlite_version(),
            "hyper": env!("SAGGAR_HYPER_VERSION"),
            "rustls": env!("SAGGAR_RUSTLS_VERSION"),
        },
        "limits_version": LIMITS_VERSION,
        "script_runner": { "engine": SCRIPT_ENGINE, "sha256": script_runner_digest() },
    })
}

fn rows() -> Vec<(&'static str, String)> {
    vec![
        ("saggar", env!("CARGO_PKG_VERSION").to_owned()),
        ("commit", COMMIT.unwrap_or("unknown").to_owned()),
        ("target", format!("{} ({})", env!("SAGGAR_TARGET"), env!("SAGGAR_PROFILE"))),
        ("features", features().join(", ")),
        ("wasmtime", env!("SAGGAR_WASMTIME_VERSION").to_owned()),
        ("sqlite", sqlite_version().to_owned()),
        ("hyper", env!("SAGGAR_HYPER_VERSION").to_owned()),
        ("rustls", env!("SAGGAR_RUSTLS_VERSION").to_owned()),
        ("limits version", LIMITS_VERSION.to_string()),
        ("script engine", SCRIPT_ENGINE.to_owned()),
        ("script runner", format!("sha256 {}", script_runner_digest())),
    ]
}
