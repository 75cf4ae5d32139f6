//! The SQLite store and its file: who may have it, what is refused and how it is said, a full disk, copies.

#![expect(clippy::unwrap_used, reason = "clippy excepts test functions, but not what they call")]

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
    open(path).map(drop).expect_err("it has to be refused").to_string()
}

#[tokio::test]
async fn a_second_host_is_refused_and_told_of_the_first() {
    let directory = directory();
    let path = directory.path().join("saggar.db");
    let first = open(&path).unwrap();
    let said = refusal(&path);
    assert!(said.contains(&format!("process {}", std::process::id())) && said.contains("since 20"), "{said}");
    std::os::unix::fs::symlink(&path, directory.path().join("link.db")).unwrap();
    assert!(refusal(&directory.path().join("link.db")).contains("cannot be a file of the job store"));
    let task = task(&first).await;
    drop(first);
    assert!(open(&path).is_err(), "a task that is still held holds the file");
    add(&*task, "[]").await.unwrap();
    drop(task);
    open(&path).unwrap();
}

#[test]
fn what_cannot_be_a_store_is_refused() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    assert!(refusal(directory.path()).contains("is a directory"));
    assert!(refusal(&at("nowhere/saggar.db")).contains("directory is there"));
    std::fs::write(at("text.db"), "no database, but long enough to look like one".repeat(100)).unwrap();
    assert!(refusal(&at("text.db")).contains("no SQLite database"));
    rusqlite::Connection::open(at("other.db")).unwrap().execute_batch("CREATE TABLE mine (a)").unwrap();
    assert!(refusal(&at("other.db")).contains("another program"));
    drop(open(&at("newer.db")).unwrap());
    rusqlite::Connection::open(at("newer.db")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let said = refusal(&at("newer.db"));
    assert!(said.contains("newer host (schema 99"), "{said}");
}

#[tokio::test]
async fn thousands_may_look_at_once() {
    let directory = directory();
    let store = open(&directory.path().join("saggar.db")).unwrap();
    let task = task(&store).await;
    task.add(vec![NewJob::new("[]")], &rules(), NOW).await.unwrap();
    let looks = (0..5_000).map(|_| task.get(JobId(1)));
    let answers = futures_util::future::join_all(looks).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().is_some()));
}

#[tokio::test]
async fn damage_is_found_at_the_start() {
    let directory = directory();
    let path = directory.path().join("saggar.db");
    let store = open(&path).unwrap();
    let task = task(&store).await;
    task.add(vec![NewJob::new("[\"some arguments\"]"); 2_000], &rules(), NOW).await.unwrap();
    drop((task, store));
    // What still stood in the WAL would hide the damage.
    let checkpoint = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let db = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], checkpoint), Ok(0));
    drop(db);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let said = refusal(&path);
    assert!(said.contains("is damaged") && said.contains("restore a backup"), "{said}");
}

#[tokio::test]
async fn a_full_disk_is_said_and_loses_nothing() {
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
    // Finishing needs next to no room, and removing makes some.
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
async fn a_copy_starts_while_the_host_goes_on() {
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
    assert_eq!(task_of_second.counts().waiting, 50, "what ran waits again in the copy");
    assert_eq!(task_of_second.get(running.id).await.unwrap().unwrap().life.attempt, 1);
    assert_eq!(add(&*task_of_second, "[3]").await.unwrap(), JobId(51));
}

#[tokio::test]
async fn claims_that_nobody_got_are_requeued() {
    let directory = directory();
    let store = open(&directory.path().join("saggar.db")).unwrap();
    let task = task(&store).await;
    for _ in 0..40 {
        add(&*task, "[]").await.unwrap();
    }
    for polls in 0..40 {
        // Dropped after some polls: before the step is taken on, while it is done, or with its answer on the way.
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

/// Runs `child` with a file system of its own, which needs no root: in a user and mount namespace.
#[test]
fn a_full_file_system_loses_nothing() {
    let run =
        format!("mount -t tmpfs -o size=3m tmpfs {MOUNTED_AT} && exec \"$0\" --exact child --ignored --nocapture");
    let said = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &run])
        .arg(std::env::current_exe().unwrap())
        .output()
        .expect("this test needs `unshare`: install util-linux");
    assert!(
        said.status.success() && String::from_utf8_lossy(&said.stdout).contains("1 passed"),
        "{said:#?}; if it could not mount: this test needs user namespaces for unprivileged users (on Ubuntu, `sysctl \
         kernel.apparmor_restrict_unprivileged_userns=0`; in a container, a profile that allows `unshare` and `mount`)"
    );
}

/// Where the small file system is, in its namespace.
const MOUNTED_AT: &str = "/mnt";

#[tokio::test]
#[ignore = "is the other test's child"]
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
                Ok(id) => assert!(added.insert(id), "{id} was given twice"),
                Err(error) => {
                    assert_eq!(error.code(), "store-full", "{error:?}");
                    refused += 1;
                }
            }
        }
    }
    assert!(added.len() > 20, "there was room for some: {}", added.len());
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
