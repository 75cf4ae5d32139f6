//! A task runner: one open task with its queue, its current setup, its slots and lanes, and its pool for `next`.

use std::sync::Arc;

use arc_swap::ArcSwap;
use saggar_queue::{Lane, TaskQueue};
use saggar_tenant::{Flow, Tenant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::handler_sandboxes::HandlerSandboxPool;
use crate::meters::Meters;
use crate::record_rate::RecordRate;
use crate::setup::{Setup, Unready};
use crate::slot_set::SlotSet;

pub(crate) struct TaskRunner {
    pub(crate) queue: Arc<TaskQueue>,
    /// To whom the work of its guests is charged.
    pub(crate) flow: Flow,
    id_sources: ArcSwap<HandlerSandboxPool>,
    pub(crate) slots: SlotSet,
    adds: SlotSet,
    ends: SlotSet,
    pub(crate) meters: Meters,
    pub(crate) record_rate: RecordRate,
    /// Ends the slots and lanes when the task is gone or the host stops.
    pub(crate) stop: CancellationToken,
    setup: ArcSwap<Setup>,
    replaced: Notify,
}

impl TaskRunner {
    pub(crate) fn new(tenant: Arc<Tenant>, queue: Arc<TaskQueue>, setup: Setup, stop: CancellationToken) -> Self {
        let flow = Flow::new(tenant, queue.key().task.clone());
        let id_sources = ArcSwap::from_pointee(HandlerSandboxPool::new(flow.clone(), setup.id_sources()));
        let meters = Meters::new(queue.key());
        Self {
            queue,
            flow,
            id_sources,
            slots: SlotSet::default(),
            adds: SlotSet::default(),
            ends: SlotSet::default(),
            meters,
            record_rate: RecordRate::default(),
            stop,
            setup: ArcSwap::from_pointee(setup),
            replaced: Notify::new(),
        }
    }

    /// Returns the workers of a lane, which deliver its callbacks.
    pub(crate) fn lanes(&self, lane: Lane) -> &SlotSet {
        match lane {
            Lane::Adds => &self.adds,
            Lane::Ends => &self.ends,
        }
    }

    /// Returns the setup for whatever starts now.
    pub(crate) fn setup(&self) -> Arc<Setup> {
        self.setup.load_full()
    }

    /// Returns the task's id as its file has it.
    pub(crate) fn id(&self) -> String {
        self.setup.load().task.id.as_str().to_owned()
    }

    /// Returns whether `setup` is still the current one.
    pub(crate) fn is_current(&self, setup: &Arc<Setup>) -> bool {
        Arc::ptr_eq(&self.setup.load(), setup)
    }

    /// Returns the sandboxes that call `next`.
    pub(crate) fn id_sources(&self) -> Arc<HandlerSandboxPool> {
        self.id_sources.load_full()
    }

    /// Replaces the setup. Calls of `next` that run continue in the earlier pool if the new one has another size.
    pub(crate) fn replace(&self, setup: Setup) {
        if setup.id_sources() != self.setup.load().id_sources() {
            self.id_sources.store(Arc::new(HandlerSandboxPool::new(self.flow.clone(), setup.id_sources())));
        }
        self.setup.store(Arc::new(setup));
        self.replaced.notify_waiters();
    }

    /// Returns whether the plugins of its setup are loaded.
    pub(crate) fn is_ready(&self) -> bool {
        self.setup.load().unready.is_none()
    }

    /// Waits until the task's id source is loaded, if it has one. Fails if the task is broken or stops. Cancel-safe.
    pub(crate) async fn id_source_loaded(&self) -> Result<(), NotAdding> {
        loop {
            let mut replaced = std::pin::pin!(self.replaced.notified());
            replaced.as_mut().enable();
            let setup = self.setup();
            match &setup.unready {
                Some(Unready::Broken(problem)) => return Err(NotAdding::Broken(problem.clone())),
                Some(Unready::Preparing) if setup.task.handlers.next.is_some() => {}
                _ => return Ok(()),
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(NotAdding::Stopped),
                () = replaced => {}
            }
        }
    }
}

/// Why a task takes no jobs.
pub(crate) enum NotAdding {
    /// The first problem of its definition or plugins.
    Broken(Arc<str>),
    /// The host stops, or the task is gone.
    Stopped,
}
