//! Reloads: their results, and the state of a host's reloads, which is which requests are answered by which reload, and how
//! the last one ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use saggar_api::{LastTokenRemoved, Tokens};
use saggar_definition::Diagnostic;
use saggar_grant::Grants;
use saggar_job::Timestamp;
use saggar_queue::StoreError;
use saggar_worker::TaskChanges;

/// What a reload has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// The number of the deployment that runs now; `None` for a reload of all tenants.
    pub deployment: Option<u64>,
    /// Tasks that were added, changed and removed.
    pub tasks: TaskChanges,
    /// Names of the plugins with another content than before, including new ones; those of scripts begin with `scripts.`.
    pub plugins: Vec<String>,
    /// Configuration keys with a new value that applies only after a restart of the host.
    pub needs_restart: Vec<String>,
    /// Problems that do not prevent the reload.
    pub warnings: Vec<Diagnostic>,
    /// What a reload of all tenants has changed; `None` for that of one app.
    pub tenants: Option<TenantChanges>,
    /// How long it took.
    pub took: Duration,
}

/// What a reload of all tenants has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantChanges {
    /// Tenants that were added.
    pub added: Vec<String>,
    /// Tenants whose directory, weight, variables, quotas or grants have changed.
    pub changed: Vec<String>,
    /// Tenants that are not configured any more.
    pub removed: Vec<String>,
    /// Tenants that go on with the app that they had before, and why.
    pub failed: Vec<(String, String)>,
}

impl Reloaded {
    /// Returns whether the reload has changed no task.
    pub fn is_unchanged(&self) -> bool {
        let TaskChanges { added, changed, removed, unchanged: _ } = &self.tasks;
        added.is_empty() && changed.is_empty() && removed.is_empty()
    }
}

/// Why a reload has changed nothing. The host runs the app that it had before.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The app has errors; these are all problems.
    #[error("{}", .0.iter().map(|problem| problem.render(false)).collect::<Vec<_>>().join("\n\n"))]
    Problems(Vec<Diagnostic>),
    /// The tasks have more slots than the host has room for. The room is fixed when it starts.
    #[error(
        "the tasks need up to {need} sandboxes at once, and this host was started with {capacity}: restart it, or lower \
         `worker_nums`"
    )]
    TooManySlots {
        /// Sandboxes that the tasks need.
        need: u64,
        /// Sandboxes that the host has.
        capacity: u32,
    },
    /// The app has no such deployment, or none before the running one.
    #[error("{}", unknown_deployment(.0.as_ref()))]
    UnknownDeployment(Option<u64>),
    /// The new tokens would open the host.
    #[error(transparent)]
    NoTokens(#[from] LastTokenRemoved),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host is stopping.
    #[error("the host is stopping; it loads the app when it is started again")]
    Stopping,
}

/// Says that a deployment is not recorded, or that there is none before the running one.
fn unknown_deployment(number: Option<&u64>) -> String {
    match number {
        Some(number) => {
            format!("the app has no deployment {number}; `saggar deployments` lists those that are recorded")
        }
        None => "no deployment before the running one is recorded, so there is nothing to roll back to".to_owned(),
    }
}

impl ReloadError {
    /// Returns the problems of the app; empty if the cause is another one.
    pub fn problems(&self) -> &[Diagnostic] {
        if let Self::Problems(problems) = self { problems } else { &[] }
    }
}

/// The result of a reload. Callers that ask for a reload at the same time share one.
pub type ReloadResult = Result<Arc<Reloaded>, Arc<ReloadError>>;

/// What an embedder's own files contribute to a reload, such as the configuration of its program.
#[derive(Debug, Default)]
pub struct ConfigurationCheck {
    /// Their problems. An error prevents the reload.
    pub problems: Vec<Diagnostic>,
    /// The keys with a new value that applies only after a restart.
    pub needs_restart: Vec<String>,
    /// The tokens that the service accepts from then on; `None` to keep them.
    pub tokens: Option<Tokens>,
    /// What the tasks of the app are granted from then on; `None` for what they were granted.
    pub grants: Option<Grants>,
}

/// The reloads of a host. Clones share the state.
#[derive(Clone)]
pub(crate) struct Reloads(Arc<SharedReloads>);

struct SharedReloads {
    /// The number of requests so far.
    requested: AtomicU64,
    turn: tokio::sync::Mutex<Turn>,
    status: Mutex<ReloadStatus>,
}

/// The right to reload, and the result of the last one that had it.
#[derive(Default)]
pub(crate) struct Turn(Option<(u64, ReloadResult)>);

/// The state of reloads.
#[derive(Debug, Clone)]
pub struct ReloadStatus {
    /// Whether a reload is running.
    pub running: bool,
    /// When the app was loaded that the host runs: at the start, or by the last reload that succeeded.
    pub loaded_at: Timestamp,
    /// How many reloads have failed since then. If there are any, the host runs an app that differs from its files.
    pub failed: u64,
    /// The last reload that has ended.
    pub last: Option<LastReload>,
}

/// A reload that has ended.
#[derive(Debug, Clone)]
pub struct LastReload {
    /// When it started.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What it has changed, or why it has changed nothing.
    pub result: ReloadResult,
}

impl Reloads {
    /// Creates the state of a host that has loaded its app at `loaded_at`.
    pub(crate) fn new(loaded_at: Timestamp) -> Self {
        let status = ReloadStatus { running: false, loaded_at, failed: 0, last: None };
        Self(Arc::new(SharedReloads {
            requested: AtomicU64::new(0),
            turn: tokio::sync::Mutex::default(),
            status: Mutex::new(status),
        }))
    }

    /// Counts a request; returns its number.
    pub(crate) fn request(&self) -> u64 {
        self.0.requested.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Waits until no reload runs.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, Turn> {
        self.0.turn.lock().await
    }

    /// Marks the start of a reload; returns the number of the last request that it answers. Call it before anything is
    /// read, because a later request may be about files that have changed since.
    pub(crate) fn begin(&self) -> u64 {
        self.0.status.lock().running = true;
        self.0.requested.load(Ordering::Relaxed)
    }

    /// Marks the end of a reload; returns the new status.
    pub(crate) fn end(&self, last: LastReload) -> ReloadStatus {
        let mut status = self.0.status.lock();
        status.running = false;
        match &last.result {
            Ok(_) => (status.loaded_at, status.failed) = (last.at, 0),
            Err(_) => status.failed += 1,
        }
        status.last = Some(last);
        status.clone()
    }

    /// Returns the current status.
    pub(crate) fn status(&self) -> ReloadStatus {
        self.0.status.lock().clone()
    }
}

impl Turn {
    /// Returns the result of the last reload if it answers the request, because it started later.
    pub(crate) fn result_for(&self, request: u64) -> Option<ReloadResult> {
        self.0.as_ref().filter(|(covered, _)| *covered >= request).map(|(_, result)| result.clone())
    }

    /// Keeps the result for the requests that it answers.
    pub(crate) fn finish(&mut self, covered: u64, result: ReloadResult) {
        self.0 = Some((covered, result));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reload_answers_the_requests_before_its_start_and_no_later_ones() {
        let reloads = Reloads::new(Timestamp(1));
        let (first, second) = (reloads.request(), reloads.request());
        let mut turn = reloads.turn().await;
        assert!(turn.result_for(first).is_none());
        let covered = reloads.begin();
        let third = reloads.request();
        assert!(reloads.status().running);
        let result: ReloadResult = Err(Arc::new(ReloadError::Stopping));
        let last = LastReload { at: Timestamp(2), took: Duration::ZERO, result: result.clone() };
        let status = reloads.end(last);
        assert_eq!((status.running, status.loaded_at, status.failed), (false, Timestamp(1), 1));
        turn.finish(covered, result);
        assert!(turn.result_for(first).is_some() && turn.result_for(second).is_some());
        assert!(turn.result_for(third).is_none());
    }
}
