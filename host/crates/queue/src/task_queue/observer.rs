//! What the queue of a task does when its store reports a change: it emits the event, counts it, and wakes the waiters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use saggar_job::{Ending, FailureKind, JobId, JobKey, Run, Status, TaskKey, Timestamp};

use super::running_jobs::RunningJobs;
use crate::context::QueueContext;
use crate::doorbell::Doorbell;
use crate::event::Ring;
use crate::rates::{Counted, Counters};
use crate::waiters::Waiters;
use crate::{EndResult, Hint, Job, JobEvent, JobEventKind, Lane, NextDue, Observer, StoreEvent};

/// The part of a task's queue that is notified of changes. It has no handle of the store, directly or indirectly,
/// because the store has a handle of it: so the last handle of a store is never dropped by a thread of the store that
/// is notifying.
pub(crate) struct TaskObserver {
    pub(crate) key: TaskKey,
    pub(crate) context: Arc<QueueContext>,
    /// The events of the whole tenant.
    pub(crate) events: Arc<Ring>,
    /// For slots that wait for a job.
    pub(crate) slots: Doorbell,
    /// For lanes that wait for a callback of an addition.
    adds: Doorbell,
    /// For lanes that wait for a callback of an end.
    ends: Doorbell,
    pub(crate) running_jobs: RunningJobs,
    /// Waiters for a job's end.
    pub(crate) waiters: Waiters,
    /// Waiters for a job's log to grow.
    pub(crate) readers: Waiters,
    pub(crate) counters: Counters,
    /// The task has no workers any more.
    closed: AtomicBool,
}

impl TaskObserver {
    pub(crate) fn new(key: TaskKey, context: Arc<QueueContext>) -> Self {
        let (counters, events) = (Counters::new(Arc::clone(&context.clock)), context.events(&key.tenant));
        Self {
            key,
            context,
            events,
            slots: Doorbell::new(),
            adds: Doorbell::new(),
            ends: Doorbell::new(),
            running_jobs: RunningJobs::default(),
            waiters: Waiters::default(),
            readers: Waiters::default(),
            counters,
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_closed(&self, closed: bool) {
        self.closed.store(closed, Ordering::SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(crate) fn lane(&self, lane: Lane) -> &Doorbell {
        match lane {
            Lane::Adds => &self.adds,
            Lane::Ends => &self.ends,
        }
    }

    /// Wakes all waiters, which check again.
    pub(crate) fn wake_all(&self) {
        self.slots.ring_all();
        self.adds.ring_all();
        self.ends.ring_all();
        self.waiters.wake_all();
        self.readers.wake_all();
        self.context.recheck_idle();
    }

    /// Emits an event if events are wanted.
    pub(crate) fn emit(&self, id: JobId, kind: JobEventKind, at: Timestamp) {
        if self.events.is_on() {
            self.events.push(JobEvent { key: JobKey { task: self.key.clone(), id }, kind }, at);
        }
    }

    fn added(&self, ids: &[JobId], on_hold: bool, due: NextDue, at: Timestamp) {
        self.counters.count(Counted::Added, ids.len() as u64, at);
        ids.iter().for_each(|id| self.emit(*id, JobEventKind::Added, at));
        if on_hold {
            self.adds.ring();
        } else {
            self.slots.ring_for(due);
        }
    }

    fn attempt_ended(&self, id: JobId, run: Run, ending: Ending, result: EndResult, at: Timestamp) {
        self.running_jobs.leave(id, run);
        if result.callback {
            self.ends.ring();
        }
        self.count_end(ending, &result, at);
        self.emit(id, kind_of(&result, ending), at);
        if matches!(result.status, Status::Success | Status::Failure) {
            return self.job_ended(id, result.snapshot);
        }
        // An attempt that was lost leaves a line in the log.
        self.readers.wake(id, None);
        if let Some(run_at) = result.run_at {
            self.slots.ring_for(NextDue::due_at(run_at, at));
        }
        if self.is_closed() {
            self.context.recheck_idle();
        }
    }

    fn count_end(&self, ending: Ending, result: &EndResult, at: Timestamp) {
        if ending != Ending::Success {
            self.counters.endings.count_attempt(ending);
        }
        match result.status {
            Status::Success => self.counters.count(Counted::Succeeded, 1, at),
            Status::Failure => {
                self.counters.count(Counted::Failed, 1, at);
                self.counters.endings.count_job(result.reason.unwrap_or(FailureKind::Failed));
            }
            _ if ending == Ending::Requeued => {}
            _ => self.counters.count(Counted::Retried, 1, at),
        }
    }

    fn cancelled(&self, id: JobId, callback: bool, at: Timestamp) {
        // An attempt that was released may have been cancelled before it was entered.
        self.running_jobs.forget_cancel(id);
        if callback {
            self.ends.ring();
        }
        self.counters.count(Counted::Failed, 1, at);
        self.counters.endings.count_job(FailureKind::Cancelled);
        self.emit(id, JobEventKind::Failed { reason: FailureKind::Cancelled }, at);
        self.job_ended(id, None);
    }

    fn job_ended(&self, id: JobId, snapshot: Option<Arc<Job>>) {
        self.waiters.wake(id, snapshot);
        self.context.recheck_idle();
    }
}

impl Observer for TaskObserver {
    fn observe(&self, event: StoreEvent) {
        match event {
            StoreEvent::Added { ids, on_hold, due, at } => self.added(&ids, on_hold, due, at),
            StoreEvent::Ended { id, run, ending, result, at } => self.attempt_ended(id, run, ending, result, at),
            StoreEvent::Cancelled { id, callback, at } => self.cancelled(id, callback, at),
            StoreEvent::Cancelling { id, at } => self.emit(id, JobEventKind::Cancelling, at),
            StoreEvent::Retried { id, at } => {
                self.slots.ring();
                self.emit(id, JobEventKind::Retried, at);
            }
            StoreEvent::Deleted { id, at } => {
                self.emit(id, JobEventKind::Deleted, at);
                self.job_ended(id, None);
            }
        }
    }

    fn hint(&self, hint: Hint) {
        match hint {
            Hint::Ready(due) => self.slots.ring_for(due),
            Hint::Callback(lane, due) => self.lane(lane).ring_for(due),
            Hint::Cancel(id, run) => self.running_jobs.cancel(id, run),
            Hint::Over(id) => self.waiters.wake(id, None),
            Hint::LogGrown(id) => self.readers.wake(id, None),
            Hint::Missed => self.wake_all(),
        }
    }
}

fn kind_of(result: &EndResult, ending: Ending) -> JobEventKind {
    match (result.status, result.run_at) {
        (Status::Success, _) => JobEventKind::Succeeded,
        (Status::Failure, _) => JobEventKind::Failed { reason: result.reason.unwrap_or(FailureKind::Failed) },
        (_, Some(run_at)) if ending != Ending::Requeued => JobEventKind::Retrying { run_at },
        _ => JobEventKind::Requeued,
    }
}
