//! Plugins: what is checked before a component is compiled, or a core module is encoded.

use saggar_sandbox::{check_component, check_module};

/// A refusal is shown and logged, so it must be short.
const MAX_REFUSAL: usize = 64 << 10;

/// Checks the bytes as the process that compiles does.
pub fn run(bytes: &[u8]) {
    for checked in [check_component(bytes), check_module(bytes)] {
        if let Err(refusal) = checked {
            assert!(!refusal.is_empty(), "a refusal without a reason");
            assert!(refusal.len() <= MAX_REFUSAL, "a refusal of {} bytes", refusal.len());
        }
    }
}
