//! How a store reports changes.

use saggar_job::{Ending, JobId, Run, Timestamp};
use smallvec::SmallVec;

use crate::{EndResult, Lane, NextDue};

/// Receives the changes of one task, once they are durable.
///
/// The calls come from threads of the store, and other work waits meanwhile: an observer must be quick, and must not
/// call the store.
pub trait Observer: Send + Sync + 'static {
    /// Receives a change that a step of this process made. Each event is delivered exactly once, in the order of the
    /// steps.
    ///
    /// Tests: `observing::each_change_is_observed_once_and_in_order`, `observing::refused_steps_are_not_observed`,
    /// `observing::events_of_all_tasks_come_in_one_order`.
    fn observe(&self, event: StoreEvent);

    /// Receives a hint that there may be something to do. Hints come from steps of this process and, in a
    /// [shared](crate::Store::is_shared) store, of others. Each was true when it was sent, and may be delivered more
    /// than once; those of others may be lost.
    ///
    /// Tests: `observing::hints_say_what_can_be_claimed_and_when`.
    fn hint(&self, hint: Hint);
}

/// Ignores everything.
impl Observer for () {
    fn observe(&self, _event: StoreEvent) {}

    fn hint(&self, _hint: Hint) {}
}

/// A change that a step of this process made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreEvent {
    /// Jobs were added.
    Added {
        /// The new jobs, in order. Mostly there is one, which needs no allocation.
        ids: SmallVec<[JobId; 1]>,
        /// Whether the jobs are on hold for the add handler; it can be called now.
        on_hold: bool,
        /// When the first of them can be claimed, if they are not on hold.
        due: NextDue,
        /// The time of the step.
        at: Timestamp,
    },
    /// An attempt ended.
    Ended {
        /// Its job.
        id: JobId,
        /// Its fence.
        run: Run,
        /// How it ended.
        ending: Ending,
        /// The state of the job afterwards.
        result: EndResult,
        /// The time of the step.
        at: Timestamp,
    },
    /// A job was cancelled while no attempt of it ran, and has ended.
    Cancelled {
        /// The job.
        id: JobId,
        /// Whether it left a callback that can be claimed now.
        callback: bool,
        /// The time of the step.
        at: Timestamp,
    },
    /// The cancellation of a running job was requested. The process that runs the attempt gets [`Hint::Cancel`].
    Cancelling {
        /// The job.
        id: JobId,
        /// The time of the step.
        at: Timestamp,
    },
    /// An ended job was retried and waits again.
    Retried {
        /// The job.
        id: JobId,
        /// The time of the step.
        at: Timestamp,
    },
    /// A caller deleted a job.
    Deleted {
        /// The job.
        id: JobId,
        /// The time of the step.
        at: Timestamp,
    },
}

/// An event or a hint that is to be delivered to an observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// An event.
    Event(StoreEvent),
    /// A hint.
    Hint(Hint),
}

impl Notification {
    /// Delivers it to the observer.
    pub fn send(self, observer: &dyn Observer) {
        match self {
            Self::Event(event) => observer.observe(event),
            Self::Hint(hint) => observer.hint(hint),
        }
    }
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

/// A condition that a process may be waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Jobs can be claimed, now or from a given time on.
    Ready(NextDue),
    /// Callbacks of a lane can be claimed, now or from a given time on.
    Callback(Lane, NextDue),
    /// The attempt runs in this process and has to stop. If the hint comes from a step of this process, the attempt's
    /// [`StoreEvent::Ended`] follows.
    Cancel(JobId, Run),
    /// The job has ended or was deleted.
    Over(JobId),
    /// The job's log has grown.
    LogGrown(JobId),
    /// Hints were lost: check everything.
    Missed,
}
