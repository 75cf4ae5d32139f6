//! What waits for the writer: steps, and what comes back of what they handed out.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::workshop::Undo;
use super::writer::{Answers, Work};

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

/// What came of waiting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    Steps,
    /// The moment until which it was waited.
    Nothing,
    /// Nobody is left to ask for anything.
    End,
}

impl Inbox {
    pub(super) fn new() -> (mpsc::Sender<Work>, Undone, Self) {
        let (sender, steps) = mpsc::channel(QUEUE);
        let undone = Arc::new(Mutex::default());
        let back = Undone { undone: Arc::clone(&undone), steps: sender.downgrade() };
        (sender, back, Self { steps, undone })
    }

    /// Takes the steps that wait, up to `most`; waits for one if there is none, but not beyond `until`.
    pub(super) fn receive(&mut self, works: &mut Vec<Work>, most: usize, until: Option<Instant>) -> Received {
        let received = match until {
            None => Some(self.steps.blocking_recv_many(works, most)),
            Some(until) => wait_until(until, self.steps.recv_many(works, most)),
        };
        match received {
            None => Received::Nothing,
            Some(0) => Received::End,
            Some(_) => Received::Steps,
        }
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
            let nothing: Work = Box::new(|_| (Ok(()), Answers::default()));
            drop(steps.try_send(nothing));
        }
    }
}

/// Lets this thread sleep until the future is ready, and not beyond a moment.
fn wait_until<F: Future>(until: Instant, future: F) -> Option<F::Output> {
    struct Sleeper(Thread);
    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Sleeper(std::thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        if let Poll::Ready(ready) = future.as_mut().poll(&mut context) {
            return Some(ready);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn nothing() -> Work {
        Box::new(|_| (Ok(()), Answers::default()))
    }

    #[test]
    fn a_wait_ends_with_a_step_with_its_time_and_with_the_last_who_could_ask() {
        let (sender, _back, mut inbox) = Inbox::new();
        let mut works = Vec::new();
        let soon = || Some(Instant::now() + Duration::from_millis(1));
        assert_eq!(inbox.receive(&mut works, 9, soon()), Received::Nothing);
        let late = Some(Instant::now() + Duration::from_secs(60));
        let asking = std::thread::spawn(move || {
            sender.blocking_send(nothing()).unwrap_or_else(|_| panic!("the inbox is there"));
            sender
        });
        assert_eq!(inbox.receive(&mut works, 9, late), Received::Steps);
        drop(asking.join().unwrap());
        assert_eq!(works.len(), 1);
        assert_eq!(inbox.receive(&mut works, 9, late), Received::End);
        assert_eq!(inbox.receive(&mut works, 9, None), Received::End);
    }
}
