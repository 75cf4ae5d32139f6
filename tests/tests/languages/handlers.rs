//! What id sources return, and what handlers get.

use saggar_tests::host::{TestHost, response};
use serde_json::json;

use super::Language;

pub(super) async fn conform(language: &Language) {
    ids(language).await;
    calls(language).await;
    repeated_calls(language).await;
}

async fn ids(language: &Language) {
    let numbered =
        |name: &str| json!({ "process": language.reference("echo"), "event": { "next": language.reference(name) } });
    let names =
        ["counter", "fixed", "large", "exhausted"].into_iter().chain((!language.is_script()).then_some("missing"));
    let app = names.fold(language.app(), |app, name| app.task(name, &numbered(name)));
    let host = TestHost::start(app).await;
    let added = async |name: &str| host.try_add(name, json!([0])).await;
    assert_eq!((added("counter").await, added("counter").await), (Ok(1), Ok(2)));
    let second = if language.is_script() { Ok(4712) } else { Err("duplicate-id".into()) };
    assert_eq!((added("fixed").await, added("fixed").await), (Ok(4711), second));
    let large = if language.has_exact_ids { Ok((1 << 53) + 1) } else { Err("next-failed".into()) };
    assert_eq!(added("large").await, large);
    assert_eq!(added("exhausted").await, Err("next-failed".into()));
    if !language.is_script() {
        assert_eq!(added("missing").await, Err("next-failed".into()));
    }
    host.shutdown().await;
}

async fn calls(language: &Language) {
    let handled = |processor: &str| {
        let event = json!({
            "add": language.reference("added"), "progress": language.reference("progressed"),
            "success": language.reference("succeeded"), "error": language.reference("failed"),
        });
        json!({ "process": language.reference(processor), "event": event })
    };
    let app = language
        .app()
        .task("good", &handled("progress"))
        .task("bad", &handled("reject"))
        .task("echo", &handled("echo"));
    let host = TestHost::start(app).await;
    host.response("good", json!([])).await;
    host.run("bad", json!([])).await;
    host.response("echo", json!([{ "b": [1, "ü"], "a": null }])).await;
    host.idle().await;
    let mut expected = vec!["added 1", "progressed 1 2/2 done ✓", "succeeded 1 \"reported\""];
    if language.is_script() {
        // The script names the task that it has in the table of processors.
        let warning = "progress of `tasks.progress` with the id of this job counts as this job's: its task is `good`";
        expected.insert(2, warning);
    }
    assert_eq!(host.log("good", 1).await, expected);
    let log = host.log("bad", 1).await;
    let code = if language.is_script() { "" } else { "no-page: " };
    let failed = format!("failed 1 {code}page 7 does not exist");
    assert_eq!((log[0].as_str(), log.last()), ("added 1", Some(&failed)));
    let log = host.log("echo", 1).await;
    let response = log.last().and_then(|line| line.strip_prefix("succeeded 1 ")).expect("the success handler's line");
    assert_eq!(serde_json::from_str::<serde_json::Value>(response).ok(), Some(json!({ "a": null, "b": [1, "ü"] })));
    host.shutdown().await;
}

/// The handler fails after it has added a job, so it is called again; the job is added once.
async fn repeated_calls(language: &Language) {
    let event = json!({ "success": language.reference("repeated") });
    let task = json!({ "process": language.reference("nothing"), "event": event });
    let host = TestHost::start(language.app().task("it", &task)).await;
    host.response("it", json!([])).await;
    host.idle().await;
    let failures = host.log("it", 1).await;
    let failures = failures.iter().filter(|line| line.contains("as-asked: the handler fails")).count();
    assert!(failures > 1, "the handler was called {failures} times");
    assert_eq!(response(&host.end("journal", 1).await), "succeeded");
    assert_eq!(host.try_job("journal", 2).await, Err("unknown-job".into()));
    host.shutdown().await;
}
