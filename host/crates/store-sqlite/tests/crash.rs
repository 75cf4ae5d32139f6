//! The SQLite store under `kill -9`: a child process works under load and says what was answered to it; it is killed at some
//! moment; another one finds all that was answered, and goes on.

#![expect(clippy::unwrap_used, reason = "clippy excepts test functions, but not what they call")]

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use saggar_job::{JobId, Outcome, RetryPolicy, Run, Status, TaskKey, Timestamp};
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

/// What the children said: of each task, the jobs added, the last run claimed, the jobs finished.
#[derive(Default)]
struct Said {
    added: HashSet<(usize, u64)>,
    claims: HashMap<(usize, u64), (u64, u32)>,
    finished: HashSet<(usize, u64)>,
}

#[test]
fn nothing_answered_is_lost_when_the_process_is_killed() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("saggar.db");
    let mut chance = fastrand::Rng::with_seed(7);
    let mut said = Said::default();
    for round in 0..ROUNDS {
        // What survives the death of the process does not depend on the disk.
        let durability = if round % 2 == 0 { "full" } else { "normal" };
        let mut child = spawn(&path, durability);
        let lines = chance.usize(50..3_000);
        listen(&mut child, &mut said, lines);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(&path, &said, round));
    }
    assert!(said.finished.len() > 100, "the children got something done");
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

/// Listens to the child for that many lines, kills it, and hears what it had said by then.
fn listen(child: &mut Child, said: &mut Said, lines: usize) {
    let output = BufReader::new(child.stdout.take().unwrap());
    for (number, line) in output.lines().enumerate() {
        if number == lines {
            child.kill().unwrap();
        }
        // The last line may be cut off, and the test's harness has lines of its own.
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words.as_slice() {
            ["added", _, _, "."] => {
                assert!(said.added.insert((number(1) as usize, number(2))), "an id was given twice: {line}");
            }
            ["claimed", _, _, _, _, "."] => {
                let before = said.claims.insert((number(1) as usize, number(2)), (number(3), number(4) as u32));
                assert!(before.is_none_or(|(run, _)| run < number(3)), "a fence was given twice: {line}");
            }
            ["finished", _, _, "."] => drop(said.finished.insert((number(1) as usize, number(2)))),
            _ => {}
        }
    }
    child.wait().unwrap();
}

async fn check(path: &Path, said: &Said, round: usize) {
    let store = SqliteStore::open(&SqliteOptions::new(path)).unwrap();
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        tasks.push(store.open(&key(number), &rules(), NOW, Arc::new(())).await.unwrap());
    }
    for (task, id) in &said.added {
        let job = tasks[*task].get(JobId(*id)).await.unwrap();
        let job = job.unwrap_or_else(|| panic!("round {round}: the job {id} of task {task} is gone"));
        assert_ne!(job.status(), Status::Running, "round {round}: what ran was lost");
        let (run, attempt) = said.claims.get(&(*task, *id)).copied().unwrap_or_default();
        assert!(job.life.run >= Run(run) && job.life.attempt >= attempt, "round {round}: attempts of {id} not counted");
        if said.finished.contains(&(*task, *id)) {
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
#[ignore = "is the other test's child"]
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
            workers.spawn(turn(number, Arc::clone(&task)));
        }
    }
    workers.join_all().await;
}

async fn turn(number: usize, task: Arc<dyn TaskStore>) {
    let mut chance = fastrand::Rng::new();
    loop {
        let jobs = vec![NewJob::new("[1]").with_priority(chance.i16(-1..2)); chance.usize(1..4)];
        for added in task.add(jobs, &rules(), NOW).await.unwrap() {
            say(&format!("added {number} {} .", added.id));
        }
        for job in task.claim(chance.usize(0..4), NOW).await.unwrap().jobs {
            say(&format!("claimed {number} {} {} {} .", job.id, job.run.0, job.attempt));
            let end = End::Outcome(match chance.u8(0..5) {
                0 => Outcome::Lost,
                _ => Outcome::Success("1".into()),
            });
            let is_success = matches!(end, End::Outcome(Outcome::Success(_)));
            let finish =
                Finish { id: job.id, run: job.run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
            task.finish(finish, false, &rules(), NOW).await.unwrap();
            if is_success {
                say(&format!("finished {number} {} .", job.id));
            }
        }
    }
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").unwrap();
}
