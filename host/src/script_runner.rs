//! The script runner: a component that runs JavaScript. `script-runner/` has its source and the command that builds it.

/// The engine in it and its version, for people. A test compares it with what the component says.
pub const SCRIPT_ENGINE: &str = "QuickJS-NG 0.16.2";

/// The component.
pub(crate) const SCRIPT_RUNNER: &[u8] = include_bytes!("../script-runner/script-runner.wasm");
