//! Event handlers that fail or are slow: retries, redelivery, and no effect on jobs.

use std::time::Duration;

use saggar::Status;
use saggar::wire::CallbackState;
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code, response};
use serde_json::json;

/// Callbacks are delivered at least once: a failing end handler is called again, which does not change the job.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_handler_is_called_again() {
    let task = json!({ "process": "plugins.echo", "event": { "success": "plugins.faulty#problem-once" } });
    let app = App::new().plugin("echo", guests::ECHO).plugin("faulty", guests::FAULTY).task("it", &task);
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

/// Asserts that a failing handler does not change its job, that the job's log reports the failure, and that the host
/// keeps running.
async fn fails_without_harm(how: &str) {
    let faulty = format!("plugins.faulty#{how}");
    let event = json!({ "add": faulty, "progress": faulty, "success": faulty, "error": faulty });
    let task = json!({ "process": "plugins.recorder", "event": event, "sandbox": { "event_timeout": 0.2 } });
    let app = App::new().plugin("recorder", guests::RECORDER).plugin("faulty", guests::FAULTY);
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
        // The add handler is tried three times while the job is on hold; the end handler is retried over hours.
        let reported: Vec<&String> = log.iter().filter(|line| line.contains("failed 3 times")).collect();
        let given_up = |line: &String| line.contains("event.add") && line.contains("is given up");
        let deferred = |line: &String| line.contains(end) && line.contains("is tried again in");
        assert!(matches!(reported[..], [add, end] if given_up(add) && deferred(end)), "{how}: {log:?}");
        let job = host.inner().document("it", id).await.expect("a job");
        let callbacks: Vec<_> =
            job.callbacks.iter().map(|one| (one.state, one.tries, one.next_try_at.is_some())).collect();
        assert_eq!(callbacks, [(CallbackState::GivenUp, 3, false), (CallbackState::Pending, 3, true)], "{how}");
    }
    assert_eq!(host.response("journal", json!(["still here"])).await, json!(["still here"]));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_that_return_a_problem_do_no_harm() {
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

/// Slow or failing end handlers delay only other end handlers: added jobs start at once, and so do `next` and progress
/// handlers.
#[tokio::test(flavor = "multi_thread")]
async fn added_jobs_do_not_wait_behind_end_handlers() {
    for (end, how) in [("success", "slow"), ("error", "slow"), ("success", "slow-problem"), ("error", "slow-problem")] {
        let event = json!({
            "next": "plugins.recorder", "add": "plugins.recorder", "progress": "plugins.recorder",
            end: format!("plugins.faulty#{how}"),
        });
        let app = App::new().plugin("recorder", guests::RECORDER).plugin("faulty", guests::FAULTY);
        let host = TestHost::start(app.task("it", &json!({ "process": "plugins.recorder", "event": event }))).await;
        let args = if end == "error" { json!(["fail"]) } else { json!([]) };
        for _ in 0..40 {
            host.run("it", args.clone()).await;
        }
        let last = host.run("it", args).await;
        let pending = host.inner().counts("it").expect("a task").callbacks;
        // The handlers take half a minute in total; some have run by now, even on the slowest machine.
        assert!(pending >= 20, "{end} {how}: job {} ended when only {pending} callbacks were pending", last.id);
        let log = host.log("it", last.id).await;
        for handler in ["next", "add", "progress"] {
            assert!(log.iter().any(|line| line.starts_with(handler)), "{end} {how}: {handler} is not in {log:?}");
        }
        host.shutdown_within(Duration::ZERO).await;
    }
}

/// A deferred callback is delivered again on request, here after its handler was fixed.
#[tokio::test(flavor = "multi_thread")]
async fn a_callback_can_be_redelivered_to_a_fixed_handler() {
    let task =
        |handler: &str| json!({ "process": "plugins.echo", "event": { "success": format!("plugins.{handler}") } });
    let app = App::new()
        .plugin("echo", guests::ECHO)
        .plugin("faulty", guests::FAULTY)
        .plugin("recorder", guests::RECORDER)
        .task("it", &task("faulty#problem"));
    let host = TestHost::start(app).await;
    host.run("it", json!(["late"])).await;
    let refused = host.inner().redeliver("it", 1).await.expect_err("it is being delivered");
    assert_eq!(refused.code(), "callback-pending");
    host.idle().await;
    host.app().write("tasks/it.json", task("recorder").to_string());
    host.reload().await.expect("no errors");
    host.inner().redeliver("it", 1).await.expect("a deferred callback");
    host.idle().await;
    let log = host.log("it", 1).await;
    assert_eq!(log.last().map(String::as_str), Some(r#"success 1 ["late"]"#), "{log:?}");
    assert_eq!(host.inner().document("it", 1).await.expect("a job").callbacks.len(), 0);
    let refused = host.inner().redeliver("it", 1).await.expect_err("no callback is pending");
    assert_eq!(refused.code(), "not-given-up");
    host.shutdown().await;
}

/// A job can be retried or deleted while its handler fails for hours.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_handler_does_not_block_its_job() {
    let task = json!({ "process": "plugins.echo", "event": { "success": "plugins.faulty#problem" } });
    let app = App::new().plugin("echo", guests::ECHO).plugin("faulty", guests::FAULTY).task("it", &task);
    let host = TestHost::start(app).await;
    host.run("it", json!([])).await;
    host.idle().await;
    host.inner().retry("it", 1).await.expect("its callback is deferred");
    assert_eq!(host.end("it", 1).await.status, Status::Success);
    host.idle().await;
    host.inner().delete("it", 1).await.expect("the job and its handlers do not run");
    assert_eq!(host.inner().counts("it").expect("a task").callbacks, 0);
    host.shutdown().await;
}
