//! The SQLite store and its file: exclusive access, refusals and their messages, a full disk, backups.

#![expect(clippy::unwrap_used, reason = "clippy exempts test functions, but not their helpers")]

use std::path::Path;
use std::sync::Arc;

use saggar_job::{JobId, Outcome, Status, TaskKey, Timestamp};
use saggar_queue::{AddError, End, Finish, NewJob, Rules, Store, StoreError, TaskStore};
use saggar_store_sqlite::{SqliteError, SqliteOptions, SqliteStore};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_000_000);

fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn open(path: &Path) -> Result<SqliteStore, SqliteError> {
    SqliteStore::open(&SqliteOptions::new(path))
}

fn rules() -> Arc<Rules> {
    Arc::new(Rules { size: usize::MAX, ..Rules::default() })
}

async fn task(store: &SqliteStore) -> Arc<dyn TaskStore> {
    store.open(&TaskKey::new("default", "bench"), &rules(), NOW, Arc::new(())).await.unwrap()
}

async fn add(task: &dyn TaskStore, args: &str) -> Result<JobId, AddError> {
    Ok(task.add(vec![NewJob::new(args)], &rules(), NOW).await?[0].id)
}

#[track_caller]
fn refusal(path: &Path) -> String {
    open(path).map(drop).expect_err("it must be refused").to_string()
}

#[tokio::test]
async fn a_second_host_is_refused_with_the_process_id_of_the_first() {
    let directory = directory();
    let path = directory.path().join("saggar.db");
    let first = open(&path).unwrap();
    let message = refusal(&path);
    assert!(message.contains(&format!("process {}", std::process::id())) && message.contains("since 20"), "{message}");
    std::os::unix::fs::symlink(&path, directory.path().join("link.db")).unwrap();
    assert!(refusal(&directory.path().join("link.db")).contains("cannot be a file of the job store"));
    let task = task(&first).await;
    drop(first);
    assert!(open(&path).is_err(), "an open task keeps the file locked");
    add(&*task, "[]").await.unwrap();
    drop(task);
    open(&path).unwrap();
}

#[test]
fn files_that_are_not_a_store_are_refused() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    assert!(refusal(directory.path()).contains("is a directory"));
    assert!(refusal(&at("nowhere/saggar.db")).contains("directory exists"));
    std::fs::write(at("text.db"), "not a database, but long enough to look like one".repeat(100)).unwrap();
    assert!(refusal(&at("text.db")).contains("not a SQLite database"));
    rusqlite::Connection::open(at("other.db")).unwrap().execute_batch("CREATE TABLE mine (a)").unwrap();
    assert!(refusal(&at("other.db")).contains("another program"));
    drop(open(&at("newer.db")).unwrap());
    rusqlite::Connection::open(at("newer.db")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let message = refusal(&at("newer.db"));
    assert!(message.contains("newer host (schema 99"), "{message}");
}

#[tokio::test]
async fn thousands_of_lookups_run_at_once() {
    let directory = directory();
    let store = open(&directory.path().join("saggar.db")).unwrap();
    let task = task(&store).await;
    task.add(vec![NewJob::new("[]")], &rules(), NOW).await.unwrap();
    let lookups = (0..5_000).map(|_| task.get(JobId(1)));
    let answers = futures_util::future::join_all(lookups).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().is_some()));
}

#[tokio::test]
async fn damage_is_found_on_opening() {
    let directory = directory();
    let path = directory.path().join("saggar.db");
    let store = open(&path).unwrap();
    let task = task(&store).await;
    task.add(vec![NewJob::new("[\"some arguments\"]"); 2_000], &rules(), NOW).await.unwrap();
    drop((task, store));
    // Pages that are still in the WAL would hide the damage.
    let checkpoint = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let db = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], checkpoint), Ok(0));
    drop(db);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let message = refusal(&path);
    assert!(message.contains("is damaged") && message.contains("restore a backup"), "{message}");
}

#[tokio::test]
async fn a_full_disk_is_reported_and_loses_nothing() {
    let directory = directory();
    let path = directory.path().join("saggar.db");
    let store = SqliteStore::open(&SqliteOptions::new(&path).with_most_bytes(1024 * 1024)).unwrap();
    let task = task(&store).await;
    let args = format!("[\"{}\"]", "x".repeat(20_000));
    let mut added = Vec::new();
    let error = loop {
        match add(&*task, &args).await {
            Ok(id) => added.push(id),
            Err(error) => break error,
        }
        let claimed = task.claim(1, NOW).await.unwrap().jobs.pop();
        assert!(claimed.is_some() && added.len() < 1_000);
    };
    assert!(matches!(&error, AddError::Store(StoreError::Full(_))) && error.code() == "store-full", "{error:?}");
    assert!(error.to_string().contains("disk with the job store is full"), "{error:?}");
    let counts = task.counts();
    assert_eq!((counts.running, counts.waiting, counts.added), (added.len(), 0, added.len() as u64));
    for id in &added {
        assert_eq!(task.get(*id).await.unwrap().unwrap().status(), Status::Running);
    }
    // Finishing needs almost no room, and pruning frees some.
    for id in &added {
        let run = task.get(*id).await.unwrap().unwrap().life.run;
        let end = End::Outcome(Outcome::Success("1".into()));
        let finish = Finish { id: *id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
        task.finish(finish, false, &rules(), NOW).await.unwrap();
    }
    let later = NOW.plus_ms(rules().retention.success_ms);
    assert_eq!(task.prune(10_000, &rules(), later).await.unwrap().jobs, added.len());
    let next = add(&*task, &args).await.unwrap();
    assert_eq!(next.0, added.last().unwrap().0 + 1, "a refused job takes no id");
}

#[tokio::test]
async fn a_copy_can_be_opened_while_the_host_runs() {
    let directory = directory();
    let store = open(&directory.path().join("saggar.db")).unwrap();
    let task_of_first = task(&store).await;
    for _ in 0..50 {
        add(&*task_of_first, "[1]").await.unwrap();
    }
    let running = task_of_first.claim(1, NOW).await.unwrap().jobs.pop().unwrap();
    let copy = directory.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    assert!(matches!(store.backup(&copy).await, Err(SqliteError::BackupExists { .. })));
    add(&*task_of_first, "[2]").await.unwrap();
    let second = open(&copy).unwrap();
    let task_of_second = task(&second).await;
    assert_eq!(task_of_second.counts().waiting, 50, "the running job waits again in the copy");
    assert_eq!(task_of_second.get(running.id).await.unwrap().unwrap().life.attempt, 1);
    assert_eq!(add(&*task_of_second, "[3]").await.unwrap(), JobId(51));
}

#[tokio::test]
async fn claims_of_dropped_callers_are_requeued() {
    let directory = directory();
    let store = open(&directory.path().join("saggar.db")).unwrap();
    let task = task(&store).await;
    for _ in 0..40 {
        add(&*task, "[]").await.unwrap();
    }
    for polls in 0..40 {
        // Dropped after some polls: before the step is received, while it is done, or with its answer on the way.
        let mut claim = Box::pin(task.claim(3, NOW));
        for _ in 0..polls % 4 {
            if let std::task::Poll::Ready(claimed) = futures_util::poll!(&mut claim) {
                for job in claimed.unwrap().jobs {
                    let finish = Finish {
                        id: job.id,
                        run: job.run,
                        end: End::Requeue,
                        progress: None,
                        cost: None,
                        with_snapshot: false,
                        chance: 0.5,
                    };
                    task.finish(finish, false, &rules(), NOW).await.unwrap();
                }
                break;
            }
            std::thread::yield_now();
        }
        drop(claim);
    }
    let claimed = task.claim(100, NOW).await.unwrap().jobs;
    assert_eq!(claimed.len(), 40, "every job can still be claimed");
    assert!(claimed.iter().all(|job| job.attempt == 1), "and no attempt was counted");
}

/// Runs `child` with a file system of its own, in a user and mount namespace, which needs no root.
#[test]
fn a_full_file_system_loses_nothing() {
    let run =
        format!("mount -t tmpfs -o size=3m tmpfs {MOUNTED_AT} && exec \"$0\" --exact child --ignored --nocapture");
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &run])
        .arg(std::env::current_exe().unwrap())
        .output()
        .expect("this test needs `unshare`: install util-linux");
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{output:#?}; if it could not mount: this test needs user namespaces for unprivileged users (on Ubuntu, `sysctl \
         kernel.apparmor_restrict_unprivileged_userns=0`; in a container, a profile that allows `unshare` and `mount`)"
    );
}

/// The mount point of the small file system, in its namespace.
const MOUNTED_AT: &str = "/mnt";

#[tokio::test]
#[ignore = "runs as the other test's child"]
async fn child() {
    let at = |name: &str| Path::new(MOUNTED_AT).join(name);
    let ballast = vec![0; 1024 * 1024];
    std::fs::write(at("ballast"), &ballast).unwrap();
    let store = open(&at("saggar.db")).unwrap();
    let task = task(&store).await;
    let mut added = std::collections::HashSet::new();
    for size in [10, 200, 5_000, 60_000].repeat(3) {
        let args = format!("[\"{}\"]", "x".repeat(size));
        let mut refused = 0;
        while refused < 5 {
            match add(&*task, &args).await {
                Ok(id) => assert!(added.insert(id), "duplicate id {id}"),
                Err(error) => {
                    assert_eq!(error.code(), "store-full", "{error:?}");
                    refused += 1;
                }
            }
        }
    }
    assert!(added.len() > 20, "too few jobs fit: {}", added.len());
    assert_eq!(task.counts().waiting, added.len());
    std::fs::remove_file(at("ballast")).unwrap();
    added.insert(add(&*task, "[\"there is room again\"]").await.unwrap());
    drop((task, store));
    let store = open(&at("saggar.db")).unwrap();
    let task = self::task(&store).await;
    assert_eq!(task.counts().waiting, added.len());
    for id in added {
        assert_eq!(task.get(id).await.unwrap().unwrap().status(), Status::Waiting);
    }
}
