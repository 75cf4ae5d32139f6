//! Steps that are done to their end though whoever asked for them goes, such as a client that closes its connection or a guest
//! that is stopped. The store does what it was once asked for in any case, so what follows must not be left out: the slots and
//! handlers that have work now are to be woken, and who listens is to be told.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// A step. Dropped before it answered, it goes on without anybody who waits; dropped before it began, it is not done.
pub(crate) struct Whole<T: Send + 'static> {
    step: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    has_begun: bool,
    /// Where it goes on.
    tracker: TaskTracker,
}

impl<T: Send + 'static> Whole<T> {
    pub(crate) fn new(tracker: &TaskTracker, step: impl Future<Output = T> + Send + 'static) -> Self {
        Self { step: Some(Box::pin(step)), has_begun: false, tracker: tracker.clone() }
    }
}

impl<T: Send + 'static> Future for Whole<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.has_begun = true;
        // Nobody polls what has answered.
        let Some(step) = &mut self.step else { return Poll::Pending };
        let answer = ready!(step.as_mut().poll(context));
        self.step = None;
        Poll::Ready(answer)
    }
}

impl<T: Send + 'static> Drop for Whole<T> {
    fn drop(&mut self) {
        let Some(rest) = self.step.take().filter(|_| self.has_begun) else { return };
        // Without a runtime the whole host has gone.
        if Handle::try_current().is_ok() {
            self.tracker.spawn(async move { drop(rest.await) });
        }
    }
}
