//! Looks at the bytes of a component before the compiler does: kind, size, validity, and how much there is to compile.

use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::unsupported;

/// Bytes of a component file. Python components, the largest ordinary ones, have 20 to 40 MiB.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

/// Functions in all modules of a component. Interpreters have some 10,000; each costs time and memory to compile.
const MAX_FUNCTIONS: u64 = 40_000;

/// Bytes of one function's body. The compiler's work grows faster than a body: 600 KB of small branches take it 8 s. The
/// main loops of interpreters have some 200 KB.
const MAX_BODY: u64 = 512 << 10;

/// Types in all modules and components inside.
const MAX_TYPES: u64 = 100_000;

/// Core modules in a component, each with its own tables of code.
const MAX_MODULES: u64 = 200;

/// What is wrong with a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBytes {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// More than is ever read.
    #[error("the file has {found} bytes; at most {MAX_BYTES} are accepted")]
    TooLarge {
        /// Its size.
        found: u64,
    },
    /// The text format.
    #[error(
        "this is WebAssembly in its text format; only binary components are accepted: build one with `wasm-tools parse`"
    )]
    Text,
    /// Native code.
    #[error(
        "this is precompiled native code, which is never accepted from outside: give the component it was made from"
    )]
    Native,
    /// A core module.
    #[error(
        "this is a core WebAssembly module, not a component: build it for the target wasm32-wasip2, or wrap it with \
         `wasm-tools component new`"
    )]
    CoreModule,
    /// Something else altogether.
    #[error("this is not WebAssembly: it does not start with the bytes \"\\0asm\"")]
    NotWasm,
    /// Broken, cut off, or of a newer kind.
    #[error("this is not a valid component: {0}")]
    Malformed(String),
    /// Valid elsewhere.
    #[error("the component needs what this host does not run: {0}")]
    Unsupported(String),
    /// A burden for the compiler.
    #[error("the component has more than {most} {what}, which is more than is compiled")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        most: u64,
    },
}

/// Checks everything about `bytes` that can be known without compiling.
pub(crate) fn validate(bytes: &[u8]) -> Result<(), InvalidBytes> {
    check_kind(bytes)?;
    count(bytes)?;
    Validator::new_with_features(features()).validate_all(bytes).map_err(|error| refused(&error.to_string()))?;
    Ok(())
}

/// What the validator says, in words that its reader knows if it is about a proposal that this host does not run.
fn refused(text: &str) -> InvalidBytes {
    match unsupported::explain(text) {
        Some(what) => InvalidBytes::Unsupported(what),
        None => InvalidBytes::Malformed(text.to_owned()),
    }
}

/// What wasmtime is configured to run: WebAssembly 2.0 with tail calls, and components without async.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::WASM2 | WasmFeatures::COMPONENT_MODEL | WasmFeatures::TAIL_CALL;
    features |= WasmFeatures::EXTENDED_CONST | WasmFeatures::MULTI_MEMORY;
    // wasmtime has no garbage collector here, and would refuse a table of `externref` less clearly.
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

fn count(bytes: &[u8]) -> Result<(), InvalidBytes> {
    let (mut functions, mut types, mut modules, mut body) = (0_u64, 0_u64, 0_u64, 0_u64);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| InvalidBytes::Malformed(error.to_string()))? {
            Payload::FunctionSection(section) => functions += u64::from(section.count()),
            Payload::CodeSectionEntry(code) => body = body.max(code.range().len() as u64),
            Payload::TypeSection(section) => types += u64::from(section.count()),
            Payload::ComponentTypeSection(section) => types += u64::from(section.count()),
            Payload::CoreTypeSection(section) => types += u64::from(section.count()),
            Payload::Version { encoding: Encoding::Module, .. } => modules += 1,
            _ => {}
        }
    }
    for (what, found, most) in [
        ("functions", functions, MAX_FUNCTIONS),
        ("types", types, MAX_TYPES),
        ("core modules", modules, MAX_MODULES),
        ("bytes in one function", body, MAX_BODY),
    ] {
        if found > most {
            return Err(InvalidBytes::TooMuch { what, most });
        }
    }
    Ok(())
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
