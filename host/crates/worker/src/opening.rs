//! Opens tasks, at the start and after a reload of the app: first all of them, then their slots and lanes.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use saggar_job::TaskKey;
use saggar_queue::{Counts, Lane, StoreError};

use crate::known::Orphan;
use crate::setup::Setup;
use crate::task_runner::TaskRunner;
use crate::task_runners::TaskRunners;
use crate::worker::Worker;
use crate::{failures, lane, maintenance, slot, unwanted};

/// Tasks that are opened at once, so that a database opens them with few commits.
const OPENED_AT_ONCE: usize = 64;

/// Orphans that the log names; the API lists all of them.
const ORPHANS_REPORTED: usize = 50;

/// The difference between the tasks that were open and those that are open now, as the ids of tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskChanges {
    /// Tasks that were not open.
    pub added: Vec<String>,
    /// Tasks whose definition or plugins have changed.
    pub changed: Vec<String>,
    /// Tasks that are no longer open. Their jobs are orphaned.
    pub removed: Vec<String>,
    /// The number of the other tasks. They continue as if nothing had happened.
    pub unchanged: usize,
}

/// A task runner, and what it needs.
struct Opened {
    runner: Arc<TaskRunner>,
    action: Action,
}

enum Action {
    /// It is new.
    Start,
    /// It was open and gets a new setup.
    Replace(Setup),
    /// It was open, and its setup is the same, but for the deployment.
    Keep(Option<u64>),
}

impl Worker {
    /// Opens exactly these tasks: new ones start, open ones follow their new definition from their next job on, or are
    /// left alone if nothing of them has changed, others stop after their running jobs. `broken` maps the id of each
    /// task whose definition cannot be used to its first problem. Nothing starts or changes before all tasks are open,
    /// so that no job or handler misses a task; after an error nothing has changed. Call it from one task at a time.
    pub async fn open(
        &self,
        setups: Vec<Setup>,
        broken: BTreeMap<String, Arc<str>>,
    ) -> Result<TaskChanges, StoreError> {
        let old = self.0.runners.load_full();
        let keys: Vec<_> =
            setups.iter().map(|setup| TaskKey::new(self.0.tenant.name(), setup.task.id.folded())).collect();
        let opened = async {
            let opened = self.open_queues(&old, setups).await?;
            self.0.queue.open_rest(self.0.tenant.name()).await?;
            Ok::<_, StoreError>(opened)
        };
        let opened = opened.await.inspect_err(|_| {
            keys.iter().filter(|key| !old.open.contains_key(&*key.task)).for_each(|key| self.0.queue.close(key));
        })?;
        let changes = self.begin(&old, opened, broken);
        self.report_orphans(&changes);
        Ok(changes)
    }

    /// Replaces the setup of an open task, because its plugins were loaded, or are broken. Does nothing if the task has
    /// another definition by now.
    pub fn update(&self, setup: Setup) {
        let _replacing = self.0.replacing.lock();
        let runners = self.0.runners.load();
        let runner = runners.open.get(setup.task.id.folded());
        if let Some(runner) = runner.filter(|runner| Arc::ptr_eq(&runner.setup().task, &setup.task)) {
            runner.replace(setup);
            self.adjust_workers(runner);
        }
    }

    /// Sets the number of the deployment of all open tasks.
    pub fn set_deployment(&self, number: u64) {
        let _replacing = self.0.replacing.lock();
        self.0.runners.load().open.values().for_each(|runner| runner.setup().set_deployment(number));
    }

    /// Runs `work` in the background, until it ends or the worker stops.
    pub fn spawn_until_stop(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.0.stop.clone();
        self.0.slots.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Opens the queues of `setups`.
    async fn open_queues(&self, old: &TaskRunners, setups: Vec<Setup>) -> Result<Vec<Opened>, StoreError> {
        let opening = setups.into_iter().map(|setup| self.open_queue(old, setup));
        futures_util::stream::iter(opening).buffered(OPENED_AT_ONCE).try_collect().await
    }

    async fn open_queue(&self, old: &TaskRunners, setup: Setup) -> Result<Opened, StoreError> {
        let id = setup.task.id.folded();
        if let Some(runner) = old.open.get(id).cloned() {
            let is_same = runner.setup().is_same(&setup);
            let action = if is_same { Action::Keep(setup.deployment()) } else { Action::Replace(setup) };
            return Ok(Opened { runner, action });
        }
        let queue = self.0.queue.open(TaskKey::new(self.0.tenant.name(), id), setup.rules()).await?;
        failures::lost_before(&queue);
        let runner = Arc::new(TaskRunner::new(self.0.tenant.clone(), queue, setup, self.0.stop.child_token()));
        Ok(Opened { runner, action: Action::Start })
    }

    /// Starts the new tasks of `opened`, adjusts those that have changed, and stops the tasks that are not in it.
    fn begin(&self, old: &TaskRunners, opened: Vec<Opened>, broken: BTreeMap<String, Arc<str>>) -> TaskChanges {
        let _replacing = self.0.replacing.lock();
        let (mut open, mut affected, mut changes) = (BTreeMap::new(), Vec::new(), TaskChanges::default());
        for Opened { runner, action } in opened {
            open.insert(runner.queue.key().task.to_string(), runner.clone());
            match action {
                Action::Keep(deployment) => {
                    deployment.into_iter().for_each(|number| runner.setup().set_deployment(number));
                    changes.unchanged += 1;
                    continue;
                }
                Action::Start => changes.added.push(runner.id()),
                Action::Replace(setup) => {
                    runner.queue.set_rules(setup.rules());
                    runner.replace(setup);
                    changes.changed.push(runner.id());
                }
            }
            affected.push(runner);
        }
        let runners = Arc::new(TaskRunners { open, broken });
        self.0.runners.store(runners.clone());
        for runner in &affected {
            self.adjust_workers(runner);
            if runner.queue.may_have_unwanted() {
                self.0.slots.spawn(unwanted::settle(self.0.clone(), runner.queue.clone()));
            }
        }
        for (_, gone) in old.open.iter().filter(|(id, _)| !runners.open.contains_key(*id)) {
            changes.removed.push(gone.id());
            gone.stop.cancel();
            for lane in Lane::ALL {
                gone.lanes(lane).resize(0, &gone.stop);
            }
            self.0.queue.close(gone.queue.key());
        }
        self.0.maintained.call_once(|| drop(self.0.slots.spawn(maintenance::run(self.0.clone()))));
        changes
    }

    /// Starts and stops slots and lanes of a task according to its setup.
    fn adjust_workers(&self, runner: &Arc<TaskRunner>) {
        let setup = runner.setup();
        for permit in runner.slots.resize(setup.slots(), &runner.stop) {
            self.0.slots.spawn(slot::run(self.0.clone(), runner.clone(), permit));
        }
        for lane in Lane::ALL {
            // A callback of the earlier definition may still be deferred, so one worker stays.
            let stays = setup.unready.is_none() && !runner.lanes(lane).is_empty();
            let lanes = setup.lanes(lane).max(u32::from(stays));
            for permit in runner.lanes(lane).resize(lanes, &self.0.lanes_stop) {
                self.0.lanes.spawn(lane::run(self.0.clone(), runner.clone(), lane, permit));
            }
        }
    }

    /// Logs the tasks that have jobs in the store and cannot run: all of them at the start, and after a reload those
    /// that it has removed.
    fn report_orphans(&self, changes: &TaskChanges) {
        let is_start = changes.changed.is_empty() && changes.removed.is_empty() && changes.unchanged == 0;
        let is_news = |orphan: &&Orphan| is_start || changes.removed.iter().any(|id| id.to_lowercase() == orphan.id);
        let orphans = self.orphans();
        let with_jobs = orphans.iter().filter(|orphan| orphan.counts().is_some());
        for orphan in with_jobs.filter(is_news).take(ORPHANS_REPORTED) {
            let Counts { waiting, success, failure, .. } = orphan.counts().unwrap_or_default();
            let why = orphan.problem.as_deref().unwrap_or("no file defines the task any more");
            tracing::warn!(
                task = orphan.id,
                waiting,
                ended = success + failure,
                why,
                "the store has jobs of a task that cannot run: bring its definition back, or cancel and delete them"
            );
        }
    }
}
