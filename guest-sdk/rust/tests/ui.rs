//! The compile errors of `#[plugin]` for functions that the host could not call.

#[test]
fn errors_show_the_expected_signature() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
