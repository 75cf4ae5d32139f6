//! `kill -9` at random instants under load, with the real binary and four plugins; then a check of every job's history.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use saggar::{Cursor, Host, ListOrder, ListQuery, Status, StoreChoice};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::patience::within;
use saggar_tests::program::{command, saggar_on};
use serde_json::json;

const ROUNDS: u64 = 20;
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

/// Adds jobs to `task` until `killed_after` of them were answered, then kills the host; answers the ids that it answered.
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
    // What it had answered by then was answered, too. A line without its end was not.
    ids.extend(lines.map_while(Result::ok).filter_map(|line| line.parse::<u64>().ok()));
    let status = host.wait().expect("a child can be waited for");
    if ids.len() < killed_after {
        let mut said = String::new();
        let _ = std::io::Read::read_to_string(&mut host.stderr.take().expect("a pipe"), &mut said);
        panic!("the host ended by itself ({status}) after {} of {killed_after} jobs: {said}", ids.len());
    }
    // The last line may have been cut in the middle of a number, so it says nothing.
    ids.pop();
    ids
}

#[test]
fn nothing_that_was_answered_is_lost_by_kill_9() {
    let app = app();
    let mut answered: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    // The instants differ from round to round, and are the same in every run.
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..ROUNDS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let task = TASKS[round as usize % TASKS.len()];
        let ids = load_and_kill(&app, task, 1 + (random >> 33) as usize % 1_500);
        answered.entry(task).or_default().extend(ids);
    }
    // One more host finishes what is left: `run` ends when nothing waits, runs or is to be told.
    let said = saggar_on("run", &app, &["--store", "sqlite", "echo", "last"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    for (task, ids) in &answered {
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "an id of {task} was answered twice");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(check(&app, &answered));
}

async fn check(app: &App, answered: &BTreeMap<&str, Vec<u64>>) {
    let cache = PathBuf::from(guests::TARGET_DIR).join("compiled");
    let store: StoreChoice = "sqlite".parse().expect("a store");
    let builder = Host::builder(app.path()).cache_dir(Some(cache)).store(store);
    let host = within("the start", builder.build()).await.expect("the host starts");
    let mut lost_attempts = 0;
    for task in TASKS {
        let mut ended = BTreeSet::new();
        for (id, status) in jobs(&host, task).await {
            assert!(matches!(status, Status::Success | Status::Failure), "{task} #{id} is {status:?}");
            lost_attempts += check_history(&host, task, id, status).await;
            ended.insert(id);
        }
        let missing: Vec<_> = answered.get(task).into_iter().flatten().filter(|id| !ended.contains(id)).collect();
        assert!(missing.is_empty(), "{task}: answered and lost: {missing:?}");
    }
    assert!(lost_attempts > 0, "no attempt was interrupted, so nothing was tested");
    host.shutdown(std::time::Duration::ZERO).await;
}

async fn jobs(host: &Host, task: &str) -> Vec<(u64, Status)> {
    let mut after: Option<Cursor> = None;
    let mut jobs = Vec::new();
    loop {
        let query = ListQuery {
            task: Some(task.into()),
            order: ListOrder::OldestFirst,
            after,
            limit: ListQuery::PAGE,
            ..ListQuery::of_tenant("default")
        };
        let page = host.list(&query).await.expect("a page");
        jobs.extend(page.jobs.iter().map(|job| (job.id.0, job.status)));
        match page.next {
            Some(next) => after = Some(next),
            None => return jobs,
        }
    }
}

/// Attempts are counted and never overlap; an end was told. Answers how many attempts were lost.
async fn check_history(host: &Host, task: &str, id: u64, status: Status) -> usize {
    let attempts = host.attempts(task, id).await.expect("attempts");
    let runs: Vec<u64> = attempts.iter().map(|attempt| attempt.run.0).collect();
    assert_eq!(runs, (1..=runs.len() as u64).collect::<Vec<_>>(), "{task} #{id}: an attempt is missing");
    for pair in attempts.windows(2) {
        assert!(pair[0].ended_at <= pair[1].started_at, "{task} #{id}: two attempts at once: {pair:?}");
    }
    let lost = attempts.iter().filter(|attempt| attempt.ending.name() == "lost").count();
    match status {
        Status::Success => assert_eq!(attempts.last().map(|attempt| attempt.ending.name()), Some("success")),
        _ => assert_eq!(lost, 3, "{task} #{id} failed without having been lost on every attempt"),
    }
    if task == "recorded" {
        let log = host.logs(task, id).await.expect("a log");
        let told = |what: &str| log.iter().any(|line| line.text.contains(what));
        assert!(told("on_add") || told("add"), "{task} #{id}: its adding was not told: {log:?}");
        assert!(told("success") || told("error"), "{task} #{id}: its end was not told: {log:?}");
    }
    lost
}
