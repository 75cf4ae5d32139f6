//! Behaviours 8 and 9: handlers that use the host, and handlers that fail.

use saggar::Status;
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost, problem_code, response};
use serde_json::{Value, json};

/// 8. `get`, `add`, `cancel` and progress inside any handler do not deadlock.
#[tokio::test(flavor = "multi_thread")]
async fn handlers_may_use_everything() {
    let all = "plugins.reentrant";
    let event = json!({ "next": all, "add": all, "progress": all, "success": all, "error": all });
    let app = App::new()
        .plugin("reentrant", guests::REENTRANT)
        .task("it", &json!({ "process": all, "event": event }))
        .simple_task("journal", guests::ECHO);
    let host = TestHost::start(app).await;
    let good = host.run("it", json!([])).await;
    assert_eq!((response(&good), good.message.as_str()), (Value::Null, "process"));
    // The success handler is told after the job's end, and would else race with the next job.
    host.idle().await;
    let bad = host.run("it", json!(["fail"])).await;
    assert_eq!(
        (bad.status, bad.message.as_str()),
        (Status::Failure, "process"),
        "a handler's progress counts for nothing"
    );
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

/// 8. A `next` that adds to its own task would go on for ever: it is refused at some depth, and nothing was added.
#[tokio::test(flavor = "multi_thread")]
async fn a_next_that_adds_to_its_own_task_ends() {
    let task = json!({
        "process": "plugins.reentrant", "event": { "next": "plugins.reentrant#adds-to-its-own-task" },
    });
    let host = TestHost::start(App::new().plugin("reentrant", guests::REENTRANT).task("it", &task)).await;
    assert_eq!(host.try_add("it", json!([])).await, Err("next-failed".into()));
    assert_eq!(host.try_job("it", 1).await.unwrap_err(), "unknown-job");
    host.shutdown().await;
}

/// 9. However a handler fails, the job stays as it is, its log says so, and the host goes on.
async fn fails_without_harm(how: &str) {
    let telling = format!("plugins.telling#{how}");
    let event = json!({ "add": telling, "progress": telling, "success": telling, "error": telling });
    let task = json!({ "process": "plugins.recorder", "event": event, "sandbox": { "event_timeout": 0.2 } });
    let app = App::new().plugin("recorder", guests::RECORDER).plugin("telling", guests::TELLING);
    let host = TestHost::start(app.task("it", &task).simple_task("journal", guests::ECHO)).await;

    let good = host.run("it", json!([])).await;
    assert_eq!((response(&good), good.attempt), (json!({ "message": "ok" }), 1), "{how}");
    let bad = host.run("it", json!(["fail"])).await;
    assert_eq!(problem_code(&bad), "as-asked", "{how}");
    host.idle().await;
    assert_eq!((host.job("it", 1).await, host.job("it", 2).await), (good, bad), "a handler changed a job");
    for (id, end) in [(1, "event.success"), (2, "event.error")] {
        let log = host.log("it", id).await;
        for handler in ["event.add", "event.progress", end] {
            let failed = |line: &String| line.contains(handler) && line.contains("failed");
            assert!(log.iter().any(failed), "{how}: nothing about {handler} in {log:?}");
        }
        // The handler of the end is told again twice, and given up then; no other one is.
        let given_up: Vec<&String> = log.iter().filter(|line| line.contains("given up")).collect();
        let says = |line: &String| line.contains(end) && line.contains("failed 3 times and is given up");
        assert!(matches!(given_up[..], [line] if says(line)), "{how}: {log:?}");
    }
    assert_eq!(host.response("journal", json!(["still here"])).await, json!(["still here"]));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_that_answer_a_problem_do_no_harm() {
    fails_without_harm("problem").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_that_trap_do_no_harm() {
    fails_without_harm("trap").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_that_exit_do_no_harm() {
    fails_without_harm("exit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_that_never_end_do_no_harm() {
    fails_without_harm("spin").await;
}

/// 9. A handler that is missing, misspelt or of another role keeps its task from loading; others load.
#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_cannot_be_is_a_load_error() {
    for (reference, fragment) in [
        ("telling", "plugins.telling"),
        ("plugins.tellin", "plugins.telling"),
        ("plugins.gone", "plugins/gone.wasm"),
        ("plugins.echo", "success-handler"),
        ("", ""),
    ] {
        let task = json!({ "process": "plugins.echo", "event": { "success": reference } });
        let app = App::new().plugin("telling", guests::TELLING).simple_task("echo", guests::ECHO).task("it", &task);
        match TestHost::try_start(app, Start::default()).await {
            Ok(host) => {
                assert_eq!(reference, "", "it was taken as a handler");
                host.shutdown().await;
            }
            Err(why) => assert!(!fragment.is_empty() && why.contains(fragment), "{reference}: {why}"),
        }
    }
}
