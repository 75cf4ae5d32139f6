//! Why the bytes of a component are refused before they are compiled.

use serde::{Deserialize, Serialize};

use crate::unsupported;

/// Maximum bytes of a component file. Python components, the largest common ones, have 20 to 40 MiB.
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
    #[error("this is precompiled native code, which is never accepted: use the component that it was compiled from")]
    Native,
    /// A core module.
    #[error(
        "this is a core WebAssembly module, not a component: build it for the target wasm32-wasip2, or make a component of \
         it with `saggar component`"
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
        /// How many a sandbox would have.
        found: u128,
        /// The limit.
        most: u32,
    },
}

/// Converts an error of the validator. If it is about an unsupported feature, the result names the feature.
pub(crate) fn refused(text: &str) -> InvalidBytes {
    match unsupported::explain(text) {
        Some(what) => InvalidBytes::Unsupported(what),
        None => InvalidBytes::Malformed(text.to_owned()),
    }
}
