//! The writer's inputs: steps, and claims to be undone.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::error::SqliteError;
use super::sync::Answer;
use super::writer_state::{Undo, WriterState};

/// A step, called with the writer's state or with the error that it is refused with. Returns a function that sends its
/// answer.
pub(super) type Work =
    Box<dyn FnOnce(Result<&mut WriterState<'_>, SqliteError>) -> (rusqlite::Result<()>, Option<Answer>) + Send>;

/// Capacity of the queue to the writer; when it is full, senders wait.
const QUEUE: usize = 4_096;

/// The writer's end.
pub(super) struct Inbox {
    steps: mpsc::Receiver<Work>,
    undos: Arc<Mutex<Vec<Undo>>>,
}

/// Sends claims to be undone.
#[derive(Clone)]
pub(super) struct UndoSender {
    undos: Arc<Mutex<Vec<Undo>>>,
    steps: mpsc::WeakSender<Work>,
}

impl Inbox {
    pub(super) fn new() -> (mpsc::Sender<Work>, UndoSender, Self) {
        let (sender, steps) = mpsc::channel(QUEUE);
        let undos = Arc::new(Mutex::default());
        let undo_sender = UndoSender { undos: Arc::clone(&undos), steps: sender.downgrade() };
        (sender, undo_sender, Self { steps, undos })
    }

    /// Takes up to `most` waiting steps; waits for one if there are none. Returns `false` when all senders are dropped.
    pub(super) fn receive(&mut self, works: &mut Vec<Work>, most: usize) -> bool {
        self.steps.blocking_recv_many(works, most) > 0
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

impl UndoSender {
    pub(super) fn send(&self, undo: Undo) {
        self.undos.lock().push(undo);
        // Wakes the writer. If its queue is full, it is awake.
        if let Some(steps) = self.steps.upgrade() {
            let nothing: Work = Box::new(|_| (Ok(()), None));
            drop(steps.try_send(nothing));
        }
    }
}
