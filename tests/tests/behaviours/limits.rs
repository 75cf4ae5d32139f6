//! Behaviours 5 and 6: timeouts, slots and full queues.

use saggar::{JobEventKind, Reason, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code, response};
use saggar_tests::timeout::within;
use serde_json::json;

/// 5. The timeout counts from an attempt's start: jobs may wait for longer than it.
#[tokio::test(flavor = "multi_thread")]
async fn the_timeout_counts_from_the_start_of_the_attempt() {
    let task = json!({ "process": "plugins.slow", "timeout": 1.2 });
    let host = TestHost::start(App::new().plugin("slow", guests::SLOW).task("slow", &task)).await;
    let ids = [
        host.add("slow", json!([400])).await,
        host.add("slow", json!([400])).await,
        host.add("slow", json!([400])).await,
        host.add("slow", json!([400])).await,
    ];
    for id in ids {
        assert_eq!(response(&host.end("slow", id).await), 400);
    }
    host.shutdown().await;
}

/// 5. The guest really stops, its slot is free at once, and what it reported before it was stopped stays as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_guest_is_stopped() {
    let task = json!({ "process": "plugins.time", "timeout": 1 });
    let host = TestHost::start(App::new().plugin("time", guests::HOSTILE_TIME).task("time", &task)).await;
    let stopped = host.run("time", json!(["report_for_ever"])).await;
    assert_eq!((problem_code(&stopped), stopped.reason), ("timeout", Some(Reason::Timeout)));
    assert!(stopped.ended_at.unwrap().0 >= stopped.added_at.0 + 1000, "{stopped:?}");
    assert_eq!(host.response("time", json!(["ok"])).await, json!(["ok"]));
    assert_eq!(host.job("time", 1).await, stopped, "somebody still reports");
    host.shutdown().await;
}

/// 5. However attempts end, no more run at once than the task has slots.
#[tokio::test(flavor = "multi_thread")]
async fn slots_are_never_exceeded() {
    let task = json!({
        "process": "plugins.time", "worker_nums": 2, "timeout": 0.1, "attempts": 1, "attempt_after": 1,
    });
    let host = TestHost::start(App::new().plugin("time", guests::HOSTILE_TIME).task("time", &task)).await;
    let mut events = host.inner().events();
    for behaviour in ["spin", "sleep_an_hour", "ok", "recurse_for_ever"].iter().cycle().take(20) {
        host.add("time", json!([behaviour])).await;
    }
    let (mut running, mut most, mut ended) = (0, 0, 0);
    while ended < 20 {
        match within("an event", events.next()).await.expect("twenty jobs overrun no listener").kind {
            JobEventKind::Started { .. } => running += 1,
            JobEventKind::Retrying { .. } => running -= 1,
            JobEventKind::Succeeded | JobEventKind::Failed { .. } => {
                running -= 1;
                ended += 1;
            }
            JobEventKind::Added
            | JobEventKind::Progress(_)
            | JobEventKind::Requeued
            | JobEventKind::Retried
            | JobEventKind::Deleted
            | JobEventKind::Cancelling => {}
        }
        most = most.max(running);
    }
    assert_eq!((running, most), (0, 2));
    host.shutdown().await;
}

/// 6. A full queue refuses at once, while `get` and progress answer and the pool drains.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_goes_on() {
    let task = json!({ "process": "plugins.gated", "size": 3 });
    let app = App::new().plugin("gated", guests::GATED).task("gated", &task).simple_task("keys", guests::ECHO);
    let host = TestHost::start(app).await;
    let running = host.close_gate("gated").await;
    for expected in 2..=4 {
        assert_eq!(host.add("gated", json!(["keys", 1])).await, expected);
    }
    for _ in 0..100 {
        assert_eq!(host.try_add("gated", json!(["keys", 1])).await, Err("queue-full".into()));
    }
    assert_eq!(host.job("gated", running).await.message, "at the gate");
    assert_eq!(host.job("gated", 4).await.status, Status::Waiting);

    host.open_gate().await;
    for id in 1..=4 {
        assert_eq!(response(&host.end("gated", id).await), "through");
    }
    assert_eq!(host.response("gated", json!(["keys", 1])).await, "through", "the queue has room again");
    assert_eq!(host.inner().counts("gated").unwrap().success, 5);
    host.shutdown().await;
}
