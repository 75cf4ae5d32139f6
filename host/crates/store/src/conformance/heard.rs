//! An observer that remembers what it hears, and what the tests want to know of that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saggar_job::{Ending, JobId, Run, Status};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Fixture, works};
use crate::Notification;
use crate::{
    CallbackNumber, Change, ChangeError, Delivery, EndResult, Finish, Finished, Hint, Lane, NextDue, Observer,
    StoreError, StoreEvent,
};

/// How long an event may take that a store owes. Real time: the tests' own may stand still.
const SOON: Duration = Duration::from_secs(5);

/// Passes everything on.
struct Recorder(UnboundedSender<Notification>);

impl Observer for Recorder {
    fn observe(&self, event: StoreEvent) {
        // Nobody listens any more when the test is over.
        let _ = self.0.send(event.into());
    }

    fn hint(&self, hint: Hint) {
        let _ = self.0.send(hint.into());
    }
}

/// What an observer has heard and nobody has looked at.
pub(super) struct Heard(Mutex<UnboundedReceiver<Notification>>);

impl Heard {
    /// An observer, and what it hears.
    pub(super) fn new() -> (Arc<dyn Observer>, Self) {
        let (sender, receiver) = unbounded_channel();
        (Arc::new(Recorder(sender)), Self(Mutex::new(receiver)))
    }

    /// The next event, however long it takes; hints are left out.
    pub(super) async fn event(&self) -> StoreEvent {
        let mut heard = self.0.lock().await;
        loop {
            match heard.recv().await {
                Some(Notification::Event(event)) => return event,
                Some(Notification::Hint(_)) => {}
                None => panic!("the store has dropped its observer"),
            }
        }
    }

    /// The next event, if it comes within some seconds: a store that outlives its process tells it from a thread of its own.
    pub(super) async fn event_soon(&self) -> Option<StoreEvent> {
        let (mut heard, began) = (self.0.lock().await, Instant::now());
        while began.elapsed() < SOON {
            match heard.try_recv() {
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

    /// Everything that was heard by now.
    pub(super) async fn all(&self) -> Vec<Notification> {
        let mut heard = self.0.lock().await;
        std::iter::from_fn(|| heard.try_recv().ok()).collect()
    }

    /// The events that were heard by now.
    pub(super) async fn events(&self) -> Vec<StoreEvent> {
        let event = |notification| match notification {
            Notification::Event(event) => Some(event),
            Notification::Hint(_) => None,
        };
        self.all().await.into_iter().filter_map(event).collect()
    }

    /// How an attempt ended; what else was heard before is left out.
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

/// What a [`Change`] did, as the observer heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    Cancelled { callback: bool },
    Stopping(Run),
    Retried { next_due: NextDue },
    Deleted,
    Redelivered,
}

/// What finishing did, as it was answered and as the observer heard it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) ended: EndResult,
    pub(super) next: Option<crate::ClaimedJob>,
    pub(super) next_due: NextDue,
}

/// What settling a callback did: what can be claimed, and whether a callback of an end became due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SettleOutcome {
    pub(super) line: NextDue,
    pub(super) end_is_due: bool,
}

impl Fixture {
    pub(super) async fn change(&self, id: JobId, change: Change) -> Result<Changed, ChangeError> {
        self.heard.all().await;
        self.task.change(id, change, &self.rules, self.now).await?;
        // Heard before it was answered.
        let heard = self.heard.all().await;
        let changed = match (change, &heard[..]) {
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
            _ => panic!("{change:?} of the job {id} was not observed, but {heard:?}"),
        };
        Ok(changed)
    }

    pub(super) async fn finish_step(&self, finish: Finish, claim_next: bool) -> Result<Ended, StoreError> {
        let (id, run, with_snapshot) = (finish.id, finish.run, finish.with_snapshot);
        let Finished { status, next } = self.task.finish(finish, claim_next, &self.rules, self.now).await?;
        let ended = self.heard.end(id, run).await;
        assert_eq!(ended.status, status, "what is observed is what was answered");
        let has_ended = matches!(status, Status::Success | Status::Failure);
        let is_same = next.as_ref().is_none_or(|next| next.id != id);
        let seen = if with_snapshot && has_ended && is_same { works(self.task.get(id).await) } else { None };
        assert_eq!(ended.snapshot.as_deref(), seen.as_ref(), "the snapshot is the job as it is stored");
        Ok(Ended { ended, next, next_due: self.next_due().await })
    }

    pub(super) async fn settle(&self, number: CallbackNumber, delivery: Delivery) -> SettleOutcome {
        self.heard.all().await;
        works(self.task.settle_callback(number, delivery, self.now).await);
        let end_is_due = self.end_is_due().await;
        SettleOutcome { line: self.next_due().await, end_is_due }
    }

    /// Whether a callback of an end was said to be due by now.
    pub(super) async fn end_is_due(&self) -> bool {
        self.heard.all().await.contains(&Hint::Callback(Lane::Ends, NextDue::Now).into())
    }

    /// Pauses or resumes the task; what can be claimed then.
    pub(super) async fn set_paused(&self, paused: bool) -> NextDue {
        works(self.task.set_paused(paused).await);
        self.next_due().await
    }

    /// What can be claimed.
    pub(super) async fn next_due(&self) -> NextDue {
        self.claimed(0).await.next_due
    }

    /// How many attempts, and jobs with them, the last opening ended as lost.
    pub(super) async fn lost(&self) -> (usize, usize) {
        let ended = self.heard.events().await.into_iter().filter_map(|event| match event {
            StoreEvent::Ended { ending: Ending::Lost, result, .. } => Some(result.status),
            _ => None,
        });
        let ended: Vec<_> = ended.collect();
        (ended.len(), ended.iter().filter(|status| **status == Status::Failure).count())
    }
}
