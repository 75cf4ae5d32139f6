//! The state of loading a host's plugins.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether the plugins of a host have been loaded. Clones share the state.
#[derive(Clone)]
pub(crate) struct Loading(Arc<watch::Sender<bool>>);

impl Default for Loading {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Loading {
    /// Marks the plugins as loaded.
    pub(crate) fn finish(&self) {
        self.0.send_replace(true);
    }

    /// Resolves when the plugins have been loaded. Cancel safe.
    pub(crate) async fn finished(&self) {
        // Cannot fail: `self` owns the sender, so the channel is open.
        let _ = self.0.subscribe().wait_for(|finished| *finished).await;
    }
}
