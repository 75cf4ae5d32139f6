//! The current state of a worker's tasks: for the service, for tools, and for the recorder of metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use saggar_definition::Task;
use saggar_job::{Role, TaskKey};
use saggar_queue::{Counts, TaskQueue};

use crate::error::LookupError;
use crate::meters::{self, TenantSums};
use crate::setup::{Setup, Unready};
use crate::task_runner::TaskRunner;
use crate::worker::Worker;

/// A task with a definition, and its queue.
pub struct OpenTask {
    /// Its definition.
    pub task: Arc<Task>,
    /// Its jobs.
    pub queue: Arc<TaskQueue>,
    /// Why no attempt starts; `None` if attempts start.
    pub unready: Option<Unready>,
    /// The tenant's quota that keeps attempts from starting now.
    pub held_by: Option<&'static str>,
}

/// A task without a usable definition: its file is gone or has errors.
pub struct Orphan {
    /// Its id, in lower case.
    pub id: String,
    /// Its jobs, if the store ever had any.
    pub queue: Option<Arc<TaskQueue>>,
    /// The first problem of its file; `None` without a file.
    pub problem: Option<Arc<str>>,
}

impl Orphan {
    /// Returns its job counts; `None` if the store has none of its jobs.
    pub fn counts(&self) -> Option<Counts> {
        let counts = self.queue.as_ref()?.counts();
        (counts.waiting + counts.running + counts.success + counts.failure > 0).then_some(counts)
    }
}

impl OpenTask {
    fn of(runner: &TaskRunner, held_by: Option<&'static str>) -> Self {
        let setup = runner.setup();
        Self { task: setup.task.clone(), queue: runner.queue.clone(), unready: setup.unready.clone(), held_by }
    }
}

impl Worker {
    /// Returns the open tasks, in the order of their ids.
    pub fn tasks(&self) -> Vec<OpenTask> {
        let held_by = self.0.gate.held_by();
        self.0.runners.load().open.values().map(|runner| OpenTask::of(runner, held_by)).collect()
    }

    /// Returns whether a task is open. Cheap.
    pub fn has_task(&self, task: &str) -> bool {
        let runners = self.0.runners.load();
        runners.open.contains_key(task) || runners.open.contains_key(&task.to_lowercase())
    }

    /// Updates gauges in the recorder of the `metrics` facade: of each task of a host with one app, else of the whole
    /// tenant. Call it before the recorder is read.
    pub fn measure(&self) {
        self.0.quota_meters.measure(&self.0.tenant);
        if **self.0.tenant.name() != *TaskKey::DEFAULT_TENANT {
            return self.measure_tenant();
        }
        meters::measure_states(self.states());
        let runners = self.0.runners.load();
        for runner in runners.open.values() {
            let setup = runner.setup();
            runner.meters.measure(&runner.queue.counters().totals(), roles(&setup));
            runner.meters.measure_slots(setup.slots(), runner.queue.counts().running);
        }
        for queue in &self.0.queue.known_of(self.0.tenant.name()) {
            if !runners.open.contains_key(&*queue.key().task) {
                meters::measure_removed(queue);
            }
        }
    }

    fn measure_tenant(&self) {
        let (runners, mut sums) = (self.0.runners.load(), TenantSums::default());
        for runner in runners.open.values() {
            let setup = runner.setup();
            runner.meters.begin_roles(roles(&setup));
            sums.slots += u64::from(setup.slots());
            sums.peak_memory = sums.peak_memory.max(runner.meters.peak_memory());
        }
        for queue in self.0.queue.known_of(self.0.tenant.name()) {
            sums.busy += queue.counts().running;
            sums.processor_calls += meters::processor_calls(&queue.counters().totals());
        }
        meters::measure_tenant(self.0.tenant.name(), &sums, self.states());
    }

    /// Returns the number of tasks in each state.
    fn states(&self) -> [(&'static str, usize); 4] {
        let (mut ready, mut preparing, mut broken, mut orphaned) = (0, 0, 0, 0);
        for runner in self.0.runners.load().open.values() {
            match &runner.setup().unready {
                None => ready += 1,
                Some(Unready::Preparing) => preparing += 1,
                Some(Unready::Broken(_)) => broken += 1,
            }
        }
        for orphan in self.orphans() {
            *(if orphan.problem.is_some() { &mut broken } else { &mut orphaned }) += 1;
        }
        [("ready", ready), ("preparing", preparing), ("broken", broken), ("orphaned", orphaned)]
    }

    /// Returns an open task.
    pub fn task(&self, task: &str) -> Result<OpenTask, LookupError> {
        Ok(OpenTask::of(&*self.0.runner(task)?, self.0.gate.held_by()))
    }

    /// Returns the tasks whose definition is broken, and those without one that have jobs in the store, in the order of
    /// their ids.
    pub fn orphans(&self) -> Vec<Orphan> {
        let runners = self.0.runners.load();
        let mut orphans = BTreeMap::new();
        for queue in self.0.queue.orphans(self.0.tenant.name()) {
            let id = queue.key().task.to_string();
            orphans.insert(id.clone(), Orphan { id, queue: Some(queue), problem: None });
        }
        orphans.retain(|id, orphan| runners.broken.contains_key(id) || orphan.counts().is_some());
        for (id, problem) in &runners.broken {
            let unknown = || Orphan { id: id.clone(), queue: None, problem: None };
            orphans.entry(id.clone()).or_insert_with(unknown).problem = Some(problem.clone());
        }
        orphans.into_values().collect()
    }
}

/// Returns the roles that a task's plugins have.
fn roles(setup: &Setup) -> impl Iterator<Item = Role> {
    Role::ALL.into_iter().filter(|role| setup.roles.contains_key(role))
}
