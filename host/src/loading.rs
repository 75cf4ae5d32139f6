//! The state of opening a host's tasks, and of loading their plugins.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether the tasks of a host have been opened, or their plugins loaded. Clones share the state.
#[derive(Clone)]
pub(crate) struct Loading(Arc<watch::Sender<bool>>);

impl Default for Loading {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Loading {
    /// Marks the end.
    pub(crate) fn finish(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether it has ended.
    pub(crate) fn is_finished(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when it has ended. Cancel safe.
    pub(crate) async fn finished(&self) {
        // Cannot fail: `self` owns the sender, so the channel is open.
        let _ = self.0.subscribe().wait_for(|finished| *finished).await;
    }
}
