//! Lines 4 and 6: progress, and the handlers of a job's end.

use saggar::{Reason, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use serde_json::json;

/// 4. The progress handler gets the latest values, coalesced, and the last ones before the end event.
#[tokio::test(flavor = "multi_thread")]
async fn progress_is_coalesced_and_its_last_values_arrive_before_the_end() {
    let task = json!({
        "process": "plugins.progress",
        "event": { "progress": "plugins.recorder", "success": "plugins.recorder" },
    });
    let app = App::new().plugin("progress", guests::PROGRESS).plugin("recorder", guests::RECORDER);
    let host = TestHost::start(app.task("it", &task).simple_task("journal", guests::ECHO)).await;
    let job = host.run("it", json!([200_000, "step"])).await;
    assert_eq!(response(&job)["word"], "step");
    assert_eq!((job.current, job.total, job.message.as_str()), (200_000, 200_000, "step of job 1: 200000/200000"));

    let journal = host.journal().await;
    let (end, told) = journal.split_last().expect("both handlers were told");
    assert_eq!(end, r#"success 1 {"id":1,"word":"step"}"#);
    assert_eq!(told.last().unwrap(), "progress 1 200000/200000 step of job 1: 200000/200000");
    let milliseconds = job.ended_at.unwrap().0 - job.added_at.0;
    let most = milliseconds / 100 + 2;
    assert!(told.len() as u64 <= most, "{} calls in {milliseconds} ms", told.len());
    let current = |note: &String| note.split([' ', '/']).nth(2).unwrap().parse::<u64>().unwrap();
    assert!(told.is_sorted_by_key(current), "{told:?}");
    host.shutdown().await;
}

/// 4. A failed attempt's last values arrive too, before the next attempt's.
#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_tells_its_last_values() {
    let all = "plugins.recorder";
    let task = json!({ "process": all, "attempts": 1, "attempt_after": 1, "event": { "progress": all, "error": all } });
    let app = App::new().plugin("recorder", guests::RECORDER).task("it", &task).simple_task("journal", guests::ECHO);
    let host = TestHost::start(app).await;
    assert_eq!(host.run("it", json!(["fail"])).await.reason, Some(Reason::Failed));
    let mut journal = host.journal().await;
    journal.retain(|note| !note.ends_with("1/2 half"));
    let expected = [
        r#"process 1 ["fail"] attempt 1"#,
        "progress 1 2/2 done",
        r#"process 1 ["fail"] attempt 2"#,
        "progress 1 2/2 done",
        "error 1 as-asked: it was asked to fail",
    ];
    assert_eq!(journal, expected);
    host.shutdown().await;
}

/// 6. Exactly one of the two end handlers is told, for each way in which a job can end.
#[tokio::test(flavor = "multi_thread")]
async fn each_end_is_told_to_one_handler() {
    let event = json!({ "success": "plugins.recorder", "error": "plugins.recorder" });
    let app = App::new()
        .plugin("recorder", guests::RECORDER)
        .plugin("failing", guests::FAILING)
        .plugin("gated", guests::GATED)
        .task("failing", &json!({ "process": "plugins.failing", "timeout": 1, "event": event }))
        .task("gated", &json!({ "process": "plugins.gated", "event": event }))
        .simple_task("keys", guests::ECHO)
        .simple_task("journal", guests::ECHO);
    let host = TestHost::start(app).await;
    for how in ["retry", "reject", "trap", "exit", "spin"] {
        host.run("failing", json!([how, 1, 0])).await;
        // In this order, though the handlers of different jobs may run in any.
        host.idle().await;
    }
    host.run("failing", json!(["retry", 0, 0])).await;
    host.idle().await;
    let running = host.close_gate("gated").await;
    assert_eq!(host.cancel("gated", running).await, Ok(()));
    let journal = host.journal().await;
    let shown: Vec<_> = journal.iter().map(|note| note.split(':').next().unwrap()).collect();
    let expected = [
        "error 1 not-yet",
        "error 2 not-yet",
        "error 3 trap",
        "error 4 exit",
        "error 5 timeout",
        "success 6 1",
        "error 1 cancelled",
    ];
    assert_eq!(shown, expected);
    host.shutdown().await;
}

/// 6. Told at least once: a handler of an end that fails is told again, which changes nothing of the job.
#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_fails_is_told_again() {
    let task = json!({ "process": "plugins.echo", "event": { "success": "plugins.telling#problem-once" } });
    let app = App::new().plugin("echo", guests::ECHO).plugin("telling", guests::TELLING).task("it", &task);
    let host = TestHost::start(app).await;
    let job = host.run("it", json!([])).await;
    host.idle().await;
    assert_eq!(host.job("it", 1).await, job);
    let log = host.log("it", 1).await;
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].contains("event.success") && log[0].contains("deaf"), "{log:?}");
    assert_eq!(log[1], "heard this time");
    host.shutdown().await;
}

/// 6. What a job does in its log stands there in order, with what the host has to say of its attempts.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_of_failed_attempts() {
    let task = json!({ "process": "plugins.failing", "attempts": 2, "attempt_after": 1 });
    let host = TestHost::start(App::new().plugin("failing", guests::FAILING).task("it", &task)).await;
    let job = host.run("it", json!(["retry", 2, 0])).await;
    assert_eq!(job.status, Status::Success);
    let log = host.log("it", 1).await;
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].contains("attempt 1") && log[1].contains("attempt 2"), "{log:?}");
    host.shutdown().await;
}
