//! Checks the bytes of a component before the compiler: kind, size, validity, and how much there is to compile.

use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Validator, WasmFeatures};

use crate::{scan, unsupported};

/// Maximum size of a component file. Python components, the largest common ones, have 20 to 40 MiB.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

/// What is wrong with a component's bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum InvalidBytes {
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The file exceeds the size limit.
    #[error("the file has {found} bytes; at most {MAX_BYTES} are accepted")]
    TooLarge {
        /// Size of the file.
        found: u64,
    },
    /// WebAssembly in its text format.
    #[error(
        "this is WebAssembly in its text format; only binary components are accepted: build one with `wasm-tools parse`"
    )]
    Text,
    /// Native code.
    #[error("this is precompiled native code, which is never accepted: give the component it was made from")]
    Native,
    /// A core module.
    #[error(
        "this is a core WebAssembly module, not a component: build it for the target wasm32-wasip2, or wrap it with \
         `wasm-tools component new`"
    )]
    CoreModule,
    /// Not WebAssembly at all.
    #[error("this is not WebAssembly: it does not start with the bytes \"\\0asm\"")]
    NotWasm,
    /// Damaged, truncated, or of an unknown version.
    #[error("this is not a valid component: {0}")]
    Malformed(String),
    /// Valid, but it needs an unsupported feature.
    #[error("the component needs a feature that this host does not support: {0}")]
    Unsupported(String),
    /// Too much work for the compiler.
    #[error("the component has more than {most} {what}, the maximum that is compiled")]
    TooMuch {
        /// What exceeds the limit.
        what: String,
        /// The limit.
        most: u64,
    },
    /// Nested too deeply for parsers that recurse.
    #[error("the component has more than {most} nested {what}")]
    TooDeep {
        /// What nests.
        what: String,
        /// The limit.
        most: usize,
    },
    /// More than a sandbox may have, including nested instances.
    #[error("the component has {found} {what}; at most {most} fit in a sandbox")]
    TooMany {
        /// What exceeds the limit.
        what: String,
        /// How many one sandbox would have.
        found: u128,
        /// How many it may have.
        most: u32,
    },
}

/// Checks everything about `bytes` that can be checked without compiling.
pub(crate) fn validate(bytes: &[u8]) -> Result<(), InvalidBytes> {
    check_kind(bytes)?;
    scan::scan(bytes)?;
    Validator::new_with_features(features()).validate_all(bytes).map_err(|error| refused(&error.to_string()))?;
    Ok(())
}

/// Turns an error of the validator into one that names an unsupported feature, if it is about one.
pub(crate) fn refused(text: &str) -> InvalidBytes {
    match unsupported::explain(text) {
        Some(what) => InvalidBytes::Unsupported(what),
        None => InvalidBytes::Malformed(text.to_owned()),
    }
}

/// What wasmtime is configured to run: WebAssembly 2.0 with tail calls, and components without async.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::WASM2 | WasmFeatures::COMPONENT_MODEL | WasmFeatures::TAIL_CALL;
    features |= WasmFeatures::EXTENDED_CONST | WasmFeatures::MULTI_MEMORY;
    // There is no garbage collector, and wasmtime's error about a table of `externref` would be less clear.
    features.remove(WasmFeatures::GC_TYPES);
    features
}

fn check_kind(bytes: &[u8]) -> Result<(), InvalidBytes> {
    if bytes.is_empty() {
        return Err(InvalidBytes::Empty);
    }
    if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err(InvalidBytes::Native);
    }
    if !bytes.starts_with(b"\0asm") {
        let start = bytes.trim_ascii_start();
        let is_text = start.starts_with(b"(") || start.starts_with(b";;");
        return Err(if is_text { InvalidBytes::Text } else { InvalidBytes::NotWasm });
    }
    if Parser::is_core_wasm(bytes) { Err(InvalidBytes::CoreModule) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_a_file_is_instead() {
        assert_eq!(validate(b""), Err(InvalidBytes::Empty));
        assert_eq!(validate(b"  (component)"), Err(InvalidBytes::Text));
        assert_eq!(validate(b"\0asm\x01\0\0\0"), Err(InvalidBytes::CoreModule));
        assert_eq!(validate(b"\x7fELF whatever"), Err(InvalidBytes::NotWasm));
        assert!(matches!(validate(b"\0asm"), Err(InvalidBytes::Malformed(_))));
        assert!(matches!(validate(b"\0asm\x0d\0\x01\0\xff"), Err(InvalidBytes::Malformed(_))));
        assert_eq!(validate(b"\0asm\x0d\0\x01\0"), Ok(()));
    }
}
