//! The tests of the SQLite store that need its inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use saggar_job::{Ending, FailureKind, JobId, Outcome, Run, Status, TaskKey, Timestamp};
use tempfile::TempDir;

use super::disk::Medium;
use super::failure::Failure;
use super::limits::Limits;
use super::sync::Syncer;
use super::{Durability, SqliteError, SqliteOptions, SqliteStore};
use saggar_store::conformance::{Location, Locations, differential};
use saggar_store::{
    Change, End, Finish, Hint, ListQuery, NewJob, NextDue, Observer, Rules, Store, StoreError, StoreEvent, TaskStore,
};
use saggar_tenant::{Flow, Tenant};

mod busy;
mod components;
mod conformance;
mod disks;
mod durable;
mod gone;
mod load;
mod power;
mod sharing;
mod simulated;
mod undoing;
mod undone;
mod versions;

/// Opens a store with the limits of tests.
pub(super) fn open(options: &SqliteOptions) -> SqliteStore {
    SqliteStore::open_on(options, Medium::with_disk(|wal| Arc::new(wal)), Limits::for_tests()).unwrap()
}

/// Creates temporary directories, each removed with its location.
struct Files(Durability);

struct Directory {
    directory: TempDir,
    durability: Durability,
}

#[async_trait]
impl Locations for Files {
    async fn fresh(&self) -> Box<dyn Location> {
        Box::new(Directory { directory: tempfile::tempdir().unwrap(), durability: self.0 })
    }
}

impl Directory {
    fn fresh() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), durability: Durability::Full }
    }

    fn store(&self) -> SqliteStore {
        open(&SqliteOptions::new(self.directory.path().join("saggar.db")).with_durability(self.durability))
    }

    /// Opens the file as another program would.
    fn connect(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.directory.path().join("saggar.db")).unwrap()
    }
}

#[async_trait]
impl Location for Directory {
    async fn open(&mut self) -> Arc<dyn Store> {
        Arc::new(self.store())
    }

    async fn left_over(&mut self) -> Vec<String> {
        let db = self.connect();
        let rows =
            |table: &&str| db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
        let all = TABLES.iter().map(|table| (table, rows(table).unwrap()));
        all.filter(|(_, rows)| *rows > 0).map(|(table, rows)| format!("{rows} in {table}")).collect()
    }
}

/// Tables with rows of jobs and tenants. `ended` and `claims` may have stale entries of jobs that were removed.
const TABLES: [&str; 21] = [
    "jobs",
    "ids",
    "jobs_by_status",
    "ready_queue",
    "delayed",
    "details",
    "long_args",
    "long_responses",
    "attempts",
    "logs",
    "log_lines",
    "callbacks",
    "names",
    "recordings",
    "recording_counts WHERE recordings <> 0 OR bytes <> 0",
    "kv",
    "kv_spaces",
    "deployments",
    "deployed_code",
    "versions",
    "version_parts",
];

/// Counts the attempts that ended as lost.
#[derive(Default)]
struct Losses(AtomicUsize);

impl Losses {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Observer for Losses {
    fn observe(&self, event: StoreEvent) {
        if matches!(event, StoreEvent::Ended { ending: Ending::Failed(FailureKind::Lost), .. }) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn hint(&self, _hint: Hint) {}
}

/// Ends a running attempt in success.
async fn finish(task: &dyn TaskStore, id: JobId, run: Run, response: &str) {
    let end = End::Outcome(Outcome::Success(response.into()));
    let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
    task.finish(finish, false, &Arc::default(), Timestamp(1)).await.unwrap();
}

#[test]
fn after_a_failed_sync_no_answer_is_a_success() {
    let failure = Arc::new(Failure::default());
    let directory = Directory::fresh();
    let store = directory.store();
    let files = Arc::clone(&store.inner.files);
    let syncer = Syncer::new(Arc::new(std::fs::File::open("/dev/null").unwrap()), files, Arc::clone(&failure));
    let (send, answers) = std::sync::mpsc::channel();
    for seq in 1..=3 {
        let send = send.clone();
        syncer.send_when_durable(seq, vec![Box::new(move |fate| send.send(fate).unwrap())]);
    }
    syncer.close();
    // `/dev/null` cannot be synced.
    syncer.run();
    for _ in 1..=3 {
        assert!(matches!(answers.recv().unwrap(), Err(SqliteError::Failed { .. })));
    }
    assert_eq!(syncer.durable(), 0);
    assert!(failure.check().is_err());
}

#[tokio::test]
async fn a_failed_store_refuses_every_step_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&SqliteOptions::new(directory.path().join("saggar.db")));
    let (rules, now) = (Arc::new(Rules::default()), Timestamp(1));
    let task = store.open(&TaskKey::new("default", "bench"), &rules, now, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]")], &rules, now).await.unwrap();
    store.inner.failure.fail("the WAL could not be synced", &std::io::Error::other("no medium"));
    assert!(store.failed().await.to_string().contains("no medium"));
    let why = |error: &dyn std::error::Error| error.source().map(ToString::to_string).unwrap_or_default();
    let refused = task.add(vec![NewJob::new("[]")], &rules, now).await.unwrap_err();
    assert!(why(&refused).contains("no medium"), "{refused:?}");
    assert!(why(&task.claim(1, now).await.unwrap_err()).contains("no medium"));
    assert!(why(&task.get(JobId(1)).await.unwrap_err()).contains("restart the host"));
    assert_eq!(task.counts().running, 0);
}

#[tokio::test]
async fn scans_for_plain_jobs_skip_all_other_jobs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("saggar.db");
    let (rules, now, key) = (Arc::new(Rules::default()), Timestamp(1), TaskKey::new("default", "bench"));
    let scan_start = |at: &std::path::Path| {
        let row = rusqlite::Connection::open(at).unwrap();
        row.query_row("SELECT plain_from, (SELECT max(number) FROM ids) FROM tasks", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })
        .unwrap()
    };
    let store = open(&SqliteOptions::new(&path));
    let task = store.open(&key, &rules, now, Arc::new(())).await.unwrap();
    for _ in 0..3 {
        task.add(vec![NewJob::new("[]").with_delay_ms(1_000), NewJob::new("[]").with_priority(1)], &rules, now)
            .await
            .unwrap();
    }
    let (from, last) = scan_start(&path);
    assert!(from >= last, "no job up to the last one, {last}, is plain; the scan starts at {from}");
    // A plain job is found by lists and claims, now and after a restart.
    let plain = task.add(vec![NewJob::new("[]"), NewJob::new("[]").with_delay_ms(5)], &rules, now).await.unwrap()[0].id;
    let (from, last) = scan_start(&path);
    assert_eq!(from, last - 2);
    let waiting = ListQuery { statuses: vec![Status::Waiting], ..ListQuery::of_task(&key) };
    assert!(store.list(&waiting).await.unwrap().jobs.iter().any(|job| job.id == plain));
    drop((task, store));
    let store = open(&SqliteOptions::new(&path));
    let task = store.open(&key, &rules, now, Arc::new(())).await.unwrap();
    let claimed = task.claim(9, now).await.unwrap().jobs;
    assert_eq!(claimed.last().map(|job| job.id), Some(plain));
}

#[tokio::test]
async fn a_plain_job_far_behind_others_is_searched_for_in_bounded_scans() {
    const OTHERS: u64 = 2_000;
    let files = Directory::fresh();
    let (rules, now) = (Arc::new(Rules { size: usize::MAX, ..Rules::default() }), Timestamp(1));
    let store = files.store();
    let task = store.open(&TaskKey::new("default", "bench"), &rules, now, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]"); 5], &rules, now).await.unwrap();
    task.add(vec![NewJob::new("[]").with_priority(-1); OTHERS as usize], &rules, now).await.unwrap();
    task.add(vec![NewJob::new("[]")], &rules, now).await.unwrap();
    let (mut claimed, mut empty_claims) = (Vec::new(), 0);
    while claimed.len() < 7 {
        let found = task.claim(1, now).await.unwrap();
        assert_eq!(found.next_due, NextDue::Now);
        empty_claims += usize::from(found.jobs.is_empty());
        claimed.extend(found.jobs.iter().map(|job| job.id.0));
    }
    assert_eq!(claimed, [1, 2, 3, 4, 5, OTHERS + 6, 6]);
    assert!((1..9).contains(&empty_claims), "scanned in pieces, and only once: {empty_claims}");
}

#[tokio::test]
async fn a_batch_promotes_a_bounded_number_of_due_jobs() {
    let files = Directory::fresh();
    let (rules, now) = (Arc::new(Rules::default()), Timestamp(1));
    let store = files.store();
    let task = store.open(&TaskKey::new("default", "bench"), &rules, now, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]").with_delay_ms(5); 20], &rules, now).await.unwrap();
    let due = now.plus_ms(5);
    assert_eq!(task.claim(3, due).await.unwrap().jobs.len(), 3);
    // The batch's limit, and then one for each further job that is claimed.
    assert_eq!(task.counts().delayed, 20 - Limits::for_tests().promoted_at_once - 2);
}

#[tokio::test]
async fn retrying_a_job_removes_its_response() {
    let mut files = Directory::fresh();
    let (rules, now) = (Arc::new(Rules::default()), Timestamp(1));
    let store = files.store();
    let task = store.open(&TaskKey::new("default", "bench"), &rules, now, Arc::new(())).await.unwrap();
    let id = task.add(vec![NewJob::new("[]")], &rules, now).await.unwrap()[0].id;
    let run = task.claim(1, now).await.unwrap().jobs[0].run;
    finish(&*task, id, run, "\"a long response\"").await;
    let responses =
        || files.connect().query_row("SELECT count(*) FROM long_responses", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(responses(), 1);
    task.change(id, Change::Retry, &rules, now).await.unwrap();
    assert_eq!(responses(), 0);
    task.change(id, Change::Delete, &rules, now).await.unwrap();
    assert_eq!(files.left_over().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_prune_that_removes_nothing_writes_nothing() {
    let files = Directory::fresh();
    let (rules, now) = (Arc::new(Rules::default()), Timestamp(1));
    let store = files.store();
    let task = store.open(&TaskKey::new("default", "bench"), &rules, now, Arc::new(())).await.unwrap();
    let id = task.add(vec![NewJob::new("[]")], &rules, now).await.unwrap()[0].id;
    let run = task.claim(1, now).await.unwrap().jobs[0].run;
    finish(&*task, id, run, "1").await;
    let other = files.connect();
    // Changes with every commit of another connection that wrote something.
    let version = || other.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0)).unwrap();
    let before = version();
    assert_eq!(task.prune(9, &rules, now).await.unwrap().jobs, 0);
    assert_eq!(version(), before);
    let later = now.plus_ms(rules.retention.success_ms);
    assert_eq!(task.prune(9, &rules, later).await.unwrap().jobs, 1);
    assert_ne!(version(), before);
}

#[tokio::test]
async fn a_lookup_that_panics_does_not_fail_the_store() {
    let files = Directory::fresh();
    let store = files.store();
    let readers = store.inner.readers().unwrap();
    let flow = Flow::new(Tenant::new("a"), "it");
    // More often than there are threads.
    for _ in 0..9 {
        let found = readers.query(&flow, |_| -> rusqlite::Result<()> { panic!("on purpose") }).await;
        assert!(matches!(found, Err(SqliteError::Panicked)), "{found:?}");
    }
    let count = |db: &rusqlite::Connection| db.query_row("SELECT count(*) FROM tasks", [], |row| row.get::<_, i64>(0));
    let tables = readers.query(&flow, count).await;
    assert_eq!(tables.unwrap(), 0);
    assert!(!store.has_failed());
}

#[tokio::test]
async fn a_writer_that_panics_fails_the_store_and_answers_all_callers() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&SqliteOptions::new(directory.path().join("saggar.db")));
    let (rules, now) = (Arc::new(Rules::default()), Timestamp(1));
    let task = store.open(&TaskKey::new("default", "bench"), &rules, now, Arc::new(())).await.unwrap();
    let writer = store.inner.writer().unwrap();
    let step = |_: &mut super::writer_state::WriterState<'_>| -> super::task_state::Stepped<(), StoreError> {
        panic!("on purpose")
    };
    assert!(writer.ask(step).await.is_err());
    assert!(store.failed().await.to_string().contains("panicked"));
    assert!(task.add(vec![NewJob::new("[]")], &rules, now).await.is_err());
}

#[test]
fn a_syncer_that_panics_answers_later_callers() {
    let failure = Arc::new(Failure::default());
    let directory = Directory::fresh();
    let store = directory.store();
    let files = Arc::clone(&store.inner.files);
    let syncer = Syncer::new(Arc::new(tempfile::tempfile().unwrap()), files, Arc::clone(&failure));
    let (send, answers) = std::sync::mpsc::channel();
    let mut later = Some(move |fate| send.send(fate).unwrap());
    syncer.send_when_durable(1, vec![Box::new(|_| panic!("on purpose"))]);
    syncer.close();
    failure.guard("synced the WAL", || {
        if failure.check().is_err()
            && let Some(later) = later.take()
        {
            syncer.send_when_durable(2, vec![Box::new(later)]);
        }
        syncer.run();
    });
    assert!(matches!(answers.recv().unwrap(), Err(SqliteError::Failed { .. })));
}

#[tokio::test]
async fn a_store_whose_last_handle_is_dropped_on_its_own_thread_is_closed() {
    for durability in [Durability::Full, Durability::Normal] {
        let files = Directory { directory: tempfile::tempdir().unwrap(), durability };
        let (store, rules, now) = (files.store(), Arc::new(Rules::default()), Timestamp(1));
        let task = store.open(&TaskKey::new("default", "bench"), &rules, now, Arc::new(())).await.unwrap();
        task.add(vec![NewJob::new("[]"); 2], &rules, now).await.unwrap();
        let failure = Arc::clone(&store.inner.failure);
        let lock = Arc::downgrade(&store.inner.lock);
        let writer = store.inner.writer().unwrap();
        let (enter, entered) = std::sync::mpsc::channel();
        let (open, opened) = std::sync::mpsc::channel::<()>();
        let last_handle = Arc::clone(&store.inner);
        // Its answer is sent when there are no other handles of the store.
        let mut last = Box::pin(writer.ask(move |_| {
            enter.send(()).unwrap();
            let _ = opened.recv();
            drop(last_handle);
            Ok(Ok::<_, StoreError>(()))
        }));
        assert!(futures_util::poll!(&mut last).is_pending());
        entered.recv().unwrap();
        drop(last);
        drop((store, task, open));
        while lock.strong_count() > 0 {
            std::thread::yield_now();
        }
        assert!(failure.check().is_ok(), "{:?}", failure.check());
        files.store();
    }
}
