//! Plugins without an SDK, which catches exceptions: one that is not caught is a trap, and the details of its problem have what
//! the language's runtime wrote about it.

use std::path::Path;

use saggar::FailureKind;
use saggar_tests::app::App;
use saggar_tests::host::{TestHost, problem_code};
use serde_json::{Value, json};

use super::languages;

/// Runs a job of the guest `crash`, and asserts that the last lines on standard error name the exception.
async fn assert_is_explained(component: &Path) {
    let path = component.to_str().expect("a path in UTF-8");
    let app = App::new().plugin("crash", path).task("crash", &json!({ "process": "plugins.crash" }));
    let host = TestHost::start(app).await;
    for word in ["glass", "eggs"] {
        let job = host.run("crash", json!([word])).await;
        assert_eq!((problem_code(&job), job.reason), ("trap", Some(FailureKind::Trap)));
        let problem = job.problem.expect("why it failed");
        assert!(problem.message.ends_with("the details have its last lines on standard error"), "{problem:?}");
        let details: Value = serde_json::from_str(problem.details.as_deref().expect("details")).expect("JSON");
        let lines: Vec<_> = details["stderr"].as_array().expect("lines").iter().filter_map(Value::as_str).collect();
        let expected = format!("cannot handle {word}");
        assert_eq!(lines.iter().filter(|line| line.contains(&expected)).count(), 1, "{lines:#?}");
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript() {
    assert_is_explained(&languages().javascript_without_sdk().expect("the guest builds")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_with_web_apis() {
    assert_is_explained(&languages().javascript_with_web_apis_without_sdk().expect("the guest builds")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    assert_is_explained(&languages().python_without_sdk().expect("the guest builds")).await;
}
