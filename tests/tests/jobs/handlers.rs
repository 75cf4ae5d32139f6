//! Event handlers: when they are called, and what they can use.

use saggar::{FailureKind, JobEventKind, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost, response};
use saggar_tests::timeout::within;
use serde_json::{Value, json};

/// The add handler ends before the first attempt starts, however long it takes and however it ends.
#[tokio::test(flavor = "multi_thread")]
async fn the_add_handler_ends_before_the_first_attempt() {
    let task = json!({
        "process": "plugins.echo",
        "worker_nums": 4,
        "event": { "add": "plugins.faulty#spin" },
        "sandbox": { "event_timeout": 0.4 },
    });
    let app = App::new().plugin("echo", guests::ECHO).plugin("faulty", guests::FAULTY).task("it", &task);
    let host = TestHost::start(app).await;
    let mut events = host.inner().events();
    let id = host.add("it", json!(["on hold"])).await;
    assert_eq!(host.job("it", id).await.status, Status::Waiting);
    let job = host.end("it", id).await;
    assert_eq!(response(&job), json!(["on hold"]));
    assert!(job.ended_at.unwrap().0 >= job.added_at.0 + 400, "it started while its add handler ran: {job:?}");
    let mut kinds = Vec::new();
    while kinds.last() != Some(&JobEventKind::Succeeded) {
        kinds.push(within("an event", events.next()).await.unwrap().kind);
    }
    assert_eq!(kinds, [JobEventKind::Added, JobEventKind::Started { attempt: 1 }, JobEventKind::Succeeded]);
    host.shutdown().await;
}

fn recorded() -> App {
    let all = "plugins.recorder";
    let event = json!({ "next": all, "add": all, "progress": all, "success": all, "error": all });
    let task = json!({ "process": all, "attempts": 2, "attempt_after": 1, "event": event });
    App::new().plugin("recorder", guests::RECORDER).task("recorded", &task).simple_task("journal", guests::ECHO)
}

/// Calls are in the order next, add, processor, progress, exactly one end handler, with the right arguments.
#[tokio::test(flavor = "multi_thread")]
async fn calls_come_in_order_with_their_arguments() {
    let host = TestHost::start(recorded()).await;
    assert_eq!(host.response("recorded", json!(["α", 2])).await, json!({ "message": "ok" }));
    let mut journal = host.journal().await;
    // The first of the two values may have been skipped.
    journal.retain(|note| note != "progress 1 1/2 half");
    let expected =
        ["next", "add 1", r#"process 1 ["α",2] attempt 1"#, "progress 1 2/2 done", r#"success 1 {"message":"ok"}"#];
    assert_eq!(journal, expected);
    host.shutdown().await;
}

/// The error handler is called only after the last attempt, and then once.
#[tokio::test(flavor = "multi_thread")]
async fn the_error_handler_is_called_after_the_last_attempt() {
    let host = TestHost::start(recorded()).await;
    let job = host.run("recorded", json!(["fail"])).await;
    assert_eq!((job.attempt, job.max_attempts, job.reason), (3, 3, Some(FailureKind::Failed)));
    let mut journal = host.journal().await;
    journal.retain(|note| !note.starts_with("progress"));
    let expected = [
        "next",
        "add 1",
        r#"process 1 ["fail"] attempt 1"#,
        r#"process 1 ["fail"] attempt 2"#,
        r#"process 1 ["fail"] attempt 3"#,
        "error 1 as-asked: it was asked to fail",
    ];
    assert_eq!(journal, expected);
    host.shutdown().await;
}

/// Exactly one of the two end handlers is called, for each way in which a job can end.
#[tokio::test(flavor = "multi_thread")]
async fn each_end_calls_one_handler() {
    let event = json!({ "success": "plugins.recorder", "error": "plugins.recorder" });
    let app = App::new()
        .plugin("recorder", guests::RECORDER)
        .plugin("failing", guests::FAILING)
        .plugin("gated", guests::GATED)
        .task("failing", &json!({ "process": "plugins.failing", "timeout": 1, "event": event }))
        .task("gated", &json!({ "process": "plugins.gated", "event": event, "sandbox": { "tasks": "all" } }))
        .simple_task("keys", guests::ECHO)
        .simple_task("journal", guests::ECHO);
    let host = TestHost::start(app).await;
    for how in ["retry", "reject", "trap", "exit", "spin"] {
        host.run("failing", json!([how, 1, 0])).await;
        // Waits because the handlers of different jobs may run in any order.
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

/// `get`, `add`, `cancel` and progress inside any handler do not deadlock.
#[tokio::test(flavor = "multi_thread")]
async fn handlers_can_use_all_imports() {
    let all = "plugins.reentrant";
    let event = json!({ "next": all, "add": all, "progress": all, "success": all, "error": all });
    let app = App::new()
        .plugin("reentrant", guests::REENTRANT)
        // A job that `next` adds has no parent.
        .task("it", &json!({ "process": all, "event": event, "sandbox": { "tasks": "all" } }))
        .simple_task("journal", guests::ECHO);
    let host = TestHost::start(app).await;
    let good = host.run("it", json!([])).await;
    assert_eq!((response(&good), good.message.as_str()), (Value::Null, "process"));
    // The success handler is called after the job's end. It would otherwise race with the next job.
    host.idle().await;
    let bad = host.run("it", json!(["fail"])).await;
    assert_eq!((bad.status, bad.message.as_str()), (Status::Failure, "process"), "progress of a handler is ignored");
    let expected = [
        "next: own job unknown-job, parked job cancelled",
        "add: own job Status::Waiting, parked job cancelled",
        "process: own job Status::Running, parked job cancelled",
        "progress: own job Status::Running, parked job cancelled",
        "success: own job Status::Success, parked job cancelled",
        "next: own job unknown-job, parked job cancelled",
        "add: own job Status::Waiting, parked job cancelled",
        "process: own job Status::Running, parked job cancelled",
        "progress: own job Status::Running, parked job cancelled",
        "error: own job Status::Failure, parked job cancelled",
    ];
    assert_eq!(host.journal().await, expected);
    host.shutdown().await;
}

/// A task does not load if a handler is missing, misspelt or of another role; other tasks load.
#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_handler_is_a_load_error() {
    for (reference, fragment) in [
        ("faulty", "plugins.faulty"),
        ("plugins.fault", "plugins.faulty"),
        ("plugins.gone", "plugins/gone.wasm"),
        ("plugins.echo", "success-handler"),
        ("", ""),
    ] {
        let task = json!({ "process": "plugins.echo", "event": { "success": reference } });
        let app = App::new().plugin("faulty", guests::FAULTY).simple_task("echo", guests::ECHO).task("it", &task);
        match TestHost::try_start(app, Start::default()).await {
            Ok(host) => {
                assert_eq!(reference, "", "it was accepted as a handler");
                host.shutdown().await;
            }
            Err(why) => assert!(!fragment.is_empty() && why.contains(fragment), "{reference}: {why}"),
        }
    }
}
