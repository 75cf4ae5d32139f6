//! A recorded attempt that is made again does the same: response or failure, log, progress and memory.

use saggar_record::{Record, ReplayMode};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost};
use serde_json::{Value, json};

use super::rerun::{assert_same, rerun};

/// How many jobs of random calls are made again: their records are not more than a task may store at once.
const SEEDS: u64 = 80;

/// Runs jobs of a task, and makes each of them again.
async fn assert_all_same(app: App, guest: &str, jobs: impl IntoIterator<Item = Value>) {
    assert_all_same_as(app, Start::default(), guest, jobs).await;
}

/// Like [`assert_all_same`], with a host with these settings.
pub(super) async fn assert_all_same_as(app: App, start: Start, guest: &str, jobs: impl IntoIterator<Item = Value>) {
    let host = TestHost::start_as(app, start).await;
    let mut ids = Vec::new();
    for args in jobs {
        ids.push(host.add("random", args).await);
    }
    for id in ids {
        host.end("random", id).await;
        let record = host.inner().record("random", id, None).await.expect("a lookup").expect("a record");
        let record = Record::read(&record).expect("a valid record");
        let (report, result) = rerun(host.inner().engine(), guest, &record, ReplayMode::Exact).await;
        assert_same(&record, &report, &result);
    }
    // Random calls may have added jobs of a later time, for which nobody waits.
    host.shutdown().await;
}

/// An app whose task `random` runs the guest, and records every attempt.
pub(super) fn app(guest: &str, more: &Value) -> App {
    let mut sandbox = json!({ "record": "all", "tasks": "all" });
    sandbox.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let random = json!({ "process": "plugins.random", "worker_nums": 4, "timeout": 1, "sandbox": sandbox });
    App::new()
        .plugin("random", guest)
        .plugin("echo", guests::ECHO)
        .task("random", &random)
        .task("sink", &json!({ "process": "plugins.echo" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn random_calls_do_the_same_again() {
    let seeds = (1..=SEEDS).map(|seed| json!([seed * 0x9e37_79b9]));
    assert_all_same(app(guests::RANDOM_CALLS, &json!({})), guests::RANDOM_CALLS, seeds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_in_fresh_instances_do_the_same_again() {
    let seeds = (1..=SEEDS / 2).map(|seed| json!([seed * 0x51ed_270b]));
    assert_all_same(app(guests::RANDOM_CALLS, &json!({ "reuse": 1 })), guests::RANDOM_CALLS, seeds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_show_the_same_again() {
    let jobs = (0..20).map(|_| json!([]));
    assert_all_same(app(guests::CLOCKS, &json!({})), guests::CLOCKS, jobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_is_the_same_again() {
    let ways = ["retry", "retry-after", "reject", "progress", "trap", "exit", "spin", "other"];
    let jobs = ways.map(|how| json!([how, 9, 7]));
    assert_all_same(app(guests::FAILING, &json!({})), guests::FAILING, jobs).await;
}
