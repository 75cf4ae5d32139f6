//! The components for scripts. The script runner runs JavaScript; `script-runner/` has its source and the command that builds it.

use sha2::{Digest, Sha256};

/// The engine in it and its version, for people. A test compares it with what the component says.
pub const SCRIPT_ENGINE: &str = "QuickJS-NG 0.16.2";

/// Returns the SHA-256 of the component, in hexadecimal.
pub fn script_runner_digest() -> String {
    Sha256::digest(SCRIPT_RUNNER).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The component that blanks out the types of TypeScript. `type-stripper/` has its source; the same command builds it.
pub(crate) const TYPE_STRIPPER: &[u8] = include_bytes!("../type-stripper/type-stripper.wasm");

/// The component that runs scripts.
pub(crate) const SCRIPT_RUNNER: &[u8] = include_bytes!("../script-runner/script-runner.wasm");
