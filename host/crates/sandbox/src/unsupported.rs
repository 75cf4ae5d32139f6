//! Explains which unsupported feature a component needs. Errors of the validator and the compiler only name a proposal.

/// Fragments of error messages, the feature they are about, and what to do.
const PROPOSALS: [(&[&str], &str, &str); 6] = [
    (
        &[
            "component model async",
            "component model more async",
            "component model threading",
            "component model error-context",
        ],
        "the asynchronous component model of WASI 0.3",
        "build it for WASI 0.2, with exports that are not `async`; componentize-qjs needs `--sync`",
    ),
    (
        &["gc types", "requires gc", "gc proposal", "function references"],
        "references that are garbage-collected, such as tables of `externref`",
        "build it without them; tables of `funcref` are supported",
    ),
    (&["exceptions proposal", "legacy exceptions"], "WebAssembly exceptions", "build it without them"),
    (
        &["threads must be enabled", "threads support is not enabled", "shared memories", "shared-everything-threads"],
        "threads or shared memories",
        "build it for one thread",
    ),
    (&["memory64", "64-bit memor"], "memories with 64-bit addresses", "build it for wasm32"),
    (&["relaxed SIMD", "relaxed-simd"], "relaxed SIMD", "build it with plain SIMD, or without"),
];

/// Explains `text`, an error about a component, if it is about an unsupported proposal: the feature, what to do, and
/// the text itself.
pub(crate) fn explain(text: &str) -> Option<String> {
    let (_, what, instead) = PROPOSALS.iter().find(|(parts, ..)| parts.iter().any(|part| text.contains(part)))?;
    Some(format!("{what}; {instead} ({text})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsupported_proposal_is_explained() {
        let of = |text: &str| explain(text).unwrap_or_default();
        assert!(of("`task.cancel` requires the component model async feature (at offset 0x8)").contains("not `async`"));
        assert!(of("gc types are disallowed but found type which requires gc").contains("`externref`"));
        assert!(of("exceptions proposal not enabled (at offset 0x8)").contains("exceptions"));
        assert_eq!(explain("unexpected end-of-file (at offset 0x8)"), None);
    }
}
