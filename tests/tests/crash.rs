//! `kill -9` at random times under load, with the real binary and four plugins; then a check of every job's history.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::histories::{self, Expected};
use saggar_tests::host::TestHost;
use saggar_tests::program::{command, saggar_on};
use serde_json::json;

const ROUNDS: u64 = 20;
const MANY_ROUNDS: u64 = 200;
const TASKS: [&str; 4] = ["echo", "empty", "progress", "recorded"];

fn app() -> App {
    let many = |plugin: &str| json!({ "process": format!("plugins.{plugin}"), "worker_nums": 8, "size": 100_000 });
    let recorder = "plugins.recorder";
    App::new()
        .plugin("echo", guests::ECHO)
        .plugin("empty", guests::EMPTY)
        .plugin("progress", guests::PROGRESS)
        .plugin("recorder", guests::RECORDER)
        .task("echo", &many("echo"))
        .task("empty", &many("empty"))
        .task("progress", &many("progress"))
        .task(
            "recorded",
            &json!({
                "process": recorder, "worker_nums": 8, "size": 100_000,
                "event": { "add": recorder, "success": recorder, "error": recorder },
            }),
        )
}

/// Adds jobs to `task` until `killed_after` of them are confirmed, then kills the host; returns the confirmed ids.
fn load_and_kill(app: &App, task: &str, killed_after: usize) -> Vec<u64> {
    let mut host = command()
        .args(["run", "--store", "sqlite", "--repeat", "1000000", "--ids"])
        .arg(app.path())
        .args([task, "3", "word"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let out = BufReader::new(host.stdout.take().expect("a pipe was asked for"));
    let mut lines = out.lines();
    let mut ids = Vec::new();
    for line in lines.by_ref().take(killed_after) {
        ids.push(line.expect("text in UTF-8").parse().expect("an id"));
    }
    let _ = host.kill();
    // Complete lines received by now are confirmed, too. A line without its end is not.
    ids.extend(lines.map_while(Result::ok).filter_map(|line| line.parse::<u64>().ok()));
    let status = host.wait().expect("a child can be waited for");
    if ids.len() < killed_after {
        let mut said = String::new();
        let _ = std::io::Read::read_to_string(&mut host.stderr.take().expect("a pipe"), &mut said);
        panic!("the host ended by itself ({status}) after {} of {killed_after} jobs: {said}", ids.len());
    }
    // The last line may end within a number, so it does not count.
    ids.pop();
    ids
}

#[test]
fn confirmed_jobs_survive_kill_9() {
    survive(ROUNDS);
}

#[test]
#[ignore = "takes minutes; run after changes of the store: cargo test --release -- --ignored many_rounds"]
fn confirmed_jobs_survive_kill_9_in_many_rounds() {
    survive(MANY_ROUNDS);
}

fn survive(rounds: u64) {
    let app = app();
    let mut tasks: BTreeMap<&str, Expected> = TASKS.map(|task| (task, Expected::default())).into();
    tasks.insert("recorded", Expected { delivered: &["add", "success", "error"], ..Expected::default() });
    // The times of the kills differ from round to round, and are the same in every run.
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..rounds {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let task = TASKS[round as usize % TASKS.len()];
        let ids = load_and_kill(&app, task, 1 + (random >> 33) as usize % 1_500);
        tasks.entry(task).or_default().answered.extend(ids);
    }
    // Another host finishes the remaining jobs: `run` ends when no job waits or runs and no callback is pending.
    let said = saggar_on("run", &app, &["--store", "sqlite", "echo", "last"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let host = TestHost::start_durable(app).await;
        let found = histories::check(host.inner(), &tasks).await;
        assert!(found.lost > 0, "no attempt was interrupted, so nothing was tested: {found:?}");
        host.shutdown().await;
    });
}
