//! A task runner: one open task with its queue, its current setup, its slots and lanes, and its pool for `next`.

use std::sync::Arc;

use arc_swap::ArcSwap;
use saggar_job::Role;
use saggar_queue::{Lane, TaskQueue};
use saggar_sandbox::JobContext;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::handler_sandboxes::HandlerSandboxPool;
use crate::meters::Meters;
use crate::slot_set::SlotSet;
use crate::{Setup, Unready};

pub(crate) struct TaskRunner {
    pub(crate) queue: Arc<TaskQueue>,
    pub(crate) id_sources: HandlerSandboxPool,
    pub(crate) slots: SlotSet,
    adds: SlotSet,
    ends: SlotSet,
    pub(crate) meters: Meters,
    /// Ends the slots and lanes when the task is gone or the host stops.
    pub(crate) stop: CancellationToken,
    setup: ArcSwap<Setup>,
    replaced: Notify,
    task: Arc<str>,
}

impl TaskRunner {
    pub(crate) fn new(queue: Arc<TaskQueue>, setup: Setup, stop: CancellationToken) -> Self {
        let task = setup.task.id.as_str().into();
        let id_sources = HandlerSandboxPool::new(setup.id_sources());
        let meters = Meters::new(queue.key().clone());
        Self {
            queue,
            id_sources,
            slots: SlotSet::default(),
            adds: SlotSet::default(),
            ends: SlotSet::default(),
            meters,
            stop,
            setup: ArcSwap::from_pointee(setup),
            replaced: Notify::new(),
            task,
        }
    }

    /// Who delivers the callbacks of a lane.
    pub(crate) fn lanes(&self, lane: Lane) -> &SlotSet {
        match lane {
            Lane::Adds => &self.adds,
            Lane::Ends => &self.ends,
        }
    }

    /// The setup that holds for what begins now.
    pub(crate) fn setup(&self) -> Arc<Setup> {
        self.setup.load_full()
    }

    /// Whether `setup` is still the one that holds.
    pub(crate) fn is_current(&self, setup: &Arc<Setup>) -> bool {
        Arc::ptr_eq(&self.setup.load(), setup)
    }

    pub(crate) fn replace(&self, setup: Setup) {
        self.setup.store(Arc::new(setup));
        self.replaced.notify_waiters();
    }

    /// Whether the plugins of its setup are loaded.
    pub(crate) fn is_ready(&self) -> bool {
        self.setup.load().why_unready().is_none()
    }

    /// Waits until the task can be asked for ids, if it has an id source. Fails with the first problem of a broken task, and
    /// if the runner stops. Cancel safe.
    pub(crate) async fn id_source_loaded(&self) -> Result<(), NotAdding> {
        loop {
            let mut replaced = std::pin::pin!(self.replaced.notified());
            replaced.as_mut().enable();
            let setup = self.setup();
            match setup.why_unready() {
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

    /// What a guest is told of a call that is about `id`, in `role`.
    pub(crate) fn context(&self, about: About<'_>, role: Role, setup: &Setup) -> JobContext {
        JobContext {
            id: about.id,
            task: self.task.clone(),
            attempt: about.attempt,
            max_attempts: setup.task.retry.max_attempts_at(about.attempt),
            handler: setup.role(role).and_then(|played| played.handler.clone()),
            trace_parent: about.trace_parent.cloned(),
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

/// Which job a call is about.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) id: saggar_job::JobId,
    pub(crate) attempt: u32,
    pub(crate) trace_parent: Option<&'a Arc<str>>,
}

impl About<'_> {
    /// A job that is not there yet.
    pub(crate) const NOTHING: Self = Self { id: saggar_job::JobId(0), attempt: 0, trace_parent: None };
}
