//! Lines 1 to 3: from `add` to the claim.

use saggar::{Events, JobEventKind, NewJob, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use saggar_tests::timeout::within;
use serde_json::json;

/// Exactly these four names, on every surface.
#[test]
fn a_job_has_one_of_four_states() {
    let names = [Status::Waiting, Status::Running, Status::Success, Status::Failure].map(Status::name);
    assert_eq!(names, ["WAITING", "RUNNING", "SUCCESS", "FAILURE"]);
}

/// 1. `add` gives an id, or refuses and says why; what was refused leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn adding_gives_an_id_or_a_reason() {
    let full = json!({ "process": "plugins.gated", "size": 1 });
    let failing = json!({ "process": "plugins.echo", "event": { "next": "plugins.ids#problem" } });
    let double = json!({ "process": "plugins.echo", "event": { "next": "plugins.ids#always-seven" } });
    let app = App::new()
        .plugin("gated", guests::GATED)
        .plugin("ids", guests::IDS)
        .plugin("echo", guests::ECHO)
        .simple_task("keys", guests::ECHO)
        .task("full", &full)
        .task("failing", &failing)
        .task("double", &double);
    let host = TestHost::start(app).await;
    host.close_gate("full").await;
    assert_eq!(host.try_add("full", json!(["keys", 1])).await, Ok(2));
    assert_eq!(host.try_add("full", json!(["keys", 1])).await, Err("queue-full".into()));
    assert_eq!(host.try_add("failing", json!([])).await, Err("next-failed".into()));
    assert_eq!(host.try_add("double", json!([])).await, Ok(7));
    assert_eq!(host.try_add("double", json!([])).await, Err("duplicate-id".into()));
    assert_eq!(host.try_add("nowhere", json!([])).await, Err("unknown-task".into()));
    for no_array in [json!(null), json!({ "a": 1 }), json!("[]"), json!(3)] {
        assert_eq!(host.try_add("keys", no_array).await, Err("invalid-args".into()));
    }
    for no_json in ["", "[1", "[1,]", "[NaN]", "[] []"] {
        assert_eq!(host.inner().add("keys", no_json).await.unwrap_err().code(), "invalid-args", "{no_json}");
    }
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(host.inner().add("keys", &deep).await.unwrap_err().code(), "invalid-args");
    host.open_gate().await;
    host.idle().await;
    let added = ["full", "failing", "double", "keys"].map(|task| host.inner().counts(task).unwrap().added);
    assert_eq!(added, [2, 0, 1, 1]);
    host.shutdown().await;
}

/// 2. The add handler's end precedes the first attempt, however long it takes and however it ends.
#[tokio::test(flavor = "multi_thread")]
async fn the_add_handler_ends_before_the_first_attempt() {
    let task = json!({
        "process": "plugins.echo",
        "worker_nums": 4,
        "event": { "add": "plugins.telling#spin" },
        "sandbox": { "event_timeout": 0.4 },
    });
    let app = App::new().plugin("echo", guests::ECHO).plugin("telling", guests::TELLING).task("it", &task);
    let host = TestHost::start(app).await;
    let mut events = host.inner().events();
    let id = host.add("it", json!(["held"])).await;
    assert_eq!(host.job("it", id).await.status, Status::Waiting);
    let job = host.end("it", id).await;
    assert_eq!(response(&job), json!(["held"]));
    assert!(job.ended_at.unwrap().0 >= job.added_at.0 + 400, "it began while its add handler ran: {job:?}");
    let mut kinds = Vec::new();
    while kinds.last() != Some(&JobEventKind::Succeeded) {
        kinds.push(within("an event", events.next()).await.unwrap().kind);
    }
    assert_eq!(kinds, [JobEventKind::Added, JobEventKind::Started { attempt: 1 }, JobEventKind::Succeeded]);
    host.shutdown().await;
}

/// 3. A free slot takes the oldest ready job of its task; a retry waits for its time and then for its turn.
#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_ready_job_comes_first() {
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

/// The ids of the next `count` jobs of the task `gated` that start.
async fn started(events: &mut Events, count: usize) -> Vec<u64> {
    let mut started = Vec::new();
    while started.len() < count {
        let event = within("an event", events.next()).await.expect("a few jobs overrun no listener");
        if &*event.key.task.task == "gated" && matches!(event.kind, JobEventKind::Started { .. }) {
            started.push(event.key.id.0);
        }
    }
    started
}

/// 3. Priority goes before age.
#[tokio::test(flavor = "multi_thread")]
async fn a_higher_priority_comes_first() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO);
    let host = TestHost::start(app).await;
    host.close_gate("gated").await;
    for priority in [0, -1, 5, 0, i16::MIN, i16::MAX] {
        let job = NewJob { priority, ..NewJob::new(r#"["keys",1]"#) };
        host.inner().add_job("gated", job).await.expect("the job is taken");
    }
    let mut events = host.inner().events();
    host.open_gate().await;
    assert_eq!(started(&mut events, 6).await, [7, 4, 2, 5, 3, 6]);
    host.idle().await;
    host.shutdown().await;
}

/// 3. A delayed job is WAITING, with the moment from which on it may run; others go before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_job_waits_for_its_time() {
    let host = TestHost::start(App::new().simple_task("context", guests::CONTEXT)).await;
    let trace_parent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    let job = NewJob { delay_ms: 400, trace_parent, ..NewJob::new("[]") };
    let id = host.inner().add_job("context", job).await.expect("the job is taken");
    let waiting = host.job("context", id).await;
    assert_eq!((waiting.status, waiting.run_at.unwrap().0), (Status::Waiting, waiting.added_at.0 + 400));
    assert_eq!(host.response("context", json!([])).await["trace_parent"], json!(null));
    let ended = host.end("context", id).await;
    assert_eq!(response(&ended)["trace_parent"], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert!(ended.ended_at.unwrap() >= waiting.run_at.unwrap(), "{ended:?}");
    host.shutdown().await;
}

/// 3. One task's jobs do not wait for another task's slots.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_have_slots_of_their_own() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO);
    let host = TestHost::start(app.simple_task("echo", guests::ECHO)).await;
    host.close_gate("gated").await;
    assert_eq!(host.response("echo", json!(["not held up"])).await, json!(["not held up"]));
    host.open_gate().await;
    host.idle().await;
    host.shutdown().await;
}
