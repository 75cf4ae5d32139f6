//! Random histories of valid and invalid steps on a store, compared with a model that is small, slow, and written from
//! the design rather than from the store. A failing history prints its seed; `play(seed)` replays it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::{JobId, Run, State, TaskKey, Timestamp};
use saggar_queue::{
    AddError, Added, CallbackKind, CallbackNumber, Change, ChangeError, Delivery, Finish, Hint, Lane, MemoryStore,
    NewJob, Observer, Retention, Rules, Store, StoreError, StoreEvent, TaskStore,
};

use crate::retries;

mod model;

use model::{Expected, ExpectedJob, How, Model};

const HISTORIES: u64 = 3_000;
const STEPS: usize = 60;

struct History {
    chance: fastrand::Rng,
    model: Model,
    store: Arc<dyn TaskStore>,
    observed: Arc<LastNotification>,
    claimed: Vec<(CallbackNumber, u64, bool)>,
}

#[tokio::test]
async fn the_memory_store_agrees_with_the_model_in_random_histories() {
    for seed in 0..HISTORIES {
        play(seed).await;
    }
}

/// Prints the seed if the test fails while this exists.
struct SeedPrinter(u64);

#[expect(clippy::print_stderr, reason = "a part of a failing test's output")]
impl Drop for SeedPrinter {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the history of seed {} failed", self.0);
        }
    }
}

/// An observer that stores the last notification.
#[derive(Default)]
struct LastNotification(Mutex<Option<Notification>>);

#[derive(Debug, Clone, PartialEq)]
enum Notification {
    Event(StoreEvent),
    Hint(Hint),
}

impl From<StoreEvent> for Notification {
    fn from(event: StoreEvent) -> Self {
        Self::Event(event)
    }
}

impl From<Hint> for Notification {
    fn from(hint: Hint) -> Self {
        Self::Hint(hint)
    }
}

impl LastNotification {
    fn take(&self) -> Option<Notification> {
        self.0.lock().take()
    }
}

impl Observer for LastNotification {
    fn observe(&self, event: StoreEvent) {
        *self.0.lock() = Some(event.into());
    }

    fn hint(&self, hint: Hint) {
        *self.0.lock() = Some(hint.into());
    }
}

async fn play(seed: u64) {
    let _printer = SeedPrinter(seed);
    let mut chance = fastrand::Rng::with_seed(seed);
    let rules = Rules {
        size: chance.usize(1..12),
        delayed_size: chance.usize(0..6),
        add_handler: chance.bool(),
        success_handler: chance.bool(),
        error_handler: chance.bool(),
        retention: Retention { success_ms: chance.u64(0..50), failure_ms: chance.u64(0..50) },
        ..retries(chance.u32(0..3), chance.u64(0..20))
    };
    let key = TaskKey::new("default", "history");
    let (store, observed) = (MemoryStore::new(), Arc::new(LastNotification::default()));
    let store = store.open(&key, &Arc::new(rules.clone()), Timestamp(1_000), Arc::clone(&observed) as _).await.unwrap();
    let model = Model { jobs: BTreeMap::new(), highest: 0, last_position: 0, now: 1_000, rules, paused: false };
    let mut history = History { chance, model, store, observed, claimed: Vec::new() };
    for number in 0..STEPS {
        history.step().await;
        history.compare(&format!("seed {seed}, step {number}")).await;
    }
}

impl History {
    fn now(&self) -> Timestamp {
        Timestamp(self.model.now)
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::new(self.model.rules.clone())
    }

    async fn step(&mut self) {
        match self.chance.u8(0..20) {
            0..4 => self.add().await,
            4..7 => self.claim().await,
            7..10 => self.finish().await,
            10 => self.cancel().await,
            11 | 12 => self.claim_callback().await,
            13 => self.finish_callback().await,
            14 | 15 => self.retry().await,
            16 => self.delete().await,
            17 => self.pause().await,
            18 => self.model.now += self.chance.u64(0..15),
            _ => self.prune().await,
        }
    }

    async fn add(&mut self) {
        let id = (self.chance.u8(0..3) == 0).then(|| JobId(self.chance.u64(0..20)));
        let (delay_ms, priority) = (self.chance.u64(0..2) * self.chance.u64(0..20), self.chance.i16(-1..2));
        let job = NewJob { id, ..NewJob::new("[]").with_delay_ms(delay_ms).with_priority(priority) };
        let answer = self.store.add(vec![job], &self.rules(), self.now()).await;
        let given = id.map_or(self.model.highest + 1, |id| id.0);
        let is_delayed = !self.model.rules.add_handler && delay_ms > 0;
        let (ready, delayed) = self.model.ready_and_delayed();
        if !is_delayed && ready >= self.model.rules.size {
            assert!(matches!(answer, Err(AddError::QueueFull { .. })), "{answer:?}");
        } else if is_delayed && delayed >= self.model.rules.delayed_size {
            assert!(matches!(answer, Err(AddError::DelayedFull { .. })), "{answer:?}");
        } else if given == 0 {
            assert!(matches!(answer, Err(AddError::InvalidId { .. })), "{answer:?}");
        } else if self.model.jobs.contains_key(&given) {
            assert!(matches!(answer, Err(AddError::DuplicateId { .. })), "{answer:?}");
        } else {
            assert_eq!(answer.unwrap(), [Added { id: JobId(given), is_new: true }]);
            let on_hold = self.model.rules.add_handler;
            let run_at = self.model.now + delay_ms;
            let job = ExpectedJob {
                state: Expected::OnHold,
                run_at,
                priority,
                position: None,
                entered: 0,
                attempt: 0,
                run: 0,
                add_callback: on_hold,
                end_callback: false,
            };
            self.model.jobs.insert(given, job);
            self.model.highest = self.model.highest.max(given);
            if !on_hold {
                self.model.enqueue(given);
            }
        }
    }

    async fn claim(&mut self) {
        let claimed = self.store.claim(1, self.now()).await.unwrap().jobs;
        let first = self.model.first();
        assert_eq!(claimed.first().map(|job| job.id.0), first);
        if let Some(id) = first {
            let job = self.model.jobs.get_mut(&id).unwrap();
            job.entered = job.position.take().unwrap();
            job.state = Expected::Running { cancelling: false };
            job.attempt += 1;
            job.run += 1;
            assert_eq!((claimed[0].run, claimed[0].attempt), (Run(job.run), job.attempt));
        }
    }

    /// Ends an attempt, running or not, under its own fence or the one before.
    async fn finish(&mut self) {
        let how =
            [How::Succeed, How::Succeed, How::Retry, How::Reject, How::Lose, How::Requeue][self.chance.usize(0..6)];
        let Some(id) = self.any_job() else { return };
        let job = self.model.jobs[&id].clone();
        let run = job.run.saturating_sub(u64::from(self.chance.u8(0..5) == 0));
        let finish = Finish {
            id: JobId(id),
            run: Run(run),
            end: how.end(),
            progress: None,
            cost: None,
            with_snapshot: false,
            chance: 0.5,
        };
        let answer = self.store.finish(finish, false, &self.rules(), self.now()).await;
        if matches!(job.state, Expected::Running { .. }) && run == job.run {
            assert_eq!(answer.unwrap().status, self.model.finish(id, how));
        } else {
            assert!(matches!(answer, Err(StoreError::Refused { .. })), "{answer:?}");
        }
    }

    async fn cancel(&mut self) {
        let Some(id) = self.any_job() else { return };
        let answer = self.store.change(JobId(id), Change::Cancel, &self.rules(), self.now()).await;
        let job = self.model.jobs.get_mut(&id).unwrap();
        match job.state {
            Expected::OnHold | Expected::Waiting => {
                let add_pending = job.add_callback;
                self.model.end(id, false);
                let callback = self.model.rules.error_handler && !add_pending;
                answer.unwrap();
                let cancelled = StoreEvent::Cancelled { id: JobId(id), callback, at: self.now() };
                assert_eq!(self.observed.take(), Some(cancelled.into()));
            }
            Expected::Running { .. } => {
                job.state = Expected::Running { cancelling: true };
                answer.unwrap();
                assert_eq!(self.observed.take(), Some(Hint::Cancel(JobId(id), Run(job.run)).into()));
            }
            _ => assert!(matches!(answer, Err(ChangeError::Ended { .. })), "{answer:?}"),
        }
    }

    async fn claim_callback(&mut self) {
        let lane = Lane::ALL[self.chance.usize(0..2)];
        for callback in self.store.claim_callbacks(lane, 1, self.now()).await.unwrap().callbacks {
            let job = &self.model.jobs[&callback.id.0];
            let added = callback.kind == CallbackKind::Added;
            assert_eq!(added, lane == Lane::Adds);
            assert!(if added { job.add_callback } else { job.end_callback && !job.add_callback }, "{callback:?}");
            assert!(self.claimed.iter().all(|(_, id, _)| *id != callback.id.0), "two callbacks of one job are claimed");
            self.claimed.push((callback.number, callback.id.0, added));
        }
    }

    async fn finish_callback(&mut self) {
        if self.claimed.is_empty() {
            return;
        }
        let (number, id, added) = self.claimed.swap_remove(self.chance.usize(0..self.claimed.len()));
        // A callback of an end that is postponed often becomes deferred, which the model does not cover.
        if added && self.chance.u8(0..4) == 0 {
            self.settle(number, Delivery::Postponed(self.now())).await;
            return;
        }
        self.settle(number, Delivery::Done).await;
        let job = self.model.jobs.get_mut(&id).unwrap();
        if added {
            job.add_callback = false;
            if job.state == Expected::OnHold {
                self.model.enqueue(id);
            }
        } else {
            job.end_callback = false;
        }
    }

    async fn prune(&mut self) {
        let Retention { success_ms, failure_ms } = self.model.rules.retention;
        let now = self.model.now;
        let before = self.model.jobs.len();
        self.model.jobs.retain(|_, job| {
            let over = match job.state {
                Expected::Succeeded { at } => at + success_ms <= now,
                Expected::Failed { at } => at + failure_ms <= now,
                _ => false,
            };
            !over || job.add_callback || job.end_callback
        });
        let pruned = self.store.prune(1_000, &self.rules(), self.now()).await.unwrap().jobs;
        assert_eq!(pruned, before - self.model.jobs.len());
    }

    async fn settle(&self, number: CallbackNumber, delivery: Delivery) {
        self.store.settle_callback(number, delivery, self.now()).await.unwrap();
    }

    async fn retry(&mut self) {
        let Some(id) = self.any_job() else { return };
        let answer = self.store.change(JobId(id), Change::Retry, &self.rules(), self.now()).await;
        let (now, job) = (self.model.now, self.model.jobs.get_mut(&id).unwrap());
        match job.state {
            Expected::Succeeded { .. } | Expected::Failed { .. } if job.add_callback || job.end_callback => {
                assert!(matches!(answer, Err(ChangeError::CallbackPending { .. })), "{answer:?}");
            }
            Expected::Succeeded { .. } | Expected::Failed { .. } => {
                (job.attempt, job.run_at) = (0, now);
                self.model.enqueue(id);
                answer.unwrap();
                assert_eq!(self.observed.take(), Some(StoreEvent::Retried { id: JobId(id), at: self.now() }.into()));
            }
            _ => assert!(matches!(answer, Err(ChangeError::NotEnded { .. })), "{answer:?}"),
        }
    }

    async fn delete(&mut self) {
        let Some(id) = self.any_job() else { return };
        let answer = self.store.change(JobId(id), Change::Delete, &self.rules(), self.now()).await;
        if matches!(self.model.jobs[&id].state, Expected::Running { .. }) {
            assert!(matches!(answer, Err(ChangeError::Running { .. })), "{answer:?}");
        } else {
            answer.unwrap();
            assert_eq!(self.observed.take(), Some(StoreEvent::Deleted { id: JobId(id), at: self.now() }.into()));
            self.model.jobs.remove(&id);
            self.claimed.retain(|(_, of, _)| *of != id);
            assert!(self.store.get(JobId(id)).await.unwrap().is_none());
        }
    }

    async fn pause(&mut self) {
        self.model.paused = !self.model.paused && self.chance.u8(0..3) == 0;
        self.store.set_paused(self.model.paused).await.unwrap();
        assert_eq!(self.store.counts().paused, self.model.paused);
    }

    fn any_job(&mut self) -> Option<u64> {
        let ids: Vec<u64> = self.model.jobs.keys().copied().collect();
        self.chance.choice(ids)
    }

    async fn compare(&self, at: &str) {
        for (id, expected) in &self.model.jobs {
            let job = self.store.get(JobId(*id)).await.unwrap().unwrap_or_else(|| panic!("{at}: the job {id} is gone"));
            let state = match job.life.state {
                State::Waiting { on_hold: true, .. } => Expected::OnHold,
                State::Waiting { .. } => Expected::Waiting,
                State::Running { cancelling, .. } => Expected::Running { cancelling },
                State::Success { ended_at, .. } => Expected::Succeeded { at: ended_at.0 },
                State::Failure { ended_at, .. } => Expected::Failed { at: ended_at.0 },
            };
            assert_eq!(state, expected.state, "{at}: the job {id}");
            assert_eq!((job.life.attempt, job.life.run.0), (expected.attempt, expected.run), "{at}: the job {id}");
        }
        let counts = self.store.counts();
        let count = |is: fn(&Expected) -> bool| self.model.jobs.values().filter(|job| is(&job.state)).count();
        assert_eq!(counts.waiting, self.model.waiting(), "{at}");
        assert_eq!(counts.on_hold, count(|state| *state == Expected::OnHold), "{at}");
        assert_eq!(counts.running, count(|state| matches!(state, Expected::Running { .. })), "{at}");
        assert_eq!(counts.success, count(|state| matches!(state, Expected::Succeeded { .. })), "{at}");
        assert_eq!(counts.failure, count(|state| matches!(state, Expected::Failed { .. })), "{at}");
        let callbacks = |job: &ExpectedJob| usize::from(job.add_callback) + usize::from(job.end_callback);
        assert_eq!(counts.callbacks, self.model.jobs.values().map(callbacks).sum::<usize>(), "{at}");
    }
}
