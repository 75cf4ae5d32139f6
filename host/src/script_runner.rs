//! The components for scripts. The script runner runs JavaScript; `script-runner/` has its source and the command that builds it.

/// The engine in it and its version, for people. A test compares it with what the component says.
pub const SCRIPT_ENGINE: &str = "QuickJS-NG 0.16.2";

/// The component that blanks out the types of TypeScript. `type-stripper/` has its source; the same command builds it.
pub(crate) const TYPE_STRIPPER: &[u8] = include_bytes!("../type-stripper/type-stripper.wasm");

/// The component that runs scripts.
pub(crate) const SCRIPT_RUNNER: &[u8] = include_bytes!("../script-runner/script-runner.wasm");
