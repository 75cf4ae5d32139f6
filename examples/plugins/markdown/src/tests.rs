//! Rendering on a fake host.

use saggar_guest::json;
use saggar_guest::testing::FakeHost;

use crate::markdown::Plugin;

#[test]
fn each_document_becomes_a_page_and_a_progress_report() {
    let host = FakeHost::new();
    let documents = json!([{ "name": "kiln.md", "text": "# The `kiln`\n\nHot & __big__.\n\n## Firing it" }]);
    let pages = host.process::<Plugin>((documents,)).unwrap();
    assert_eq!(pages[0]["name"], "kiln.html");
    assert_eq!(pages[0]["title"], "The kiln");
    assert_eq!(pages[0]["contents"][1], json!({ "level": 2, "text": "Firing it", "anchor": "section-2" }));
    let html = "<h1 id=\"section-1\">The <code>kiln</code></h1>\n<p>Hot &amp; <strong>big</strong>.</p>\n\
                <h2 id=\"section-2\">Firing it</h2>\n";
    assert_eq!(pages[0]["html"], html);
    let steps: Vec<_> = host.progress().into_iter().map(|step| (step.current, step.message)).collect();
    assert_eq!(steps, [(0, "kiln.md".to_owned()), (1, "rendered".to_owned())]);
}

#[test]
fn a_document_without_text_is_rejected_by_its_argument() {
    let failure = FakeHost::new().process::<Plugin>(json!([[{ "name": "kiln.md" }]])).unwrap_err();
    assert_eq!(failure.problem().message(), "argument 1 `documents`: missing field `text`");
    let failure = FakeHost::new().process::<Plugin>(json!([[]])).unwrap_err();
    assert_eq!(failure.problem().code(), "no-documents");
}
