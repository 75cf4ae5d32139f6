//! Concurrent load: many workers add, claim and finish jobs. Their answers are compared with the content of the file
//! afterwards.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use parking_lot::Mutex;

use super::*;
use saggar_store::{AddError, ClaimedJob, Hint, Observer, StoreEvent};

const NOW: Timestamp = Timestamp(1);
/// Concurrent workers.
const WORKERS: u64 = 6;

pub(super) fn rules() -> Arc<Rules> {
    let retry = saggar_job::RetryPolicy { retries: 1_000, delay_ms: 0, ..saggar_job::RetryPolicy::default() };
    Arc::new(Rules { size: usize::MAX, retry, ..Rules::default() })
}

/// The durable jobs that the observer was notified of: added ones, and ended ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Observed {
    pub(super) added: HashSet<u64>,
    pub(super) ended: HashSet<u64>,
    /// Ids of two jobs. Not asserted where they are found, because that is on a thread of the store.
    twice: HashSet<u64>,
}

/// Records its notifications.
struct Recorder(Arc<Mutex<Observed>>);

impl Observer for Recorder {
    fn observe(&self, event: StoreEvent) {
        let mut observed = self.0.lock();
        match event {
            StoreEvent::Added { ids, .. } => {
                for id in ids {
                    if !observed.added.insert(id.0) {
                        observed.twice.insert(id.0);
                    }
                }
            }
            StoreEvent::Ended { id, result, .. } if result.status == Status::Success => {
                let _ = observed.ended.insert(id.0);
            }
            _ => {}
        }
    }

    fn hint(&self, _hint: Hint) {}
}

impl Observed {
    /// Returns an observer that records its notifications.
    pub(super) fn observer(observed: &Arc<Mutex<Self>>) -> Arc<dyn Observer> {
        Arc::new(Recorder(Arc::clone(observed)))
    }
}

pub(super) struct Load {
    pub(super) task: Arc<dyn TaskStore>,
    pub(super) observed: Arc<Mutex<Observed>>,
    /// Steps of each worker.
    pub(super) steps: usize,
}

impl Load {
    /// Works until the steps are done or the store returns an error.
    pub(super) async fn run(self, seed: u64) {
        let load = Arc::new(self);
        let mut workers = tokio::task::JoinSet::new();
        for worker in 0..WORKERS {
            let (load, mut chance) = (Arc::clone(&load), fastrand::Rng::with_seed(seed * WORKERS + worker));
            workers.spawn(async move {
                for _ in 0..load.steps {
                    if load.step(&mut chance).await.is_err() {
                        return;
                    }
                }
            });
        }
        workers.join_all().await;
    }

    async fn step(&self, chance: &mut fastrand::Rng) -> Result<(), AddError> {
        let jobs = vec![NewJob::new("[\"some words\"]"); chance.usize(1..4)];
        let added = self.task.add(jobs, &rules(), NOW).await?;
        assert!(
            added.iter().all(|added| self.observed.lock().added.contains(&added.id.0)),
            "not observed before the answer"
        );
        let mut claimed = self.task.claim(chance.usize(0..4), NOW).await?.jobs;
        while let Some(job) = claimed.pop() {
            claimed.extend(self.finish(&job, chance.u8(0..4) == 0).await?);
        }
        Ok(())
    }

    async fn finish(&self, job: &ClaimedJob, claim_next: bool) -> Result<Option<ClaimedJob>, StoreError> {
        let (id, run) = (job.id, job.run);
        let end = End::Outcome(Outcome::Success("1".into()));
        let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
        Ok(self.task.finish(finish, claim_next, &rules(), NOW).await?.next)
    }
}

/// Checks what the next process finds in the file; returns the highest id.
pub(super) async fn check(store: &SqliteStore, file: &Path, observed: &Observed) -> u64 {
    let task = store.open(&TaskKey::new("default", "bench"), &rules(), NOW, Arc::new(())).await.unwrap();
    let db = rusqlite::Connection::open(file).unwrap();
    assert_eq!(db.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    let mut statement = db.prepare("SELECT id, stage = 4 FROM jobs").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, bool>(1)?))).unwrap();
    let jobs: Vec<(u64, bool)> = rows.map(Result::unwrap).collect();
    let found: HashMap<u64, bool> = jobs.iter().copied().collect();
    assert_eq!(found.len(), jobs.len(), "duplicate ids");
    assert!(observed.twice.is_empty(), "ids of two jobs: {:?}", observed.twice);
    let lost: Vec<_> = observed.added.iter().filter(|id| !found.contains_key(id)).collect();
    assert!(lost.is_empty(), "added, answered and lost: {lost:?}");
    let undone: Vec<_> = observed.ended.iter().filter(|id| found.get(id) != Some(&true)).collect();
    assert!(undone.is_empty(), "ended, observed and lost: {undone:?}");
    let counts = task.counts();
    let ended = jobs.iter().filter(|(_, has_ended)| *has_ended).count();
    assert_eq!((counts.running, counts.success, counts.failure), (0, ended, 0));
    assert_eq!((counts.waiting + ended, counts.added), (jobs.len(), jobs.len() as u64));
    found.into_keys().max().unwrap_or(0)
}
