//! Whether the plugins of a host are still loading.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether plugins are still loading; one for each host. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Loading(Arc<watch::Sender<bool>>);

impl Default for Loading {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Loading {
    pub(crate) fn finish(&self) {
        self.0.send_replace(true);
    }

    /// Resolves when they are loaded. Cancel safe.
    pub(crate) async fn over(&self) {
        // This value owns the sender, so the channel is open.
        let _ = self.0.subscribe().wait_for(|over| *over).await;
    }
}
