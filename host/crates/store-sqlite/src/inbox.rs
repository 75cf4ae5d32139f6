//! What waits for the writer: steps, and what comes back of what they handed out.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::error::SqliteError;
use super::sync::Answer;
use super::writer_state::{Undo, WriterState};

/// A step, to be done or to be told why it is not; answers what sends its answer.
pub(super) type Work =
    Box<dyn FnOnce(Result<&mut WriterState<'_>, SqliteError>) -> (rusqlite::Result<()>, Option<Answer>) + Send>;

/// Steps that may wait for the writer; whoever has one more waits to hand it over.
const QUEUE: usize = 4_096;

/// The writer's end.
pub(super) struct Inbox {
    steps: mpsc::Receiver<Work>,
    undone: Arc<Mutex<Vec<Undo>>>,
}

/// A way back for what was handed out.
#[derive(Clone)]
pub(super) struct Undone {
    undone: Arc<Mutex<Vec<Undo>>>,
    steps: mpsc::WeakSender<Work>,
}

impl Inbox {
    pub(super) fn new() -> (mpsc::Sender<Work>, Undone, Self) {
        let (sender, steps) = mpsc::channel(QUEUE);
        let undone = Arc::new(Mutex::default());
        let back = Undone { undone: Arc::clone(&undone), steps: sender.downgrade() };
        (sender, back, Self { steps, undone })
    }

    /// Takes the steps that wait, up to `most`; waits for one if there is none. Returns whether there may be more: if not,
    /// nobody is left to ask for anything.
    pub(super) fn receive(&mut self, works: &mut Vec<Work>, most: usize) -> bool {
        self.steps.blocking_recv_many(works, most) > 0
    }

    /// Whether no step waits.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What came back. It was put there before whoever put it there asked for anything else.
    pub(super) fn take_undone(&self) -> Vec<Undo> {
        std::mem::take(&mut *self.undone.lock())
    }

    /// What could not be taken back yet.
    pub(super) fn put_undone_again(&self, undone: Vec<Undo>) {
        self.undone.lock().splice(0..0, undone);
    }
}

impl Undone {
    pub(super) fn put(&self, undo: Undo) {
        self.undone.lock().push(undo);
        // Wakes the writer. If its queue is full it is awake.
        if let Some(steps) = self.steps.upgrade() {
            let nothing: Work = Box::new(|_| (Ok(()), None));
            drop(steps.try_send(nothing));
        }
    }
}
