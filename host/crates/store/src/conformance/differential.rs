//! Random histories of valid and invalid steps, run on a store and on [`MemoryStore`] side by side. After every step
//! both must have returned the same answers and contain the same jobs; nothing may remain of deleted jobs. A history
//! has its own time, which goes back now and then; on demand the process dies between any two steps. Everything follows
//! from a seed, so a failing history can be repeated by its seed.

use std::sync::Arc;

use saggar_job::{JobId, TaskKey, Timestamp};

use super::observed::Observed;
use super::{Location, Locations, works};
use crate::{CallbackNumber, JobFilter, ListOrder, ListQuery, MemoryStore, RecordingLimits, Rules, Store, TaskStore};

mod comparing;
mod steps;

/// Which histories to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The seeds of the histories.
    pub seeds: std::ops::Range<u64>,
    /// Steps per history.
    pub steps: usize,
    /// How many of a thousand gaps between two steps contain a death of the process.
    pub deaths_per_mille: u32,
}

impl Plan {
    /// Returns the plan of the first `count` histories, without deaths.
    pub fn histories(count: u64) -> Self {
        Self { seeds: 0..count, steps: 80, deaths_per_mille: 0 }
    }

    /// Returns the plan of the same histories, with a death in about every tenth gap between steps.
    #[must_use]
    pub fn with_deaths(self) -> Self {
        Self { deaths_per_mille: 100, ..self }
    }

    /// Returns the plan of the one history of `seed`, which a failing history prints.
    #[must_use]
    pub fn only(self, seed: u64) -> Self {
        Self { seeds: seed..seed + 1, ..self }
    }
}

/// Runs the histories of `plan` on stores of `locations` and on the memory store.
///
/// # Panics
///
/// If the stores differ. The message names the step, and standard error says how to repeat the history.
pub async fn compare(locations: &dyn Locations, plan: &Plan) {
    for seed in plan.seeds.clone() {
        let hint = ReplayHint { plan: plan.clone().only(seed) };
        let mut history = History::new(locations, seed).await;
        for number in 0..plan.steps {
            history.number = number;
            if history.chance.u32(0..1_000) < plan.deaths_per_mille {
                history = history.die().await;
                history.compare().await;
            }
            history.step().await;
            history.compare().await;
        }
        history.clear().await;
        drop(hint);
    }
}

/// Prints how to repeat the history if the test panics while this value exists.
struct ReplayHint {
    plan: Plan,
}

#[expect(clippy::print_stderr, reason = "part of the output of a failing test")]
impl Drop for ReplayHint {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat it with differential::compare(&locations, &{:?})", self.plan);
        }
    }
}

/// The tasks of a history; the first two share a tenant.
const TASKS: [(&str, &str); 3] = [("default", "one"), ("default", "two"), ("else", "one")];

/// So few bytes of recordings that a few of them make room for others.
const RECORDINGS: RecordingLimits = RecordingLimits { of_tenant: 6_000, of_all: 8_000 };

/// The quotas of the tenant of the first two tasks: waiting jobs, and bytes.
#[derive(Debug, Clone, Copy)]
struct Quotas(Option<u64>, Option<u64>);

impl Quotas {
    fn any(chance: &mut fastrand::Rng) -> Self {
        let waiting = (chance.u8(0..4) == 0).then(|| chance.u64(0..20));
        Self(waiting, (chance.u8(0..4) == 0).then(|| chance.u64(500..8_000)))
    }

    fn set(&self, store: &dyn Store) {
        let levels = store.tenant_levels(TASKS[0].0);
        levels.waiting.set_limit(self.0);
        levels.kept_bytes.set_limit(self.1);
    }
}

/// A store and its open tasks.
struct Side {
    store: Arc<dyn Store>,
    tasks: Vec<Arc<dyn TaskStore>>,
    /// What the observer of each task received.
    observed: Vec<Observed>,
}

impl Side {
    async fn open(store: Arc<dyn Store>, rules: &[Arc<Rules>], quotas: &Quotas, now: Timestamp) -> Self {
        quotas.set(&*store);
        store.set_recording_limits(RECORDINGS);
        let (mut tasks, mut observed) = (Vec::new(), Vec::new());
        for ((tenant, task), rules) in TASKS.into_iter().zip(rules) {
            let (observer, received) = Observed::new();
            tasks.push(works(store.open(&TaskKey::new(tenant, task), rules, now, observer).await));
            observed.push(received);
        }
        Self { store, tasks, observed }
    }
}

/// A claimed callback, by its numbers on both sides, which may differ.
#[derive(Debug, Clone, Copy)]
struct Taken {
    task: usize,
    numbers: (CallbackNumber, CallbackNumber),
}

/// The state of one history.
struct History {
    chance: fastrand::Rng,
    number: usize,
    now: Timestamp,
    rules: Vec<Arc<Rules>>,
    quotas: Quotas,
    location: Box<dyn Location>,
    oracle: Arc<MemoryStore>,
    /// The memory store, and the store under test.
    expected: Side,
    actual: Side,
    taken: Vec<Taken>,
}

impl History {
    async fn new(locations: &dyn Locations, seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let rules: Vec<_> = TASKS.iter().map(|_| Arc::new(steps::any_rules(&mut chance))).collect();
        let quotas = Quotas::any(&mut chance);
        let (now, mut location) = (Timestamp(10_000), locations.fresh().await);
        let oracle = Arc::new(MemoryStore::for_tests());
        let expected = Side::open(Arc::clone(&oracle) as _, &rules, &quotas, now).await;
        let actual = Side::open(location.open().await, &rules, &quotas, now).await;
        Self { chance, number: 0, now, rules, quotas, location, oracle, expected, actual, taken: Vec::new() }
    }

    /// Lets the process of the store die, and simulates the same for the memory store.
    async fn die(self) -> Self {
        let Self { chance, number, now, rules, quotas, mut location, oracle, expected, actual, .. } = self;
        drop((expected, actual));
        let oracle = Arc::new(oracle.die());
        let expected = Side::open(Arc::clone(&oracle) as _, &rules, &quotas, now).await;
        let actual = Side::open(location.open().await, &rules, &quotas, now).await;
        Self { chance, number, now, rules, quotas, location, oracle, expected, actual, taken: Vec::new() }
    }

    /// Panics with the step's number unless both values are equal.
    #[track_caller]
    fn same<T: PartialEq + std::fmt::Debug>(&self, expected: &T, actual: &T, what: &str) {
        if expected != actual {
            let number = self.number;
            panic!(
                "step {number}, {what}: the store differs from the memory store\nexpected {expected:?}\n  actual {actual:?}"
            );
        }
    }

    /// Returns the id of a job of the task, which may not exist.
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
            query.statuses = self.chance.choice(saggar_job::Status::ALL).into_iter().collect();
        }
        if self.chance.u8(0..4) == 0 {
            query.text = self.chance.choice(["half", "odd", "o", "", "delayed", "ready", "ing"]).map(Into::into);
            query.now = self.now;
        }
        if self.chance.u8(0..4) == 0 {
            query.added_from = Some(Timestamp(self.now.0.saturating_sub(self.chance.u64(0..200))));
        }
        if self.chance.u8(0..4) == 0 {
            query.added_before = Some(Timestamp(self.now.0.saturating_sub(self.chance.u64(0..100))));
        }
        if self.chance.u8(0..4) == 0 {
            query.filter = self.any_filter();
        }
        if self.chance.bool() {
            query.order = ListOrder::OldestFirst;
        }
        query.limit = self.chance.usize(0..7);
        query
    }

    fn any_filter(&mut self) -> JobFilter {
        let (_, task) = TASKS[self.chance.usize(0..TASKS.len())];
        match self.chance.u8(0..7) {
            0 => JobFilter { attempt: Some(1..=2), ..JobFilter::default() },
            1 => JobFilter { codes: vec!["odd".into()], ..JobFilter::default() },
            2 => JobFilter { ended_before: Some(self.now), ..JobFilter::default() },
            3 => JobFilter { priority: Some(0..=i16::MAX), ..JobFilter::default() },
            4 => JobFilter { took_ms: Some(1..=100), ..JobFilter::default() },
            5 => JobFilter { args_text: Some("1".into()), ..JobFilter::default() },
            _ => {
                let ids = (0..5).map(|_| (task.into(), JobId(self.chance.u64(0..30)))).collect();
                JobFilter { ids, ..JobFilter::default() }
            }
        }
    }
}
