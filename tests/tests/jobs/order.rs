//! The order in which jobs start, and how many run at once.

use saggar::{Events, JobEventKind, NewJob, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use saggar_tests::timeout::within;
use serde_json::json;

use crate::app;

/// Waits until `count` jobs of the task `gated` have started; returns their ids in that order.
async fn started(events: &mut Events, count: usize) -> Vec<u64> {
    let mut started = Vec::new();
    while started.len() < count {
        let event = within("an event", events.next()).await.expect("the subscriber does not lag behind a few jobs");
        if &*event.key.task.task == "gated" && matches!(event.kind, JobEventKind::Started { .. }) {
            started.push(event.key.id.0);
        }
    }
    started
}

/// A free slot claims the oldest ready job of its task.
#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_ready_job_starts_first() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO);
    let host = TestHost::start(app).await;
    let mut events = host.inner().events();
    host.close_gate("gated").await;
    for _ in 0..20 {
        host.add("gated", json!(["keys", 1])).await;
    }
    host.open_gate().await;
    assert_eq!(started(&mut events, 21).await, (1..=21).collect::<Vec<_>>());
    host.idle().await;
    host.shutdown().await;
}

/// Priority takes precedence over age.
#[tokio::test(flavor = "multi_thread")]
async fn a_higher_priority_starts_first() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO);
    let host = TestHost::start(app).await;
    host.close_gate("gated").await;
    for priority in [0, -1, 5, 0, i16::MIN, i16::MAX] {
        let job = NewJob { priority, ..NewJob::new(r#"["keys",1]"#) };
        host.inner().add_job("gated", job).await.expect("the job is added");
    }
    let mut events = host.inner().events();
    host.open_gate().await;
    assert_eq!(started(&mut events, 6).await, [7, 4, 2, 5, 3, 6]);
    host.idle().await;
    host.shutdown().await;
}

/// A delayed job is WAITING, with the time of its earliest start; other jobs start before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_job_waits_for_its_time() {
    let host = TestHost::start(App::new().simple_task("context", guests::CONTEXT)).await;
    let trace_parent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    let job = NewJob { delay_ms: 400, trace_parent, ..NewJob::new("[]") };
    let id = host.inner().add_job("context", job).await.expect("the job is added");
    let waiting = host.job("context", id).await;
    assert_eq!((waiting.status, waiting.run_at.unwrap().0), (Status::Waiting, waiting.added_at.0 + 400));
    assert_eq!(host.response("context", json!([])).await["trace_parent"], json!(null));
    let ended = host.end("context", id).await;
    assert_eq!(response(&ended)["trace_parent"], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert!(ended.ended_at.unwrap() >= waiting.run_at.unwrap(), "{ended:?}");
    host.shutdown().await;
}

/// The jobs of a task do not wait for the slots of another one.
#[tokio::test(flavor = "multi_thread")]
async fn each_task_has_its_own_slots() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO);
    let host = TestHost::start(app.simple_task("echo", guests::ECHO)).await;
    host.close_gate("gated").await;
    assert_eq!(host.response("echo", json!(["not blocked"])).await, json!(["not blocked"]));
    host.open_gate().await;
    host.idle().await;
    host.shutdown().await;
}

/// However attempts end, never more run at once than the task has slots.
#[tokio::test(flavor = "multi_thread")]
async fn slots_are_never_exceeded() {
    let task = json!({
        "process": "plugins.time", "worker_nums": 2, "timeout": 0.1, "attempts": 1, "attempt_after": 1,
    });
    let host = TestHost::start(App::new().plugin("time", guests::HOSTILE_TIME).task("time", &task)).await;
    let mut events = host.inner().events();
    for behaviour in ["spin", "sleep_an_hour", "ok", "recurse_forever"].iter().cycle().take(20) {
        host.add("time", json!([behaviour])).await;
    }
    let (mut running, mut most, mut ended) = (0, 0, 0);
    while ended < 20 {
        match within("an event", events.next()).await.expect("the subscriber does not lag behind twenty jobs").kind {
            JobEventKind::Started { .. } => running += 1,
            JobEventKind::Retrying { .. } => running -= 1,
            JobEventKind::Succeeded | JobEventKind::Failed { .. } => {
                running -= 1;
                ended += 1;
            }
            _ => {}
        }
        most = most.max(running);
    }
    assert_eq!((running, most), (0, 2));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_task_starts_no_job_until_it_is_resumed() {
    let host = TestHost::start(app()).await;
    host.inner().pause("echo").await.unwrap();
    let id = host.add("echo", json!(["x"])).await;
    // Another task runs meanwhile.
    host.run("keys", json!(["y"])).await;
    assert_eq!(host.job("echo", id).await.status, Status::Waiting);
    host.inner().resume("echo").await.unwrap();
    assert_eq!(host.end("echo", id).await.status, Status::Success);
    host.shutdown().await;
}
