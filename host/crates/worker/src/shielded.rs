//! Steps that run to their end even if their caller is dropped, such as a client that closes its connection or a guest
//! that is stopped. The store completes a step that it was asked for in any case, so what follows must not be left out:
//! waking the slots and lanes that have work now, and emitting the events.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// A step. If it is dropped before it returned, it continues in the background; if it is dropped before its first poll,
/// it does not run.
pub(crate) struct Shielded<'t, T: Send + 'static> {
    step: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    has_begun: bool,
    /// Where it continues.
    tracker: &'t TaskTracker,
}

impl<'t, T: Send + 'static> Shielded<'t, T> {
    pub(crate) fn new(tracker: &'t TaskTracker, step: impl Future<Output = T> + Send + 'static) -> Self {
        Self { step: Some(Box::pin(step)), has_begun: false, tracker }
    }
}

impl<T: Send + 'static> Future for Shielded<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.has_begun = true;
        // A future is not polled after it returned.
        let Some(step) = &mut self.step else { return Poll::Pending };
        let answer = ready!(step.as_mut().poll(context));
        self.step = None;
        Poll::Ready(answer)
    }
}

impl<T: Send + 'static> Drop for Shielded<'_, T> {
    fn drop(&mut self) {
        let Some(rest) = self.step.take().filter(|_| self.has_begun) else { return };
        // Without a runtime, the whole host is gone.
        if Handle::try_current().is_ok() {
            self.tracker.spawn(async move { drop(rest.await) });
        }
    }
}
