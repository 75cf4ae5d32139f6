//! Lines 5 and 7: the closed set of outcomes, and what can be looked up when.

use std::time::Duration;

use saggar::{Reason, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code, response};
use saggar_tests::timeout::within;
use serde_json::json;

/// 5. Every way in which an attempt can fail has its reason and its code, and is tried again if it may be.
#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_has_its_reason() {
    let task = |plugin: &str| {
        let process = format!("plugins.{plugin}");
        json!({ "process": process, "attempts": 1, "attempt_after": 1, "timeout": 1 })
    };
    let app = App::new()
        .plugin("failing", guests::FAILING)
        .plugin("memory", guests::HOSTILE_MEMORY)
        .plugin("words", guests::HOSTILE_WORDS)
        .task("failing", &task("failing"))
        .task("memory", &task("memory"))
        .task("words", &task("words"));
    let host = TestHost::start(app).await;
    let cases = [
        ("failing", json!(["retry", 9, 0]), Reason::Failed, "not-yet", 2),
        ("failing", json!(["retry-after", 9, 1]), Reason::Failed, "not-yet", 2),
        ("failing", json!(["reject", 9, 0]), Reason::Rejected, "not-yet", 1),
        ("failing", json!(["trap", 9, 0]), Reason::Trap, "trap", 2),
        ("failing", json!(["exit", 9, 0]), Reason::Trap, "exit", 2),
        ("failing", json!(["spin", 9, 0]), Reason::Timeout, "timeout", 2),
        ("memory", json!(["allocate_a_gigabyte"]), Reason::OutOfMemory, "out-of-memory", 2),
        ("words", json!(["answer_no_json"]), Reason::Trap, "invalid-response", 2),
    ];
    for (task, args, reason, code, attempts) in cases {
        let job = host.run(task, args.clone()).await;
        let found = (job.status, job.reason, problem_code(&job), job.attempt);
        assert_eq!(found, (Status::Failure, Some(reason), code, attempts), "{args}");
    }
    for how in ["retry", "retry-after", "trap", "exit", "spin"] {
        let job = host.run("failing", json!([how, 1, 1])).await;
        assert_eq!((response(&job), job.attempt, job.reason), (json!(2), 2, None), "{how}");
    }
    host.shutdown().await;
}

/// 5. A job can be cancelled while it waits, while it runs, and not when it has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_ends_as_such() {
    let task = json!({ "process": "plugins.gated", "attempts": 5 });
    let app = App::new().plugin("gated", guests::GATED).task("gated", &task).simple_task("keys", guests::ECHO);
    let host = TestHost::start(app).await;
    let running = host.close_gate("gated").await;
    let waiting = host.add("gated", json!(["keys", 1])).await;
    for (id, attempts) in [(waiting, 0), (running, 1)] {
        assert_eq!(host.cancel("gated", id).await, Ok(()));
        let job = host.end("gated", id).await;
        assert_eq!((problem_code(&job), job.reason, job.attempt), ("cancelled", Some(Reason::Cancelled), attempts));
        assert_eq!(host.cancel("gated", id).await, Err("ended".into()));
    }
    assert_eq!(host.cancel("gated", 99).await, Err("unknown-job".into()));
    host.open_gate().await;
    assert_eq!(host.response("gated", json!(["keys", 1])).await, "through", "the slot is free again");
    host.shutdown().await;
}

/// 5. A guest that computes while its job is cancelled can see that coming, in what is left of its slice, and is stopped
/// whatever it does then.
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
        assert_eq!((problem_code(&job), job.reason), ("cancelled", Some(Reason::Cancelled)));
        seen = job.message == "saw it";
        if seen {
            break;
        }
    }
    assert!(seen, "the guest was stopped fifty times before it could look");
    host.shutdown().await;
}

/// 5. A failed attempt that is tried again is WAITING, with the moment from which on it may run.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_waits_for_its_time() {
    let task = json!({ "process": "plugins.failing", "attempts": 1, "attempt_after": 3_600_000 });
    let host = TestHost::start(App::new().plugin("failing", guests::FAILING).task("failing", &task)).await;
    let id = host.add("failing", json!(["retry", 1, 0])).await;
    let job = host.until("failing", id, |job| job.attempt == 1 && job.status == Status::Waiting).await;
    assert!(job.run_at.unwrap().0 >= job.added_at.0 + 3_600_000, "{job:?}");
    assert_eq!((job.reason, job.problem.unwrap().code.as_str()), (None, "not-yet"));
    assert_eq!(host.cancel("failing", id).await, Ok(()));
    host.shutdown().await;
}

/// 7. An ended job is kept as long as its task says, and its id is not given again.
#[tokio::test(flavor = "multi_thread")]
async fn retention_removes_ended_jobs() {
    let task = json!({ "process": "plugins.failing", "retention": { "success": "1s", "failure": "1h" } });
    let host = TestHost::start(App::new().plugin("failing", guests::FAILING).task("failing", &task)).await;
    host.run("failing", json!(["reject", 1, 0])).await;
    let good = host.run("failing", json!(["reject", 0, 0])).await;
    assert_eq!(host.job("failing", good.id).await, good, "it is kept at first");
    within("the removal", async {
        let mut now_and_then = tokio::time::interval(Duration::from_millis(100));
        while host.try_job("failing", good.id).await != Err("unknown-job".into()) {
            now_and_then.tick().await;
        }
    })
    .await;
    assert_eq!(host.job("failing", 1).await.status, Status::Failure, "its retention is longer");
    assert_eq!(host.cancel("failing", good.id).await, Err("unknown-job".into()));
    assert_eq!(host.add("failing", json!(["reject", 0, 0])).await, 3);
    host.idle().await;
    host.shutdown().await;
}
