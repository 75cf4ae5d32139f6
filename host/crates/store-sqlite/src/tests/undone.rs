//! Batches that find no room: what was undone with them has never been, whoever had asked for it and whatever this process
//! held of it.

use std::pin::Pin;
use std::sync::mpsc;

use futures_util::poll;

use super::super::writer::Writer;
use super::*;
use saggar_store::{CallbackKind, Delivery, Lane, NextDue};

const NOW: Timestamp = Timestamp(1_000_000);

type Asked<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(super) fn no_room() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None)
}

/// Where the writer stands still, so that what is asked for meanwhile gathers for its next batch.
pub(super) struct Gate<'a> {
    entered: mpsc::Receiver<()>,
    opening: mpsc::Sender<()>,
    passing: Asked<'a, Result<(), StoreError>>,
}

impl<'a> Gate<'a> {
    /// Answers when the writer stands.
    pub(super) async fn close(writer: &'a Writer) -> Self {
        let gate = Self::behind_others(writer).await;
        gate.reached();
        gate
    }

    /// The writer will stand when it has done what was asked for before.
    pub(super) async fn behind_others(writer: &'a Writer) -> Self {
        let (enter, entered) = mpsc::channel();
        let (opening, opened) = mpsc::channel::<()>();
        let mut passing: Asked<'a, _> = Box::pin(writer.ask(move |_| {
            enter.send(()).unwrap();
            // Whether it is opened or falls.
            let _ = opened.recv();
            Ok(Ok::<_, StoreError>(()))
        }));
        assert!(poll!(&mut passing).is_pending());
        Self { entered, opening, passing }
    }

    /// Waits until the writer stands.
    pub(super) fn reached(&self) {
        self.entered.recv().unwrap();
    }

    pub(super) async fn open(self) {
        drop(self.opening);
        self.passing.await.unwrap();
    }
}

/// Has the step that `asked` asks for done in one batch with another for which there is no room. Answers it when the batch was
/// undone; it has not been polled since.
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
    SqliteStore::open(&SqliteOptions::new(directory.path().join("saggar.db"))).unwrap()
}

fn key() -> TaskKey {
    TaskKey::new("default", "bench")
}

#[tokio::test]
async fn a_claim_that_was_undone_is_not_taken_back_from_whoever_has_it_now() {
    let directory = tempfile::tempdir().unwrap();
    let (store, rules) = (store(&directory), Arc::new(Rules::default()));
    let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap();
    let gone = undone(&store, task.claim(1, NOW)).await;
    let claimed = task.claim(1, NOW).await.unwrap().jobs;
    assert_eq!((claimed.len(), claimed[0].run.0), (1, 1), "the fence of the attempt that never was");
    drop(gone);
    assert_eq!(task.claim(1, NOW).await.unwrap().jobs, [], "it runs");
    assert_eq!((task.counts().running, task.counts().waiting), (1, 0));
}

#[tokio::test]
async fn a_job_has_been_ready_as_long_after_its_batch_was_undone() {
    let directory = tempfile::tempdir().unwrap();
    let (store, rules) = (store(&directory), Arc::new(Rules::default()));
    let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]").with_delay_ms(100)], &rules, NOW).await.unwrap();
    let ready_at = NOW.plus_ms(1_000);
    let job = task.claim(1, ready_at).await.unwrap().jobs.remove(0);
    let given_back = undone(&store, async {
        task.release(job.id, job.run, &rules, ready_at);
        task.claim(0, ready_at).await
    });
    assert!(matches!(given_back.await.await, Err(StoreError::Full(_))));
    assert_eq!(task.claim(0, ready_at).await.unwrap().next_due, NextDue::Now, "it was given back with the next batch");
    assert_eq!(task.counts().first_ready_at, Some(ready_at), "not since it was due: it was looked for later");
}

#[tokio::test]
async fn notices_whose_taking_was_undone_are_not_given_back_by_whoever_asked() {
    let directory = tempfile::tempdir().unwrap();
    let (store, rules) = (store(&directory), Arc::new(Rules { add_handler: true, ..Rules::default() }));
    let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap();
    let gone = undone(&store, task.claim_callbacks(Lane::Adds, 1, NOW)).await;
    assert_eq!(task.claim_callbacks(Lane::Adds, 1, NOW).await.unwrap().callbacks.len(), 1);
    drop(gone);
    assert_eq!(task.claim_callbacks(Lane::Adds, 1, NOW).await.unwrap().callbacks, [], "it is being told");
}

#[tokio::test(start_paused = true)]
async fn a_notice_whose_settling_was_undone_stays_taken_until_it_is_settled() {
    let directory = tempfile::tempdir().unwrap();
    let (store, rules) = (store(&directory), Arc::new(Rules { add_handler: true, ..Rules::default() }));
    let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]"); 2], &rules, NOW).await.unwrap();
    let taken = task.claim_callbacks(Lane::Adds, 2, NOW).await.unwrap().callbacks;
    let until = NOW.plus_ms(50);
    let postpone = undone(&store, task.settle_callback(taken[0].number, Delivery::Postponed(until), NOW)).await;
    let done = undone(&store, task.settle_callback(taken[1].number, Delivery::Done, NOW)).await;
    let others = task.claim_callbacks(Lane::Adds, 9, NOW).await.unwrap();
    assert_eq!((others.callbacks, others.next_due), (vec![], NextDue::Nothing), "nobody else is to notify them");
    // Both try again.
    postpone.await.unwrap();
    done.await.unwrap();
    let early = task.claim_callbacks(Lane::Adds, 9, NOW).await.unwrap();
    assert_eq!((early.callbacks, early.next_due), (vec![], NextDue::At(until)));
    let again = task.claim_callbacks(Lane::Adds, 9, until).await.unwrap().callbacks;
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0].kind, again[0].tries), (&CallbackKind::Added, 1), "the try was counted");
}

#[tokio::test]
async fn a_first_opening_that_was_undone_is_still_to_be_done() {
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
    assert_eq!((task.counts().running, task.counts().waiting), (0, 1), "the dead process's attempt is over");
    assert_eq!(losses.count(), 1, "and is observed once");
}
