//! The SQLite store under `kill -9`. A child process works under load and reports each answer. It is killed at a random
//! moment; another process finds everything that was answered, and continues.

#![expect(clippy::unwrap_used, reason = "clippy exempts test functions, but not their helpers")]

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use saggar_job::{Failure, JobId, Outcome, RetryPolicy, Run, Status, TaskKey, Timestamp};
use saggar_queue::{End, Finish, NewJob, Rules, Store, TaskStore};
use saggar_store_sqlite::{Durability, SqliteOptions, SqliteStore};

const STORE: &str = "SAGGAR_TEST_STORE";
const DURABILITY: &str = "SAGGAR_TEST_DURABILITY";
const ROUNDS: usize = 8;
const TASKS: usize = 3;
const NOW: Timestamp = Timestamp(1_000_000);

fn key(number: usize) -> TaskKey {
    TaskKey::new("default", &format!("task{number}"))
}

fn rules() -> Arc<Rules> {
    // Many attempts, so that no job ends as lost, and no delay.
    let retry = RetryPolicy { retries: 1_000, delay_ms: 0, ..RetryPolicy::default() };
    Arc::new(Rules { size: usize::MAX, retry, success_handler: true, ..Rules::default() })
}

/// The children's reports, by task: jobs added, the last run claimed, jobs finished.
#[derive(Default)]
struct Reported {
    added: HashSet<(usize, u64)>,
    claims: HashMap<(usize, u64), (u64, u32)>,
    finished: HashSet<(usize, u64)>,
}

#[test]
fn nothing_answered_is_lost_when_the_process_is_killed() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("saggar.db");
    let mut chance = fastrand::Rng::with_seed(7);
    let mut reported = Reported::default();
    for round in 0..ROUNDS {
        // Surviving the death of the process does not depend on the durability.
        let durability = if round % 2 == 0 { "full" } else { "normal" };
        let mut child = spawn(&path, durability);
        let lines = chance.usize(50..3_000);
        read_reports(&mut child, &mut reported, lines);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(&path, &reported, round));
    }
    assert!(reported.finished.len() > 100, "the children finished some jobs");
}

fn spawn(path: &Path, durability: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(STORE, path)
        .env(DURABILITY, durability)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads that many lines from the child, kills it, and reads the lines that it had written by then.
fn read_reports(child: &mut Child, reported: &mut Reported, lines: usize) {
    let output = BufReader::new(child.stdout.take().unwrap());
    for (number, line) in output.lines().enumerate() {
        if number == lines {
            child.kill().unwrap();
        }
        // The last line may be cut off, and the test harness prints lines of its own.
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words.as_slice() {
            ["added", _, _, "."] => {
                assert!(reported.added.insert((number(1) as usize, number(2))), "duplicate id: {line}");
            }
            ["claimed", _, _, _, _, "."] => {
                let before = reported.claims.insert((number(1) as usize, number(2)), (number(3), number(4) as u32));
                assert!(before.is_none_or(|(run, _)| run < number(3)), "duplicate fence: {line}");
            }
            ["finished", _, _, "."] => drop(reported.finished.insert((number(1) as usize, number(2)))),
            _ => {}
        }
    }
    child.wait().unwrap();
}

async fn check(path: &Path, reported: &Reported, round: usize) {
    let store = SqliteStore::open(&SqliteOptions::new(path)).unwrap();
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        tasks.push(store.open(&key(number), &rules(), NOW, Arc::new(())).await.unwrap());
    }
    for (task, id) in &reported.added {
        let job = tasks[*task].get(JobId(*id)).await.unwrap();
        let job = job.unwrap_or_else(|| panic!("round {round}: the job {id} of task {task} is gone"));
        assert_ne!(job.status(), Status::Running, "round {round}: its attempt was not ended as lost");
        let (run, attempt) = reported.claims.get(&(*task, *id)).copied().unwrap_or_default();
        assert!(job.life.run >= Run(run) && job.life.attempt >= attempt, "round {round}: attempts of {id} not counted");
        if reported.finished.contains(&(*task, *id)) {
            assert_eq!(job.status(), Status::Success, "round {round}: the end of {id} was lost");
        }
    }
    for (number, task) in tasks.iter().enumerate() {
        let counts = task.counts();
        assert_eq!(counts.running, 0);
        assert_eq!((counts.waiting + counts.success) as u64, counts.added, "round {round}: the counts of {number}");
        assert_eq!(counts.success, counts.callbacks, "round {round}: one callback for every end");
    }
}

/// The process that is killed.
#[test]
#[ignore = "runs as the other test's child"]
fn child() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(work(path.into()));
}

async fn work(path: PathBuf) {
    let is_normal = std::env::var_os(DURABILITY).is_some_and(|durability| durability == "normal");
    let durability = if is_normal { Durability::Normal } else { Durability::Full };
    let store = SqliteStore::open(&SqliteOptions::new(path).with_durability(durability)).unwrap();
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..TASKS {
        let task = store.open(&key(number), &rules(), NOW, Arc::new(())).await.unwrap();
        for _ in 0..40 {
            workers.spawn(worker(number, Arc::clone(&task)));
        }
    }
    workers.join_all().await;
}

async fn worker(number: usize, task: Arc<dyn TaskStore>) {
    let mut chance = fastrand::Rng::new();
    loop {
        let jobs = vec![NewJob::new("[1]").with_priority(chance.i16(-1..2)); chance.usize(1..4)];
        for added in task.add(jobs, &rules(), NOW).await.unwrap() {
            report(&format!("added {number} {} .", added.id));
        }
        for job in task.claim(chance.usize(0..4), NOW).await.unwrap().jobs {
            report(&format!("claimed {number} {} {} {} .", job.id, job.run.0, job.attempt));
            let end = End::Outcome(match chance.u8(0..5) {
                0 => Outcome::Failure(Failure::lost()),
                _ => Outcome::Success("1".into()),
            });
            let is_success = matches!(end, End::Outcome(Outcome::Success(_)));
            let finish =
                Finish { id: job.id, run: job.run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
            task.finish(finish, false, &rules(), NOW).await.unwrap();
            if is_success {
                report(&format!("finished {number} {} .", job.id));
            }
        }
    }
}

fn report(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").unwrap();
}
