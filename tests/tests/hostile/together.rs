//! Attacks of several calls: two components that compete for the pool, reloads during a run, cancellation at any time.

use std::fs;

use saggar::{FailureKind, Status};
use saggar_tests::app::{App, plugin_file};
use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code, response};
use serde_json::json;

use super::withstand::{arena, start};

/// Pseudo-random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Both components need a fresh instance for every job and have more slots than processors; neither starves or fails.
#[tokio::test(flavor = "multi_thread")]
async fn two_components_compete_for_the_pool() {
    let _arena = arena().await;
    let task =
        |plugin: &str| json!({ "process": format!("plugins.{plugin}"), "worker_nums": 32, "sandbox": { "reuse": 1 } });
    let app = App::new()
        .plugin("left", guests::ECHO)
        .plugin("right", guests::HOSTILE_ENDS)
        .task("left", &task("left"))
        .task("right", &task("right"));
    let host = TestHost::start_as(app, start()).await;
    let mut ids = Vec::new();
    for _ in 0..300 {
        ids.push(("left", host.add("left", json!(["ok"])).await));
        ids.push(("right", host.add("right", json!(["ok"])).await));
    }
    for (task, id) in ids {
        assert_eq!(response(&host.end(task, id).await), json!(["ok"]));
    }
    host.shutdown().await;
}

/// A running job continues with the component that it started with; a job that is added afterwards gets the new one.
#[tokio::test(flavor = "multi_thread")]
async fn reload_during_a_run() {
    let _arena = arena().await;
    let app = App::new().simple_task("changing", guests::GATED).simple_task("keys", guests::ECHO);
    let host = TestHost::start_as(app, start()).await;
    let before = host.add("changing", json!(["keys", 1])).await;
    host.until("changing", before, |job| job.status == Status::Running && job.message == "at the gate").await;

    host.app().write(plugin_file("changing"), fs::read(guests::ECHO).unwrap());
    host.reload().await.expect("the changed app loads");
    assert_eq!(host.job("changing", before).await.status, Status::Running, "a reload does not stop running jobs");

    assert_eq!(host.add("keys", json!([])).await, 1);
    assert_eq!(response(&host.end("changing", before).await), json!("through"));
    assert_eq!(host.response("changing", json!(["new"])).await, json!(["new"]));
    host.shutdown().await;
}

/// A reload that finds errors changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn reload_of_a_broken_app() {
    let _arena = arena().await;
    let host = TestHost::start_as(App::new().simple_task("echo", guests::ECHO), start()).await;
    host.app().write(plugin_file("echo"), b"no component");
    let why = host.reload().await.expect_err("a broken app does not load");
    assert!(why.contains("plugins/echo.wasm") || why.contains("plugins.echo"), "{why}");
    assert_eq!(host.response("echo", json!([1])).await, json!([1]));
    host.shutdown().await;
}

/// A reload that exceeds the size of the pool is either refused or granted as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn reload_of_an_app_that_exceeds_the_pool() {
    let _arena = arena().await;
    let task = |slots: u32, mib: u32| {
        let sandbox = json!({ "memory": format!("{mib}MiB"), "reuse": 1 });
        json!({ "process": "plugins.memory", "worker_nums": slots, "sandbox": sandbox })
    };
    let app = App::new().plugin("memory", guests::HOSTILE_MEMORY).task("memory", &task(2, 32));
    let host = TestHost::start_as(app, start()).await;
    let grown =
        async || host.response("memory", json!(["grow_until_refused"])).await.as_u64().expect("a number of MiB");
    assert!((28..32).contains(&grown().await));
    for (slots, mib) in [(1024, 32), (2, 200), (1024, 200)] {
        host.app().write("tasks/memory.json", task(slots, mib).to_string());
        let reloaded = host.reload().await;
        let granted = u64::from(if reloaded.is_ok() { mib } else { 32 });
        let got = grown().await;
        assert!((granted - 4..granted).contains(&got), "{slots} slots with {mib} MiB ({reloaded:?}): got {got} MiB");
    }
    host.shutdown().await;
}

/// Jobs of every kind are cancelled while they wait, start, run, retry or end. Each ends exactly once, with its own
/// outcome or as cancelled, and all slots continue. The timeout is an hour, so that only the cancellation ends jobs
/// that never return.
#[tokio::test(flavor = "multi_thread")]
async fn cancel_at_random_times() {
    let _arena = arena().await;
    let task = json!({
        "process": "plugins.cancelled", "worker_nums": 4, "timeout": 3_600, "attempts": 1, "attempt_after": 1,
    });
    let app = App::new().plugin("cancelled", guests::HOSTILE_TIME).task("cancelled", &task);
    let host = TestHost::start_as(app, start()).await;
    let mut dice = Dice(48);
    let mut cancelled = 0;
    for _ in 0..200 {
        let behaviour = ["ok", "spin", "sleep_an_hour", "recurse_forever"][dice.below(4) as usize];
        let id = host.add("cancelled", json!([behaviour])).await;
        // Cancels after a random number of yields to the scheduler.
        for _ in 0..dice.below(200) {
            tokio::task::yield_now().await;
        }
        let refused = host.cancel("cancelled", id).await.err();
        let job = host.end("cancelled", id).await;
        match job.status {
            Status::Success => assert_eq!(behaviour, "ok"),
            Status::Failure if job.reason == Some(FailureKind::Cancelled) => {
                assert_eq!((problem_code(&job), refused), ("cancelled", None));
                cancelled += 1;
            }
            Status::Failure => assert_eq!((behaviour, problem_code(&job)), ("recurse_forever", "stack-overflow")),
            Status::Waiting | Status::Running => panic!("the job has not ended: {job:?}"),
        }
        // Whatever won: from now on the answer is the same.
        assert_eq!(host.cancel("cancelled", id).await, Err("ended".to_owned()));
    }
    assert!(cancelled >= 50, "only {cancelled} jobs were cancelled in time");
    for _ in 0..8 {
        assert_eq!(host.response("cancelled", json!(["ok"])).await, json!(["ok"]));
    }
    host.shutdown().await;
}
