//! Checks the bytes of a component before it is compiled: kind, validity, and the amount of work for the compiler.

use wasmparser::{Parser, Validator, WasmFeatures};

use crate::invalid_bytes::{InvalidBytes, refused};
use crate::scan;

/// Checks everything about `bytes` that can be checked without compiling.
pub(crate) fn validate(bytes: &[u8]) -> Result<(), InvalidBytes> {
    check_kind(bytes)?;
    scan::scan(bytes)?;
    Validator::new_with_features(features()).validate_all(bytes).map_err(|error| refused(&error.to_string()))?;
    Ok(())
}

/// Checks a component as it is checked before it is compiled; the error is the reason why it is refused. For fuzz targets.
pub fn check_component(bytes: &[u8]) -> Result<(), String> {
    validate(bytes).map_err(|refused| refused.to_string())
}

/// Checks a core module as it is checked before it is encoded; the error is the reason why it is refused. For fuzz
/// targets.
pub fn check_module(bytes: &[u8]) -> Result<(), String> {
    validate_module(bytes).map_err(|refused| refused.to_string())
}

/// Checks the same of a core module, except for its kind.
pub(crate) fn validate_module(bytes: &[u8]) -> Result<(), InvalidBytes> {
    scan::scan(bytes)?;
    let features = features().difference(WasmFeatures::COMPONENT_MODEL);
    Validator::new_with_features(features).validate_all(bytes).map_err(|error| refused(&error.to_string()))?;
    Ok(())
}

/// Returns the features that wasmtime is configured to run: WebAssembly 2.0 with tail calls, and components without
/// async.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::WASM2 | WasmFeatures::COMPONENT_MODEL | WasmFeatures::TAIL_CALL;
    features |= WasmFeatures::EXTENDED_CONST | WasmFeatures::MULTI_MEMORY;
    // wasmtime is built without a garbage collector, and its error about a table of `externref` is less clear.
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
    fn the_error_names_the_kind_of_file() {
        assert_eq!(validate(b""), Err(InvalidBytes::Empty));
        assert_eq!(validate(b"  (component)"), Err(InvalidBytes::Text));
        assert_eq!(validate(b"\0asm\x01\0\0\0"), Err(InvalidBytes::CoreModule));
        assert_eq!(validate(b"\x7fELF whatever"), Err(InvalidBytes::NotWasm));
        assert!(matches!(validate(b"\0asm"), Err(InvalidBytes::Malformed(_))));
        assert!(matches!(validate(b"\0asm\x0d\0\x01\0\xff"), Err(InvalidBytes::Malformed(_))));
        assert_eq!(validate(b"\0asm\x0d\0\x01\0"), Ok(()));
    }
}
