//! Random histories of valid and invalid steps, played on a store and on [`MemoryStore`] side by side: after every step
//! both must have answered the same, and hold the same jobs; and of jobs that are deleted nothing may stay. Time is the history's own, and goes back now and then; on
//! demand the process dies between any two steps. Everything follows from a seed, so a history that fails can be played
//! again by its number.

use std::sync::Arc;

use saggar_job::{JobId, TaskKey, Timestamp};

use super::heard::Heard;
use super::{Location, Locations, works};
use crate::{CallbackNumber, ListOrder, ListQuery, MemoryStore, Rules, Store, TaskStore};

mod holding;
mod playing;

/// Which histories to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Their seeds.
    pub seeds: std::ops::Range<u64>,
    /// Steps of each.
    pub steps: usize,
    /// In how many of a thousand gaps between two steps the process dies.
    pub deaths_per_mille: u32,
}

impl Plan {
    /// The first `count` histories, without deaths.
    pub fn histories(count: u64) -> Self {
        Self { seeds: 0..count, steps: 80, deaths_per_mille: 0 }
    }

    /// The same histories, with a death in every tenth gap or so.
    #[must_use]
    pub fn with_deaths(self) -> Self {
        Self { deaths_per_mille: 100, ..self }
    }

    /// The one history of `seed`: what a failing one says of itself.
    #[must_use]
    pub fn only(self, seed: u64) -> Self {
        Self { seeds: seed..seed + 1, ..self }
    }
}

/// Plays the histories of `plan` on stores of `places` and on the memory store.
///
/// # Panics
///
/// When the two differ; the message says in which step of which history, and how to play it again.
pub async fn compare(locations: &dyn Locations, plan: &Plan) {
    for seed in plan.seeds.clone() {
        let named = Named { plan: plan.clone().only(seed) };
        let mut history = History::new(locations, seed).await;
        for number in 0..plan.steps {
            history.number = number;
            if history.chance.u32(0..1_000) < plan.deaths_per_mille {
                history = history.die().await;
                history.hold().await;
            }
            history.step().await;
            history.hold().await;
        }
        history.clear().await;
        drop(named);
    }
}

/// Says how to play the history again if it fails while this lives.
struct Named {
    plan: Plan,
}

#[expect(clippy::print_stderr, reason = "a part of a failing test's output")]
impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("play it again with differential::compare(&locations, &{:?})", self.plan);
        }
    }
}

/// The tasks of a history; the second one shares the first one's tenant.
const TASKS: [(&str, &str); 3] = [("default", "one"), ("default", "two"), ("else", "one")];

/// A store and the handles of its tasks.
struct Side {
    store: Arc<dyn Store>,
    tasks: Vec<Arc<dyn TaskStore>>,
    /// What the observer of each task has heard.
    heard: Vec<Heard>,
}

impl Side {
    async fn open(store: Arc<dyn Store>, rules: &[Arc<Rules>], now: Timestamp) -> Self {
        let (mut tasks, mut heard) = (Vec::new(), Vec::new());
        for ((tenant, task), rules) in TASKS.into_iter().zip(rules) {
            let (observer, hears) = Heard::new();
            tasks.push(works(store.open(&TaskKey::new(tenant, task), rules, now, observer).await));
            heard.push(hears);
        }
        Self { store, tasks, heard }
    }
}

/// A callback that was taken, by its numbers on both sides: they need not be the same.
#[derive(Debug, Clone, Copy)]
struct Taken {
    task: usize,
    numbers: (CallbackNumber, CallbackNumber),
}

/// One history.
struct History {
    chance: fastrand::Rng,
    number: usize,
    now: Timestamp,
    rules: Vec<Arc<Rules>>,
    place: Box<dyn Location>,
    oracle: Arc<MemoryStore>,
    /// The memory store, and the store that is compared with it.
    expected: Side,
    actual: Side,
    taken: Vec<Taken>,
}

impl History {
    async fn new(locations: &dyn Locations, seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let rules: Vec<_> = TASKS.iter().map(|_| Arc::new(playing::any_rules(&mut chance))).collect();
        let (now, mut place) = (Timestamp(10_000), locations.fresh().await);
        let oracle = Arc::new(MemoryStore::for_tests());
        let expected = Side::open(Arc::clone(&oracle) as _, &rules, now).await;
        let actual = Side::open(place.open().await, &rules, now).await;
        Self { chance, number: 0, now, rules, place, oracle, expected, actual, taken: Vec::new() }
    }

    /// Lets the process of the store die, and the oracle's in play.
    async fn die(self) -> Self {
        let Self { chance, number, now, rules, mut place, oracle, expected, actual, .. } = self;
        drop((expected, actual));
        let oracle = Arc::new(oracle.die());
        let expected = Side::open(Arc::clone(&oracle) as _, &rules, now).await;
        let actual = Side::open(place.open().await, &rules, now).await;
        Self { chance, number, now, rules, place, oracle, expected, actual, taken: Vec::new() }
    }

    /// Fails with the step's number unless both are the same.
    #[track_caller]
    fn same<T: PartialEq + std::fmt::Debug>(&self, expected: &T, actual: &T, what: &str) {
        if expected != actual {
            let number = self.number;
            panic!(
                "step {number}, {what}: the store differs from the memory store\nexpected {expected:?}\n  actual {actual:?}"
            );
        }
    }

    /// A job of the task, there or not.
    fn any_id(&mut self, task: usize) -> JobId {
        let added = self.expected.tasks[task].counts().added;
        JobId(self.chance.u64(0..added.min(30) + 3))
    }

    fn any_query(&mut self) -> ListQuery {
        let (tenant, task) = TASKS[self.chance.usize(0..TASKS.len())];
        let mut query = ListQuery::of_task(&TaskKey::new(tenant, task));
        if self.chance.bool() {
            query.task = None;
        }
        if self.chance.bool() {
            query.status = self.chance.choice(saggar_job::Status::ALL);
        }
        if self.chance.u8(0..4) == 0 {
            query.text = self.chance.choice(["half", "odd", "o", ""]).map(Into::into);
        }
        if self.chance.u8(0..4) == 0 {
            query.added_from = Some(Timestamp(self.now.0.saturating_sub(self.chance.u64(0..200))));
        }
        if self.chance.u8(0..4) == 0 {
            query.added_before = Some(Timestamp(self.now.0.saturating_sub(self.chance.u64(0..100))));
        }
        if self.chance.bool() {
            query.order = ListOrder::OldestFirst;
        }
        query.limit = self.chance.usize(0..7);
        query
    }
}
