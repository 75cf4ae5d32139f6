//! Behaviours 1, 3, 4, 7 and 11: a job's way from added to ended.

use saggar::{Reason, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code, response};
use serde_json::json;

/// 1. WAITING, then RUNNING with progress visible; the processor gets `(id, ...args)`.
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

fn recorded() -> App {
    let all = "plugins.recorder";
    let event = json!({ "next": all, "add": all, "progress": all, "success": all, "error": all });
    let task = json!({ "process": all, "attempts": 2, "attempt_after": 1, "event": event });
    App::new().plugin("recorder", guests::RECORDER).task("recorded", &task).simple_task("journal", guests::ECHO)
}

/// 3. Order: next, add, processor, progress…, exactly one end event; with the right arguments.
#[tokio::test(flavor = "multi_thread")]
async fn calls_come_in_order_with_their_arguments() {
    let host = TestHost::start(recorded()).await;
    assert_eq!(host.response("recorded", json!(["α", 2])).await, json!({ "message": "ok" }));
    let mut journal = host.journal().await;
    // The first of the two values may have been left out.
    journal.retain(|note| note != "progress 1 1/2 half");
    let expected =
        ["next", "add 1", r#"process 1 ["α",2] attempt 1"#, "progress 1 2/2 done", r#"success 1 {"message":"ok"}"#];
    assert_eq!(journal, expected);
    host.shutdown().await;
}

/// 4. The error event comes only after the last attempt, and then once.
#[tokio::test(flavor = "multi_thread")]
async fn the_error_event_comes_after_the_last_attempt() {
    let host = TestHost::start(recorded()).await;
    let job = host.run("recorded", json!(["fail"])).await;
    assert_eq!((job.attempt, job.max_attempts, job.reason), (3, 3, Some(Reason::Failed)));
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

/// 4. `attempts` and `attempt_after` are kept; so is the delay that the guest asks for.
#[tokio::test(flavor = "multi_thread")]
async fn retries_keep_their_number_and_their_delay() {
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
    assert_eq!((problem_code(&job), job.attempt, job.reason), ("not-yet", 1, Some(Reason::Rejected)));
    let job = host.run("quickly", json!(["retry", 9, 0])).await;
    assert_eq!((problem_code(&job), job.attempt, job.reason), ("not-yet", 4, Some(Reason::Failed)));
    host.shutdown().await;
}

/// 7. `get` after the end gives SUCCESS or FAILURE with the response.
#[tokio::test(flavor = "multi_thread")]
async fn an_ended_job_can_be_looked_up() {
    let host = TestHost::start(App::new().simple_task("failing", guests::FAILING)).await;
    host.run("failing", json!(["reject", 0, 0])).await;
    host.run("failing", json!(["reject", 1, 0])).await;
    let (good, bad) = (host.job("failing", 1).await, host.job("failing", 2).await);
    assert_eq!((good.status, response(&good), good.problem, good.reason), (Status::Success, json!(1), None, None));
    assert_eq!((bad.status, bad.response, bad.reason), (Status::Failure, None, Some(Reason::Rejected)));
    let problem = bad.problem.unwrap();
    assert_eq!((problem.code.as_str(), problem.message.as_str()), ("not-yet", "attempt 1 fails by reject"));
    assert_eq!(problem.details.as_deref(), Some(r#"{"attempt":1}"#));
    assert_eq!(host.try_job("failing", 3).await.unwrap_err(), "unknown-job");
    assert_eq!(host.try_job("fail", 1).await.unwrap_err(), "unknown-task");
    host.shutdown().await;
}

/// 11. Many jobs with progress at once do not mix.
#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_with_progress_do_not_mix() {
    let task = json!({ "process": "plugins.progress", "worker_nums": 10, "size": 1000 });
    let host = TestHost::start(App::new().plugin("progress", guests::PROGRESS).task("many", &task)).await;
    let mut added = Vec::new();
    for number in 0..400_u64 {
        let word = format!("w{number}");
        added.push((host.add("many", json!([number % 7 + 1, word])).await, number % 7 + 1, word));
    }
    for (id, steps, word) in added {
        let job = host.end("many", id).await;
        assert_eq!(response(&job), json!({ "id": id, "word": word }));
        assert_eq!((job.current, job.total), (steps, steps));
        assert_eq!(job.message, format!("{word} of job {id}: {steps}/{steps}"));
    }
    host.shutdown().await;
}
