//! An observer that records what it receives, and the questions that the tests ask about it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saggar_job::{Ending, FailureKind, JobId, Run, Status};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Fixture, works};
use crate::Notification;
use crate::{
    CallbackNumber, Change, ChangeError, Delivery, EndResult, Finish, Finished, Hint, Lane, NextDue, Observer,
    StoreError, StoreEvent,
};

/// How long to wait for an event that the store has to deliver. Real time, because the tests' own clock may not move.
const SOON: Duration = Duration::from_secs(5);

/// Forwards every notification to a channel.
struct Recorder(UnboundedSender<Notification>);

impl Observer for Recorder {
    fn observe(&self, event: StoreEvent) {
        // The receiver was dropped if the test is over.
        let _ = self.0.send(event.into());
    }

    fn hint(&self, hint: Hint) {
        let _ = self.0.send(hint.into());
    }
}

/// Notifications that an observer received and that the test has not read yet.
pub(super) struct Observed(Mutex<UnboundedReceiver<Notification>>);

impl Observed {
    /// Returns an observer, and the notifications that it receives.
    pub(super) fn new() -> (Arc<dyn Observer>, Self) {
        let (sender, receiver) = unbounded_channel();
        (Arc::new(Recorder(sender)), Self(Mutex::new(receiver)))
    }

    /// Waits for the next event, without a time limit; discards hints.
    pub(super) async fn event(&self) -> StoreEvent {
        let mut observed = self.0.lock().await;
        loop {
            match observed.recv().await {
                Some(Notification::Event(event)) => return event,
                Some(Notification::Hint(_)) => {}
                None => panic!("the store has dropped its observer"),
            }
        }
    }

    /// Returns the next event if it arrives within some seconds: a durable store delivers it from a thread of its own.
    pub(super) async fn event_soon(&self) -> Option<StoreEvent> {
        let (mut observed, began) = (self.0.lock().await, Instant::now());
        while began.elapsed() < SOON {
            match observed.try_recv() {
                Ok(Notification::Event(event)) => return Some(event),
                Ok(Notification::Hint(_)) => {}
                Err(_) => {
                    std::thread::yield_now();
                    tokio::task::yield_now().await;
                }
            }
        }
        None
    }

    /// Returns all notifications received so far.
    pub(super) async fn all(&self) -> Vec<Notification> {
        let mut observed = self.0.lock().await;
        std::iter::from_fn(|| observed.try_recv().ok()).collect()
    }

    /// Returns the events received so far.
    pub(super) async fn events(&self) -> Vec<StoreEvent> {
        let event = |notification| match notification {
            Notification::Event(event) => Some(event),
            Notification::Hint(_) => None,
        };
        self.all().await.into_iter().filter_map(event).collect()
    }

    /// Waits for the end of an attempt; discards all notifications before it.
    pub(super) async fn end(&self, of: JobId, run: Run) -> EndResult {
        loop {
            if let StoreEvent::Ended { id, run: its, result, .. } = self.event().await
                && (id, its) == (of, run)
            {
                return result;
            }
        }
    }
}

/// The effect of a [`Change`], as observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    Cancelled { callback: bool },
    Stopping(Run),
    Retried { next_due: NextDue },
    Deleted,
    Redelivered,
}

/// The effect of a finish, as answered and as observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObservedEnd {
    pub(super) ended: EndResult,
    pub(super) next: Option<crate::ClaimedJob>,
    pub(super) next_due: NextDue,
}

/// The effect of settling a callback: when a job can be claimed, and whether an end callback became due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SettleOutcome {
    pub(super) next_due: NextDue,
    pub(super) end_is_due: bool,
}

impl Fixture {
    pub(super) async fn change(&self, id: JobId, change: Change) -> Result<Changed, ChangeError> {
        self.observed.all().await;
        self.task.change(id, change, &self.rules, self.now).await?;
        // Delivered before the step was answered.
        let observed = self.observed.all().await;
        let changed = match (change, &observed[..]) {
            (Change::Cancel, [Notification::Event(StoreEvent::Cancelled { id: of, callback, at }), ..])
                if *of == id && *at == self.now =>
            {
                Changed::Cancelled { callback: *callback }
            }
            (Change::Cancel, [Notification::Event(StoreEvent::Cancelling { id: of, .. }), hint]) if *of == id => {
                let Notification::Hint(Hint::Cancel(_, run)) = hint else {
                    panic!("{hint:?} does not say which attempt")
                };
                Changed::Stopping(*run)
            }
            (Change::Retry, [Notification::Event(StoreEvent::Retried { id: of, .. }), ..]) if *of == id => {
                Changed::Retried { next_due: self.next_due().await }
            }
            (Change::Delete, [Notification::Event(StoreEvent::Deleted { id: of, .. }), ..]) if *of == id => {
                Changed::Deleted
            }
            (Change::Redeliver, hints) if hints.contains(&Hint::Callback(Lane::Ends, NextDue::Now).into()) => {
                Changed::Redelivered
            }
            _ => panic!("{change:?} of the job {id} was not observed, but {observed:?}"),
        };
        Ok(changed)
    }

    pub(super) async fn finish_step(&self, finish: Finish, claim_next: bool) -> Result<ObservedEnd, StoreError> {
        let (id, run, with_snapshot) = (finish.id, finish.run, finish.with_snapshot);
        let Finished { status, next } = self.task.finish(finish, claim_next, &self.rules, self.now).await?;
        let ended = self.observed.end(id, run).await;
        assert_eq!(ended.status, status, "the event has the status that was answered");
        let has_ended = matches!(status, Status::Success | Status::Failure);
        let is_same = next.as_ref().is_none_or(|next| next.id != id);
        let seen = if with_snapshot && has_ended && is_same { works(self.task.get(id).await) } else { None };
        assert_eq!(ended.snapshot.as_deref(), seen.as_ref(), "the snapshot is the job as it is stored");
        Ok(ObservedEnd { ended, next, next_due: self.next_due().await })
    }

    pub(super) async fn settle(&self, number: CallbackNumber, delivery: Delivery) -> SettleOutcome {
        self.observed.all().await;
        works(self.task.settle_callback(number, delivery, self.now).await);
        let end_is_due = self.end_is_due().await;
        SettleOutcome { next_due: self.next_due().await, end_is_due }
    }

    /// Returns whether a hint has reported a due end callback.
    pub(super) async fn end_is_due(&self) -> bool {
        self.observed.all().await.contains(&Hint::Callback(Lane::Ends, NextDue::Now).into())
    }

    /// Pauses or resumes the task; returns when a job can be claimed afterwards.
    pub(super) async fn set_paused(&self, paused: bool) -> NextDue {
        works(self.task.set_paused(paused).await);
        self.next_due().await
    }

    /// Returns when a job can be claimed.
    pub(super) async fn next_due(&self) -> NextDue {
        self.claimed(0).await.next_due
    }

    /// Returns how many attempts the last opening ended as lost, and how many jobs failed with them.
    pub(super) async fn lost(&self) -> (usize, usize) {
        let ended = self.observed.events().await.into_iter().filter_map(|event| match event {
            StoreEvent::Ended { ending: Ending::Failed(FailureKind::Lost), result, .. } => Some(result.status),
            _ => None,
        });
        let ended: Vec<_> = ended.collect();
        (ended.len(), ended.iter().filter(|status| **status == Status::Failure).count())
    }
}
