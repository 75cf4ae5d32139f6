//! How a store tells what has changed.

use saggar_job::{Ending, JobId, Run, Timestamp};

use crate::{EndResult, Lane, NextDue};

/// Hears of the changes of one task, once they are durable.
///
/// The calls come from threads of the store, and other work waits meanwhile: an observer must be quick, and must not call
/// the store.
pub trait Observer: Send + Sync + 'static {
    /// A step of this process has changed something. Each event comes exactly once, in the order of the steps.
    fn observe(&self, event: StoreEvent);

    /// There may be something to do. Hints come of steps of this process and, in a [shared](crate::Store::is_shared) store, of
    /// others: each was true when it was sent, may come more than once, and those of others may be missed.
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
        /// The new ones, in order.
        ids: Vec<JobId>,
        /// Whether they are on hold for the add handler; it can be called now.
        on_hold: bool,
        /// When the first of them can be claimed, if they are not on hold.
        due: NextDue,
        /// The moment of the step.
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
        /// What became of the job.
        result: EndResult,
        /// The moment of the step.
        at: Timestamp,
    },
    /// A job was cancelled while no attempt of it ran, and has ended.
    Cancelled {
        /// The job.
        id: JobId,
        /// Whether a callback was left that can be claimed now.
        callback: bool,
        /// The moment of the step.
        at: Timestamp,
    },
    /// The cancellation of a running job was requested. Whoever runs the attempt gets [`Hint::Cancel`].
    Cancelling {
        /// The job.
        id: JobId,
        /// The moment of the step.
        at: Timestamp,
    },
    /// An ended job was retried and waits again.
    Retried {
        /// The job.
        id: JobId,
        /// The moment of the step.
        at: Timestamp,
    },
    /// A job was deleted by hand.
    Deleted {
        /// The job.
        id: JobId,
        /// The moment of the step.
        at: Timestamp,
    },
}

/// An event or a hint on its way to an observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// An event.
    Event(StoreEvent),
    /// A hint.
    Hint(Hint),
}

impl Notification {
    /// Tells the observer.
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

/// Something that a process may be waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Jobs can be claimed, now or from a moment on.
    Ready(NextDue),
    /// Callbacks of a lane can be claimed, now or from a moment on.
    Callback(Lane, NextDue),
    /// The attempt runs in this process and is to stop. Where it comes of a step of this process, the attempt's
    /// [`StoreEvent::Ended`] follows.
    Cancel(JobId, Run),
    /// The job has ended or was deleted.
    Over(JobId),
    /// The job's log has grown.
    LogGrown(JobId),
    /// Hints were missed: look at everything.
    Missed,
}
