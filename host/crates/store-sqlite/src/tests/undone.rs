//! Batches that find the disk full: the claims of a batch that was rolled back never existed, whether their caller
//! still waits or was dropped.

use std::pin::Pin;
use std::sync::mpsc;

use futures_util::poll;

use super::super::writer::Writer;
use super::*;
use saggar_store::{CallbackKind, Delivery, Lane, NextDue};

const NOW: Timestamp = Timestamp(1_000_000);

pub(super) type Asked<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(super) fn no_room() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None)
}

/// Blocks the writer, so that further steps gather for its next batch.
pub(super) struct Gate<'a> {
    entered: mpsc::Receiver<()>,
    opening: mpsc::Sender<()>,
    passing: Asked<'a, Result<(), StoreError>>,
}

impl<'a> Gate<'a> {
    /// Returns when the writer is blocked.
    pub(super) async fn close(writer: &'a Writer) -> Self {
        let gate = Self::behind_others(writer).await;
        gate.wait_until_blocked();
        gate
    }

    /// Blocks the writer once it has done all earlier steps.
    pub(super) async fn behind_others(writer: &'a Writer) -> Self {
        let (enter, entered) = mpsc::channel();
        let (opening, opened) = mpsc::channel::<()>();
        let mut passing: Asked<'a, _> = Box::pin(writer.ask(move |_| {
            enter.send(()).unwrap();
            // Either the gate is opened, or it is dropped.
            let _ = opened.recv();
            Ok(Ok::<_, StoreError>(()))
        }));
        assert!(poll!(&mut passing).is_pending());
        Self { entered, opening, passing }
    }

    /// Waits until the writer is blocked.
    pub(super) fn wait_until_blocked(&self) {
        self.entered.recv().unwrap();
    }

    pub(super) async fn open(self) {
        drop(self.opening);
        self.passing.await.unwrap();
    }
}

/// Runs the step of `asked` in one batch with a step that finds the disk full. Returns `asked` after the rollback; it
/// has not been polled since.
pub(super) async fn undone<'a, T>(store: &SqliteStore, asked: impl Future<Output = T> + Send + 'a) -> Asked<'a, T> {
    let mut asked: Asked<'a, T> = Box::pin(asked);
    let writer = store.inner.writer().unwrap();
    let gate = Gate::close(writer).await;
    assert!(poll!(&mut asked).is_pending());
    let mut doomed = Box::pin(writer.ask(|_| Err::<Result<(), StoreError>, _>(no_room())));
    assert!(poll!(&mut doomed).is_pending());
    gate.open().await;
    assert!(matches!(doomed.await, Err(StoreError::Full(_))));
    asked
}

fn store(directory: &TempDir) -> SqliteStore {
    open(&SqliteOptions::new(directory.path().join("saggar.db")))
}

fn key() -> TaskKey {
    TaskKey::new("default", "bench")
}

#[tokio::test]
async fn dropping_a_rolled_back_claim_does_not_release_the_later_claim() {
    let directory = tempfile::tempdir().unwrap();
    let (store, rules) = (store(&directory), Arc::new(Rules::default()));
    let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap();
    let dropped = undone(&store, task.claim(1, NOW)).await;
    let claimed = task.claim(1, NOW).await.unwrap().jobs;
    assert_eq!((claimed.len(), claimed[0].run.0), (1, 1), "the fence of the claim that was rolled back");
    drop(dropped);
    assert_eq!(task.claim(1, NOW).await.unwrap().jobs, [], "it is running");
    assert_eq!((task.counts().running, task.counts().waiting), (1, 0));
}

#[tokio::test]
async fn the_ready_time_of_a_job_survives_a_rollback() {
    let directory = tempfile::tempdir().unwrap();
    let (store, rules) = (store(&directory), Arc::new(Rules::default()));
    let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]").with_delay_ms(100)], &rules, NOW).await.unwrap();
    let ready_at = NOW.plus_ms(1_000);
    let job = task.claim(1, ready_at).await.unwrap().jobs.remove(0);
    let released = undone(&store, async {
        task.release(job.id, job.run, &rules, ready_at);
        task.claim(0, ready_at).await
    });
    assert!(matches!(released.await.await, Err(StoreError::Full(_))));
    assert_eq!(task.claim(0, ready_at).await.unwrap().next_due, NextDue::Now, "it was released with the next batch");
    assert_eq!(task.counts().first_ready_at, Some(ready_at), "since its promotion, not since it was due");
}

#[tokio::test]
async fn dropping_a_rolled_back_callback_claim_does_not_release_the_later_claim() {
    let directory = tempfile::tempdir().unwrap();
    let (store, rules) = (store(&directory), Arc::new(Rules { add_handler: true, ..Rules::default() }));
    let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap();
    let dropped = undone(&store, task.claim_callbacks(Lane::Adds, 1, NOW)).await;
    assert_eq!(task.claim_callbacks(Lane::Adds, 1, NOW).await.unwrap().callbacks.len(), 1);
    drop(dropped);
    assert_eq!(task.claim_callbacks(Lane::Adds, 1, NOW).await.unwrap().callbacks, [], "its handler is being called");
}

#[tokio::test(start_paused = true)]
async fn a_callback_whose_settlement_was_rolled_back_stays_claimed_until_it_is_settled() {
    let directory = tempfile::tempdir().unwrap();
    let (store, rules) = (store(&directory), Arc::new(Rules { add_handler: true, ..Rules::default() }));
    let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]"); 2], &rules, NOW).await.unwrap();
    let taken = task.claim_callbacks(Lane::Adds, 2, NOW).await.unwrap().callbacks;
    let until = NOW.plus_ms(50);
    let postponing = undone(&store, task.settle_callback(taken[0].number, Delivery::Postponed(until), NOW)).await;
    let done = undone(&store, task.settle_callback(taken[1].number, Delivery::Done, NOW)).await;
    let others = task.claim_callbacks(Lane::Adds, 9, NOW).await.unwrap();
    assert_eq!((others.callbacks, others.next_due), (vec![], NextDue::Nothing), "both are still claimed");
    // Both steps retry.
    postponing.await.unwrap();
    done.await.unwrap();
    let early = task.claim_callbacks(Lane::Adds, 9, NOW).await.unwrap();
    assert_eq!((early.callbacks, early.next_due), (vec![], NextDue::At(until)));
    let again = task.claim_callbacks(Lane::Adds, 9, until).await.unwrap().callbacks;
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0].kind, again[0].tries), (&CallbackKind::Added, 1), "the try was counted");
}

#[tokio::test]
async fn a_first_opening_that_was_rolled_back_is_done_by_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let rules = Arc::new(Rules::default());
    {
        let store = store(&directory);
        let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
        task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap();
        assert_eq!(task.claim(1, NOW).await.unwrap().jobs.len(), 1);
    }
    let (store, key) = (store(&directory), key());
    let losses = Arc::new(Losses::default());
    let refused = undone(&store, store.open(&key, &rules, NOW, Arc::clone(&losses) as _)).await;
    assert!(matches!(refused.await, Err(StoreError::Full(_))));
    let task = store.open(&key, &rules, NOW, Arc::clone(&losses) as _).await.unwrap();
    assert_eq!((task.counts().running, task.counts().waiting), (0, 1), "the dead process's attempt has ended");
    assert_eq!(losses.count(), 1, "and is observed once");
}
