//! Jobs that guests add: the options of `add-with`, and keys with which a repeated call adds its jobs only once.

use saggar::{ListQuery, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code, response};
use serde_json::{Value, json};

/// Starts a host with a task that adds jobs to `journal`, which is optionally paused so that its jobs wait.
async fn host(paused: bool) -> TestHost {
    let app = App::new().simple_task("adder", guests::ADDER).simple_task("journal", guests::ECHO);
    let host = TestHost::start(app).await;
    if paused {
        host.inner().pause("journal").await.expect("the task is there");
    }
    host
}

/// Makes a guest add `count` jobs with these options.
async fn add(host: &TestHost, count: u64, args: Value, options: Value) -> Value {
    host.response("adder", json!(["journal", count, args, options])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn options_mean_the_same_as_over_http() {
    let host = host(true).await;
    let ids = async |count, args, options| add(&host, count, args, options).await["ids"].clone();
    assert_eq!(ids(2, json!([1]), json!({})).await, json!([1, 2]));
    assert_eq!(ids(2, json!([1]), json!({ "key": "a" })).await, json!([3, 3]), "one key, one job");
    assert_eq!(ids(2, json!([1]), json!({ "key": "b" })).await, json!([4, 4]));
    assert_eq!(ids(2, json!([5]), json!({ "unique": { "by": "args" } })).await, json!([5, 5]));
    assert_eq!(ids(1, json!([6]), json!({ "unique": { "by": "args" } })).await, json!([6]));
    let by_position = json!({ "unique": { "by": "args", "positions": [1] } });
    assert_eq!(ids(1, json!([7, 0]), by_position.clone()).await, json!([7]));
    assert_eq!(ids(1, json!([8, 0]), by_position).await, json!([7]));
    assert_eq!(ids(2, json!([]), json!({ "unique": { "by": "task" } })).await, json!([8, 8]));

    assert_eq!(ids(1, json!([9]), json!({ "priority": 7, "delay_ms": 3_600_000 })).await, json!([9]));
    let delayed = host.job("journal", 9).await;
    let listed = host.inner().list(&ListQuery::of_tenant("default")).await.expect("a page").jobs;
    assert_eq!(
        listed.iter().find(|job| job.id.0 == 9 && job.priority == 7).map(|job| job.status),
        Some(Status::Waiting)
    );
    assert!(delayed.run_at.is_some_and(|at| at.0 >= delayed.added_at.0 + 3_600_000), "{delayed:?}");
    assert_eq!(ids(1, json!([10]), json!({ "run_at": "2126-11-24T10:00:00+01:00" })).await, json!([10]));
    assert_eq!(host.job("journal", 10).await.run_at.map(|at| at.0), Some(4_951_184_400_000));
    host.inner().resume("journal").await.unwrap();
    for id in [9, 10] {
        host.cancel("journal", id).await.unwrap();
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_options_are_named() {
    let host = host(false).await;
    for (options, code, says) in [
        (json!({ "priorty": 1 }), "invalid-options", "`priorty`"),
        (json!({ "priority": 99_999 }), "invalid-options", "99999"),
        (json!({ "delay_ms": -1 }), "invalid-options", "-1"),
        (json!({ "delay_ms": 1.5 }), "invalid-options", "1.5"),
        (json!({ "run_at": "tomorrow" }), "invalid-options", "`run_at`"),
        (json!({ "key": "" }), "invalid-options", "255 printable"),
        (json!({ "key": "k".repeat(256) }), "invalid-options", "255 printable"),
        (json!({ "unique": { "by": "task", "positions": [1] } }), "invalid-options", "`unique.positions`"),
        (json!({ "unique": ["task"] }), "invalid-options", "object"),
        (json!("[]"), "invalid-options", "object"),
        (json!("no JSON"), "invalid-options", "object"),
        (json!("{".repeat(100_000)), "invalid-options", "16384"),
    ] {
        let answer = add(&host, 1, json!([]), options.clone()).await;
        assert_eq!((&answer["ids"], answer["refused"][0].as_str()), (&json!([]), Some(code)), "{options}: {answer}");
        assert!(answer["refused"][1].as_str().is_some_and(|why| why.contains(says)), "{options}: {answer}");
    }
    let answer = host.response("adder", json!(["nowhere", 1, [], {}])).await;
    assert_eq!(answer["refused"][0], "unknown-task");
    let answer = add(&host, 1, json!("no array"), json!({})).await;
    assert_eq!(answer["refused"][0], "invalid-args");
    assert_eq!(host.try_job("journal", 1).await.unwrap_err(), "unknown-job", "nothing was added");
    host.shutdown().await;
}

/// Starts a host with a task whose attempts add jobs to `journal`; the first attempt fails.
async fn family(event: Value) -> TestHost {
    let task = json!({ "process": "plugins.family", "attempts": 2, "attempt_after": 1, "event": event });
    let app = App::new().plugin("family", guests::CHILDREN).task("family", &task).simple_task("journal", guests::ECHO);
    TestHost::start(app).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_attempt_adds_its_jobs_once() {
    let host = family(json!({})).await;
    let job = host.run("family", json!(["stable"])).await;
    assert_eq!((response(&job), job.attempt), (json!([1, 2]), 2));
    assert_eq!(host.journal().await, ["first", "second"]);
    let job = host.run("family", json!(["at-once"])).await;
    assert_eq!(response(&job), json!([3, 4]), "another job has other children");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_can_disable_keys_or_choose_its_own() {
    let host = family(json!({})).await;
    assert_eq!(host.response("family", json!(["without"])).await, json!([3, 4]));
    assert_eq!(host.journal().await, ["first", "second", "first", "second"]);
    assert_eq!(host.response("family", json!(["own"])).await, json!([5, 5]));
    assert_eq!(host.response("family", json!(["own"])).await, json!([5, 5]), "an own key is shared by all jobs");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_is_called_again_adds_its_job_once() {
    let host = family(json!({ "add": "plugins.family", "success": "plugins.family" })).await;
    assert_eq!(host.response("family", json!(["at-once"])).await, json!([2, 3]));
    host.idle().await;
    assert_eq!(host.journal().await, ["1 added", "first", "second", "1 succeeded"]);
    let log = host.log("family", 1).await;
    assert!(log.iter().filter(|line| line.contains("the handler fails")).count() > 1, "it was called again: {log:?}");
    host.shutdown().await;
}

/// Otherwise, an attempt that adds another job at the same position would get the wrong one.
#[tokio::test(flavor = "multi_thread")]
async fn a_different_job_at_the_same_position_is_rejected() {
    let host = family(json!({})).await;
    let job = host.run("family", json!(["changed"])).await;
    assert_eq!(problem_code(&job), "key-reused");
    let message = &job.problem.as_ref().unwrap().message;
    assert!(message.contains("job number 0") && message.contains("tasks::Options"), "{message}");
    assert_eq!(host.journal().await, ["first in attempt 1", "second in attempt 1"]);
    host.shutdown().await;
}
