//! The writer's inputs: steps, and claims to be undone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use saggar_tenant::FairSemaphore;
use tokio::sync::mpsc;

use super::error::SqliteError;
use super::sync::Answer;
use super::writer_state::{Undo, WriterState};

/// A step, called with the writer's state or with the error that it is refused with. Returns a function that sends its
/// answer.
pub(super) type Work =
    Box<dyn FnOnce(Result<&mut WriterState<'_>, SqliteError>) -> (rusqlite::Result<()>, Option<Answer>) + Send>;

/// Places in front of the writer: those of the batch that is done, and of the steps that wait for the next one. When all
/// are taken, callers wait for a place, and tenants get the free ones by weight. So a step waits for at most two batches
/// once it has a place, whatever the others send.
pub(super) const PLACES: usize = 4_096;

/// A step with the places that it takes.
pub(super) struct Step {
    pub(super) work: Work,
    pub(super) places: usize,
}

/// The writer's end.
pub(super) struct Inbox {
    steps: mpsc::UnboundedReceiver<Step>,
    received: Vec<Step>,
    places: FairSemaphore,
    /// The places of the batch that was received last.
    taken: usize,
    undos: Arc<Mutex<Vec<Undo>>>,
    is_woken: Arc<AtomicBool>,
}

/// Sends claims to be undone.
#[derive(Clone)]
pub(super) struct UndoSender {
    undos: Arc<Mutex<Vec<Undo>>>,
    steps: mpsc::WeakUnboundedSender<Step>,
    /// Whether a step that wakes the writer is on its way.
    is_woken: Arc<AtomicBool>,
}

impl Inbox {
    pub(super) fn new() -> (mpsc::UnboundedSender<Step>, FairSemaphore, UndoSender, Self) {
        // Unbounded, because callers wait for a place before they send.
        let (sender, steps) = mpsc::unbounded_channel();
        let (undos, is_woken, places) = (Arc::default(), Arc::default(), FairSemaphore::new(PLACES, 1));
        let weak = sender.downgrade();
        let undo_sender = UndoSender { undos: Arc::clone(&undos), steps: weak, is_woken: Arc::clone(&is_woken) };
        let inbox = Self { steps, received: Vec::new(), places: places.clone(), taken: 0, undos, is_woken };
        (sender, places, undo_sender, inbox)
    }

    /// Takes up to `most` waiting steps, after the last ones are done; waits for one if there are none. Returns `false`
    /// when all senders are dropped.
    pub(super) fn receive(&mut self, works: &mut Vec<Work>, most: usize) -> bool {
        self.places.release(std::mem::take(&mut self.taken));
        let has_any = self.steps.blocking_recv_many(&mut self.received, most) > 0;
        self.is_woken.swap(false, Ordering::AcqRel);
        for Step { work, places } in self.received.drain(..) {
            self.taken += places;
            works.push(work);
        }
        has_any
    }

    /// Returns whether no step is waiting.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Takes the claims to be undone. A caller sends them before it asks for anything else.
    pub(super) fn take_undos(&self) -> Vec<Undo> {
        std::mem::take(&mut *self.undos.lock())
    }

    /// Stores claims that could not be undone yet in front of the others.
    pub(super) fn restore_undos(&self, undos: Vec<Undo>) {
        self.undos.lock().splice(0..0, undos);
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        // Callers that wait for a place get it, and find that the writer has ended.
        self.places.release(u32::MAX as usize);
    }
}

impl UndoSender {
    pub(super) fn send(&self, undo: Undo) {
        self.undos.lock().push(undo);
        self.wake();
    }

    /// Makes the writer do a batch, without waiting for it.
    pub(super) fn wake(&self) {
        if let Some(steps) = self.steps.upgrade()
            && !self.is_woken.swap(true, Ordering::AcqRel)
        {
            // An error means that the writer has ended.
            drop(steps.send(Step { work: Box::new(|_| (Ok(()), None)), places: 0 }));
        }
    }
}
