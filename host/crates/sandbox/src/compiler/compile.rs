//! From the bytes of a component to native code. Whatever parses them stands here, so that it can be done in a process of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::validate::{self, InvalidBytes};

/// Raised whenever a check before the compiler changes, so that what was compiled under older ones is checked again.
pub(crate) const LIMITS_VERSION: u32 = 1;

/// Bytes of native code of one component. A Python component of 18 MiB has some 60 MiB.
pub(crate) const MAX_CODE: u64 = 512 << 20;

/// Why bytes were not compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NotCompiled {
    /// They are no component that is accepted.
    Invalid(InvalidBytes),
    /// The compiler failed.
    Failed(String),
}

/// Checks and compiles a component.
pub(crate) fn compile(engine: &wasmtime::Engine, bytes: &[u8]) -> Result<Vec<u8>, NotCompiled> {
    // The compiler meets code that nobody trusts; should it panic, that is one plugin's misfortune.
    catch_unwind(AssertUnwindSafe(|| {
        validate::validate(bytes).map_err(NotCompiled::Invalid)?;
        let code = engine.precompile_component(bytes).map_err(|error| NotCompiled::Failed(format!("{error:#}")))?;
        if code.len() as u64 > MAX_CODE {
            return Err(NotCompiled::Failed(format!(
                "its native code would have {} bytes; at most {MAX_CODE} are accepted",
                code.len()
            )));
        }
        Ok(code)
    }))
    .unwrap_or_else(|_| Err(NotCompiled::Failed("the compiler panicked".to_owned())))
}
