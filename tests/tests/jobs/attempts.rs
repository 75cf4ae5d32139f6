//! Attempts: outcomes, retries, timeouts and their records.

use saggar::{CodeFile, FailureKind, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code, response};
use serde_json::json;

use crate::app;

/// These are the only names, in every interface.
#[test]
fn a_job_has_one_of_four_statuses() {
    let names = [Status::Waiting, Status::Running, Status::Success, Status::Failure].map(Status::name);
    assert_eq!(names, ["WAITING", "RUNNING", "SUCCESS", "FAILURE"]);
}

/// A job is WAITING, then RUNNING with visible progress; the processor gets its id and arguments.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_then_runs_with_visible_progress() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO);
    let app = app.simple_task("context", guests::CONTEXT).simple_task("echo", guests::ECHO);
    let host = TestHost::start(app).await;
    let first = host.close_gate("gated").await;
    let second = host.add("gated", json!(["keys", 1])).await;
    let running = host.job("gated", first).await;
    assert_eq!((running.status, running.current, running.total), (Status::Running, 0, 1));
    assert_eq!(host.job("gated", second).await.status, Status::Waiting);
    assert_eq!(host.job("gated", second).await.message, "");

    host.open_gate().await;
    for id in [first, second] {
        let ended = host.end("gated", id).await;
        assert_eq!(
            (response(&ended), ended.current, ended.message.as_str()),
            (json!("through"), 1, "through the gate")
        );
    }
    for id in 1..=3 {
        assert_eq!(host.response("context", json!([])).await["argument"], id);
    }
    assert_eq!(host.response("echo", json!(["a", { "b": [] }, null])).await, json!(["a", { "b": [] }, null]));
    host.shutdown().await;
}

/// Every way in which an attempt can fail has its reason and its code, and is retried if allowed.
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
        ("failing", json!(["retry", 9, 0]), FailureKind::Failed, "not-yet", 2),
        ("failing", json!(["retry-after", 9, 1]), FailureKind::Failed, "not-yet", 2),
        ("failing", json!(["reject", 9, 0]), FailureKind::Rejected, "not-yet", 1),
        ("failing", json!(["trap", 9, 0]), FailureKind::Trap, "trap", 2),
        ("failing", json!(["exit", 9, 0]), FailureKind::Trap, "exit", 2),
        ("failing", json!(["spin", 9, 0]), FailureKind::Timeout, "timeout", 2),
        ("memory", json!(["allocate_a_gigabyte"]), FailureKind::OutOfMemory, "out-of-memory", 2),
        ("words", json!(["answer_invalid_json"]), FailureKind::Trap, "invalid-response", 2),
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

/// `attempts` and `attempt_after` apply, and so does a delay that the guest requests.
#[tokio::test(flavor = "multi_thread")]
async fn retries_have_the_configured_number_and_delay() {
    let task = |attempts: u32, after: u32| json!({ "process": "plugins.failing", "attempts": attempts, "attempt_after": after });
    let app = App::new().plugin("failing", guests::FAILING).task("slowly", &task(2, 150)).task("quickly", &task(3, 1));
    let host = TestHost::start(app).await;

    let job = host.run("slowly", json!(["retry", 2, 0])).await;
    assert_eq!((response(&job), job.attempt), (json!(3), 3));
    assert!(job.ended_at.unwrap().0 >= job.added_at.0 + 2 * 150, "two retries came too early: {job:?}");

    let job = host.run("quickly", json!(["retry-after", 1, 250])).await;
    assert_eq!((response(&job), job.attempt), (json!(2), 2));
    assert!(job.ended_at.unwrap().0 >= job.added_at.0 + 250, "the retry came too early: {job:?}");

    let waiting = host.add("quickly", json!(["retry-after", 1, 600_000])).await;
    let job = host.until("quickly", waiting, |job| job.status == Status::Waiting && job.attempt == 1).await;
    assert!(job.run_at.unwrap().0 >= job.added_at.0 + 600_000, "{job:?}");
    assert_eq!(job.problem.unwrap().code, "not-yet");
    assert_eq!(host.cancel("quickly", waiting).await, Ok(()));

    let job = host.run("quickly", json!(["reject", 9, 0])).await;
    assert_eq!((problem_code(&job), job.attempt, job.reason), ("not-yet", 1, Some(FailureKind::Rejected)));
    let job = host.run("quickly", json!(["retry", 9, 0])).await;
    assert_eq!((problem_code(&job), job.attempt, job.reason), ("not-yet", 4, Some(FailureKind::Failed)));
    host.shutdown().await;
}

/// A failed attempt that will be retried leaves the job WAITING, with the time of the retry.
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

/// The timeout counts from an attempt's start, so jobs can wait longer than it.
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

/// The guest really stops, its slot is free at once, and its earlier progress is retained.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_stopped_at_its_timeout() {
    let task = json!({ "process": "plugins.time", "timeout": 1 });
    let host = TestHost::start(App::new().plugin("time", guests::HOSTILE_TIME).task("time", &task)).await;
    let stopped = host.run("time", json!(["report_forever"])).await;
    assert_eq!((problem_code(&stopped), stopped.reason), ("timeout", Some(FailureKind::Timeout)));
    assert!(stopped.ended_at.unwrap().0 >= stopped.added_at.0 + 1000, "{stopped:?}");
    assert_eq!(host.response("time", json!(["ok"])).await, json!(["ok"]));
    assert_eq!(host.job("time", 1).await, stopped, "the guest still reports");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_job_can_run_again_and_its_attempts_are_recorded() {
    let host = TestHost::start(app()).await;
    let first = host.run("echo", json!(["x"])).await;
    host.inner().retry("echo", first.id).await.unwrap();
    let second = host.end("echo", first.id).await;
    assert_eq!((response(&second), second.attempt), (response(&first), 1));
    let attempts = host.inner().attempts("echo", first.id).await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| (attempt.number, attempt.run.0)).collect::<Vec<_>>(), [(1, 1), (1, 2)]);
    let digest = host.inner().app().plugin(&CodeFile::Plugin("echo".into())).unwrap().digest().clone();
    for attempt in &attempts {
        let cost = attempt.cost.as_ref().expect("the attempt was measured");
        assert_eq!((attempt.ending.name(), &cost.digest), ("success", &digest));
        assert!(cost.peak_memory > 0 && !cost.cpu.is_zero(), "{cost:?}");
    }
    assert!(attempts[0].cost.as_ref().unwrap().fresh && !attempts[1].cost.as_ref().unwrap().fresh);
    host.shutdown().await;
}

/// The job's log has the output of its attempts in order, with the host's lines about failed ones.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_reports_failed_attempts() {
    let task = json!({ "process": "plugins.failing", "attempts": 2, "attempt_after": 1 });
    let host = TestHost::start(App::new().plugin("failing", guests::FAILING).task("it", &task)).await;
    let job = host.run("it", json!(["retry", 2, 0])).await;
    assert_eq!(job.status, Status::Success);
    let log = host.log("it", 1).await;
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].contains("attempt 1") && log[1].contains("attempt 2"), "{log:?}");
    host.shutdown().await;
}
