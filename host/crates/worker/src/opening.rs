//! Opens tasks, at the start and after a reload of the app: first all of them, then their slots and lanes.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use saggar_job::TaskKey;
use saggar_queue::{Counts, Lane, StoreError};

use crate::setup::Setup;
use crate::task_runner::TaskRunner;
use crate::task_runners::TaskRunners;
use crate::worker::Worker;
use crate::{failures, lane, maintenance, slot, unwanted};

/// Tasks that are opened at once, so that a database opens them with few commits.
const OPENED_AT_ONCE: usize = 64;

/// Orphans that the log names; the API lists all of them.
const ORPHANS_REPORTED: usize = 50;

/// A task runner, and its new setup if it was already open.
type Opened = (Arc<TaskRunner>, Option<Setup>);

impl Worker {
    /// Opens exactly these tasks: new ones start, open ones follow their new definition from their next job on, others
    /// stop after their running jobs. `broken` maps the id of each task whose definition cannot be used to its first
    /// problem. Nothing starts or changes before all tasks are open, so that no job or handler misses a task. Call it
    /// from one task at a time.
    pub async fn open(&self, setups: Vec<Setup>, broken: BTreeMap<String, Arc<str>>) -> Result<(), StoreError> {
        let old = self.0.runners.load_full();
        let opened = self.open_queues(&old, setups).await?;
        self.0.queue.open_rest().await?;
        self.begin(&old, opened, broken);
        self.report_orphans();
        Ok(())
    }

    /// Replaces the setup of an open task, because its plugins were loaded, or are broken. Does nothing if the task has
    /// another definition by now.
    pub fn update(&self, setup: Setup) {
        let runners = self.0.runners.load();
        let runner = runners.open.get(setup.task.id.folded());
        if let Some(runner) = runner.filter(|runner| Arc::ptr_eq(&runner.setup().task, &setup.task)) {
            runner.replace(setup);
            self.adjust_workers(runner);
        }
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

    /// Opens the queues of `setups`. After an error, nothing has changed.
    async fn open_queues(&self, old: &TaskRunners, setups: Vec<Setup>) -> Result<Vec<Opened>, StoreError> {
        let keys: Vec<_> = setups.iter().map(|setup| TaskKey::new(&self.0.tenant, setup.task.id.folded())).collect();
        let opening = setups.into_iter().map(|setup| self.open_queue(old, setup));
        let opened = futures_util::stream::iter(opening).buffered(OPENED_AT_ONCE).try_collect().await;
        if opened.is_err() {
            keys.iter().filter(|key| !old.open.contains_key(&*key.task)).for_each(|key| self.0.queue.close(key));
        }
        opened
    }

    async fn open_queue(&self, old: &TaskRunners, setup: Setup) -> Result<Opened, StoreError> {
        let id = setup.task.id.folded();
        if let Some(runner) = old.open.get(id) {
            return Ok((runner.clone(), Some(setup)));
        }
        let queue = self.0.queue.open(TaskKey::new(&self.0.tenant, id), setup.rules()).await?;
        failures::lost_before(&queue);
        Ok((Arc::new(TaskRunner::new(queue, setup, self.0.stop.child_token())), None))
    }

    /// Starts all tasks of `opened`, and stops the others.
    fn begin(&self, old: &TaskRunners, opened: Vec<Opened>, broken: BTreeMap<String, Arc<str>>) {
        let mut open = BTreeMap::new();
        for (runner, setup) in opened {
            if let Some(setup) = setup {
                runner.queue.set_rules(setup.rules());
                runner.replace(setup);
            }
            open.insert(runner.queue.key().task.to_string(), runner);
        }
        let runners = Arc::new(TaskRunners { open, broken });
        self.0.runners.store(runners.clone());
        for runner in runners.open.values() {
            self.adjust_workers(runner);
            if runner.queue.may_have_unwanted() {
                self.0.slots.spawn(unwanted::settle(self.0.clone(), runner.queue.clone()));
            }
        }
        for (_, gone) in old.open.iter().filter(|(id, _)| !runners.open.contains_key(*id)) {
            gone.stop.cancel();
            for lane in Lane::ALL {
                gone.lanes(lane).resize(0, &gone.stop);
            }
            self.0.queue.close(gone.queue.key());
        }
        self.0.maintained.call_once(|| drop(self.0.slots.spawn(maintenance::run(self.0.clone()))));
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

    /// Logs the tasks that have jobs in the store and cannot run.
    fn report_orphans(&self) {
        for orphan in self.orphans().iter().filter(|orphan| orphan.counts().is_some()).take(ORPHANS_REPORTED) {
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
