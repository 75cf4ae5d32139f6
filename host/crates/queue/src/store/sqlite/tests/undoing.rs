//! Batches that are undone for want of room: what the store remembers of them goes with them, and nothing else.

use std::pin::pin;
use std::sync::mpsc::{self, Sender};

use futures_util::poll;
use saggar_job::{Outcome, Status};

use super::*;
use crate::{AddError, End, Finish, Left, LostAtOpen, StoreError, TaskStore, Telling};

const NOW: Timestamp = Timestamp(1_000);
/// Bytes of the file: enough for a few jobs.
const ROOM: u64 = 256 * 1024;

struct Stage {
    _directory: TempDir,
    store: SqliteStore,
    options: SqliteOptions,
}

impl Stage {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(directory.path().join("saggar.db")).with_most_bytes(ROOM);
        let store = SqliteStore::open(&options).unwrap();
        Self { _directory: directory, store, options }
    }

    /// The same file after the process has died.
    fn restart(self) -> Self {
        let Self { _directory, store, options } = self;
        drop(store);
        let store = SqliteStore::open(&options).unwrap();
        Self { _directory, store, options }
    }

    async fn task(&self, name: &str, rules: Rules) -> Arc<dyn TaskStore> {
        self.store.open(&TaskKey::new("default", name), &Arc::new(rules), NOW).await.unwrap()
    }

    /// Holds the writer's thread at a step, so that all steps that are asked for meanwhile are one batch; then lets it do
    /// them, and one more for which there is no room.
    async fn undo_with(&self, ask: impl AsyncFnOnce()) {
        let ((began, begin), (go_on, gone_on)) = (mpsc::channel(), mpsc::channel::<()>());
        let held = self.store.inner.writer().unwrap().ask(move |_| {
            began.send(()).unwrap();
            gone_on.recv().unwrap();
            Ok(Ok::<_, StoreError>(()))
        });
        let flooded = self.task("flooded", Rules::default()).await;
        let mut held = pin!(held);
        assert!(poll!(held.as_mut()).is_pending());
        begin.recv().unwrap();
        ask().await;
        self.flood(&*flooded, &go_on).await;
        held.await.unwrap();
    }

    async fn flood(&self, flooded: &dyn TaskStore, go_on: &Sender<()>) {
        let (rules, args) = (Arc::new(Rules::default()), format!("[\"{}\"]", "x".repeat(2 * ROOM as usize)));
        let mut flood = pin!(flooded.add(vec![NewJob::new(args)], &rules, NOW));
        assert!(poll!(flood.as_mut()).is_pending());
        go_on.send(()).unwrap();
        assert!(matches!(flood.await, Err(AddError::Store(StoreError::Full(_)))), "there was room");
    }
}

fn rules() -> Arc<Rules> {
    Arc::new(Rules::default())
}

#[tokio::test]
async fn a_claim_that_was_undone_takes_nothing_back_from_whoever_got_it_then() {
    let stage = Stage::new();
    let task = stage.task("work", Rules::default()).await;
    task.add(vec![NewJob::new("[]")], &rules(), NOW).await.unwrap();
    let mut unlucky = Box::pin(task.claim(1, NOW));
    stage.undo_with(async || assert!(poll!(unlucky.as_mut()).is_pending())).await;
    let lucky = task.claim(1, NOW).await.unwrap();
    assert_eq!(lucky.jobs.len(), 1);
    // It had not even heard that there was no room.
    drop(unlucky);
    assert_eq!(task.claim(1, NOW).await.unwrap().jobs.len(), 0, "there are two attempts at once");
    assert_eq!(task.counts().running, 1);
}

#[tokio::test]
async fn an_opening_that_was_undone_is_made_again_with_all_that_was_lost() {
    let stage = Stage::new();
    let task = stage.task("work", Rules::default()).await;
    task.add(vec![NewJob::new("[]")], &rules(), NOW).await.unwrap();
    task.claim(1, NOW).await.unwrap();
    drop(task);
    let stage = stage.restart();
    let (key, same) = (TaskKey::new("default", "work"), rules());
    let mut undone = Box::pin(stage.store.open(&key, &same, NOW));
    stage.undo_with(async || assert!(poll!(undone.as_mut()).is_pending())).await;
    assert!(matches!(undone.await, Err(StoreError::Full(_))));
    let task = stage.task("work", Rules::default()).await;
    assert_eq!(task.counts().running, 0, "an attempt of a dead process still runs");
    assert_eq!(task.get(JobId(1)).await.unwrap().unwrap().life.state.status(), Status::Waiting);
    assert_eq!(task.lost_at_open(), LostAtOpen { attempts: 1, jobs: 0 });
}

#[tokio::test]
async fn a_notice_whose_putting_off_was_undone_is_still_put_off() {
    let stage = Stage::new();
    let rules = Rules { success_handler: true, ..Rules::default() };
    let task = stage.task("work", rules.clone()).await;
    let rules = Arc::new(rules);
    task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap();
    let job = task.claim(1, NOW).await.unwrap().jobs.remove(0);
    let end = End::Outcome(Outcome::Success("1".into()));
    let finish = Finish { id: job.id, run: job.run, end, progress: None, cost: None, shows: false, chance: 0.5 };
    task.finish(finish, false, &rules, NOW, Arc::new(drop)).await.unwrap();
    let notice = task.claim_notices(1, NOW).await.unwrap().notices.remove(0);
    let later = NOW.plus_ms(10_000);
    let mut settling = Box::pin(task.settle_notice(notice.number, Telling::PutOff(later), NOW));
    stage.undo_with(async || assert!(poll!(settling.as_mut()).is_pending())).await;
    let meanwhile = task.claim_notices(1, NOW).await.unwrap();
    assert_eq!(meanwhile.notices.len(), 0, "it is told while it is still being settled");
    settling.await.unwrap();
    let taken = task.claim_notices(1, NOW).await.unwrap();
    assert_eq!((taken.notices.len(), taken.left), (0, Left::From(later)));
    assert_eq!(task.claim_notices(1, later).await.unwrap().notices[0].tries, 1);
}
