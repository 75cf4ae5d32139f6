//! Compiles the bytes of a component to native code. Everything that parses the bytes is called from here, so it can
//! run in its own process.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::invalid_bytes::InvalidBytes;
use crate::validate;

/// Version of the checks before compiling. Increase it with every change of them, so components that passed older
/// checks are checked again.
pub const LIMITS_VERSION: u32 = 2;

/// Maximum bytes of native code of one component. A Python component of 18 MiB has about 60 MiB.
pub(crate) const MAX_CODE: u64 = 512 << 20;

/// Why a component was not compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NotCompiled {
    /// The bytes are not an acceptable component.
    Invalid(InvalidBytes),
    /// The compiler failed.
    Failed(String),
}

/// Checks and compiles a component.
pub(crate) fn compile(engine: &wasmtime::Engine, bytes: &[u8]) -> Result<Vec<u8>, NotCompiled> {
    // The compiler handles untrusted input; a panic must fail only this plugin.
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
