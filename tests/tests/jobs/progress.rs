//! Progress of jobs, and the progress handler.

use saggar::FailureKind;
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use serde_json::json;

/// The progress handler gets the latest values, coalesced, and the last ones before the end event.
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
    let (end, reports) = journal.split_last().expect("both handlers were called");
    assert_eq!(end, r#"success 1 {"id":1,"word":"step"}"#);
    assert_eq!(reports.last().unwrap(), "progress 1 200000/200000 step of job 1: 200000/200000");
    let milliseconds = job.ended_at.unwrap().0 - job.added_at.0;
    let most = milliseconds / 100 + 2;
    assert!(reports.len() as u64 <= most, "{} calls in {milliseconds} ms", reports.len());
    let current = |note: &String| note.split([' ', '/']).nth(2).unwrap().parse::<u64>().unwrap();
    assert!(reports.is_sorted_by_key(current), "{reports:?}");
    host.shutdown().await;
}

/// The last values of a failed attempt arrive, too, before those of the next attempt.
#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_reports_its_last_values() {
    let all = "plugins.recorder";
    let task = json!({ "process": all, "attempts": 1, "attempt_after": 1, "event": { "progress": all, "error": all } });
    let app = App::new().plugin("recorder", guests::RECORDER).task("it", &task).simple_task("journal", guests::ECHO);
    let host = TestHost::start(app).await;
    assert_eq!(host.run("it", json!(["fail"])).await.reason, Some(FailureKind::Failed));
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

/// An attempt that reports nothing does not end with what an earlier one reported.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_attempt_begins_without_the_progress_of_the_last_one() {
    let task = json!({ "process": "plugins.failing", "attempts": 1, "attempt_after": 1 });
    let host = TestHost::start(App::new().plugin("failing", guests::FAILING).task("it", &task)).await;
    let failed = host.run("it", json!(["progress", 9, 0])).await;
    assert_eq!((failed.reason, failed.current, failed.total), (Some(FailureKind::Failed), 9, 10));
    let retried = host.run("it", json!(["progress", 1, 0])).await;
    assert_eq!((retried.attempt, retried.reason), (2, None));
    assert_eq!((retried.current, retried.total, retried.message.as_str()), (0, 0, ""));
    host.shutdown().await;
}

/// The progress of many running jobs is not mixed up.
#[tokio::test(flavor = "multi_thread")]
async fn progress_of_many_jobs_is_not_mixed_up() {
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
