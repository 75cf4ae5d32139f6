//! Shutdown: running jobs end or are requeued; waiting jobs keep waiting.

use std::time::Duration;

use saggar::JobEventKind;
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::TestHost;
use saggar_tests::timeout::{TIMEOUT, within};
use serde_json::json;

/// Waits for `count` events of a task's jobs; returns them and all further ones so far.
async fn received(events: &mut saggar::Events, task: &str, count: usize) -> Vec<(u64, JobEventKind)> {
    let mut received = Vec::new();
    let of_task = |event: saggar::JobEvent| {
        let counts = &*event.key.task.task == task && !matches!(event.kind, JobEventKind::Progress(_));
        counts.then_some((event.key.id.0, event.kind))
    };
    while received.len() < count {
        let event = within("an event", events.next()).await.expect("the subscriber does not lag behind a few jobs");
        received.extend(of_task(event));
    }
    while let Ok(event) = tokio::time::timeout(Duration::ZERO, events.next()).await {
        received.extend(of_task(event.expect("the subscriber does not lag behind a few jobs")));
    }
    received
}

#[tokio::test(flavor = "multi_thread")]
async fn running_jobs_end_and_waiting_jobs_keep_waiting() {
    let host = TestHost::start(App::new().simple_task("slow", guests::SLOW)).await;
    let mut events = host.inner().events();
    // Long enough that the host is stopped meanwhile, even on a busy machine; a stopping host rejects a job that could
    // open a gate.
    let running = host.add("slow", json!([2_000])).await;
    let waiting = host.add("slow", json!([2_000])).await;
    host.until_running("slow", running).await;
    assert_eq!(host.shutdown_within(TIMEOUT).await, []);
    let expected = [
        (running, JobEventKind::Added),
        (waiting, JobEventKind::Added),
        (running, JobEventKind::Started { attempt: 1 }),
        (running, JobEventKind::Succeeded),
    ];
    let mut received = received(&mut events, "slow", expected.len()).await;
    received.sort_by_key(|(_, kind)| *kind != JobEventKind::Added);
    assert_eq!(received, expected);
    let counts = host.inner().counts("slow").expect("the queue outlives the worker");
    assert_eq!((counts.waiting, counts.running, counts.success), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_run_at_the_deadline_are_requeued_without_losing_an_attempt() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO);
    let host = TestHost::start(app).await;
    let running = host.close_gate("gated").await;
    host.add("gated", json!(["keys", 1])).await;
    let mut events = host.inner().events();
    let requeued = host.shutdown_within(Duration::from_millis(50)).await;
    assert_eq!(requeued.iter().map(|key| key.id.0).collect::<Vec<_>>(), [running]);
    assert_eq!(received(&mut events, "gated", 1).await, [(running, JobEventKind::Requeued)]);
    let counts = host.inner().counts("gated").expect("the queue outlives the worker");
    assert_eq!((counts.waiting, counts.running, counts.failure), (2, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_host_rejects_jobs() {
    let host = TestHost::start(App::new().simple_task("echo", guests::ECHO)).await;
    assert_eq!(host.response("echo", json!([1])).await, json!([1]));
    host.shutdown().await;
    assert_eq!(host.try_add("echo", json!([2])).await, Err("stopping".into()));
}
