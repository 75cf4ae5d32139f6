//! The ids of jobs that a guest adds: above 2^53 - 1 they are exact, or an error.

use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code, response};
use serde_json::json;

use super::Language;

/// A number that a double cannot hold.
const LARGE: u64 = (1 << 53) + 1;

pub(super) async fn conform(language: &Language) {
    let large = json!({ "process": "plugins.large#echo", "event": { "next": "plugins.large#large" } });
    let mut adding = language.task("passed");
    // A second attempt would add another job with the same id.
    adding["attempts"] = 0.into();
    let app = language.app().plugin("large", guests::CONFORMANCE).task("nowhere", &large).task("adding", &adding);
    let host = TestHost::start(app).await;
    let added = host.run("adding", json!([])).await;
    if language.has_exact_ids {
        assert_eq!(response(&added), LARGE);
    } else {
        assert_eq!(problem_code(&added), "id-too-large");
    }
    host.end("nowhere", LARGE).await;
    host.shutdown().await;
}
