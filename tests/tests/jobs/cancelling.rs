//! Cancelling jobs.

use saggar::FailureKind;
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code};
use serde_json::json;

/// A job can be cancelled while it waits and while it runs, but not after its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_ends_as_cancelled() {
    let task = json!({ "process": "plugins.gated", "attempts": 5, "sandbox": { "tasks": "all" } });
    let app = App::new().plugin("gated", guests::GATED).task("gated", &task).simple_task("keys", guests::ECHO);
    let host = TestHost::start(app).await;
    let running = host.close_gate("gated").await;
    let waiting = host.add("gated", json!(["keys", 1])).await;
    for (id, attempts) in [(waiting, 0), (running, 1)] {
        assert_eq!(host.cancel("gated", id).await, Ok(()));
        let job = host.end("gated", id).await;
        assert_eq!(
            (problem_code(&job), job.reason, job.attempt),
            ("cancelled", Some(FailureKind::Cancelled), attempts)
        );
        assert_eq!(host.cancel("gated", id).await, Err("ended".into()));
    }
    assert_eq!(host.cancel("gated", 99).await, Err("unknown-job".into()));
    host.open_gate().await;
    assert_eq!(host.response("gated", json!(["keys", 1])).await, "through", "the slot is free again");
    host.shutdown().await;
}

/// A computing guest can observe in the rest of its time slice that its job is cancelled, and is stopped in any case.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_sees_that_its_job_is_cancelled() {
    let app = App::new().plugin("context", guests::CONTEXT);
    let host = TestHost::start(app.task("it", &json!({ "process": "plugins.context", "timeout": 60 }))).await;
    let mut seen = false;
    for _ in 0..50 {
        let id = host.add("it", json!(["until-cancelled"])).await;
        host.until("it", id, |job| job.message == "begun").await;
        assert_eq!(host.cancel("it", id).await, Ok(()));
        let job = host.end("it", id).await;
        assert_eq!((problem_code(&job), job.reason), ("cancelled", Some(FailureKind::Cancelled)));
        seen = job.message == "saw it";
        if seen {
            break;
        }
    }
    assert!(seen, "the guest was stopped fifty times before it could observe the cancellation");
    host.shutdown().await;
}
