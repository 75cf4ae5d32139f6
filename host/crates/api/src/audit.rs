//! The audit of requests that changed something. Requests are recorded in memory at once and stored every second, so that no
//! request waits for its entry. Requests of a second that differ in nothing but their jobs share an entry, so that a client
//! which adds thousands of jobs a second takes one row a second.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use saggar_job::JobId;
use saggar_queue::AuditEntry;
use saggar_wire::Code;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;
use crate::problem::Refusal;
use crate::tenants::Tenants;

mod pending;

use pending::{Kind, Pending};

/// How long requests are gathered before they are stored: short enough that a crash hides little.
const INTERVAL: Duration = Duration::from_secs(1);

/// Maximum bytes of a task's id or of another text of the client in an entry.
const MAX_TEXT: usize = 512;

/// What a request did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Added jobs.
    AddJobs,
    /// Cancelled a job.
    CancelJob,
    /// Retried a job.
    RetryJob,
    /// Delivered the callbacks of a job again.
    RedeliverJob,
    /// Deleted a job.
    DeleteJob,
    /// Paused a task.
    PauseTask,
    /// Resumed a task.
    ResumeTask,
    /// Reloaded an app, or the whole host.
    Reload,
    /// Went back to the code of an earlier deployment.
    Rollback,
    /// Removed the data of a tenant.
    RemoveTenant,
    /// Added, changed or removed tokens; done by a reload.
    ChangeTokens,
    /// Added a tenant, changed its directory, weight or quotas, or stopped it; done by a reload.
    ChangeTenant,
    /// Lost entries of the audit, because the store could not take them in time.
    LoseEntries,
}

impl Action {
    /// Returns its name in entries.
    pub fn name(self) -> &'static str {
        match self {
            Self::AddJobs => "jobs.add",
            Self::CancelJob => "jobs.cancel",
            Self::RetryJob => "jobs.retry",
            Self::RedeliverJob => "jobs.redeliver",
            Self::DeleteJob => "jobs.delete",
            Self::PauseTask => "tasks.pause",
            Self::ResumeTask => "tasks.resume",
            Self::Reload => "reload",
            Self::Rollback => "rollback",
            Self::RemoveTenant => "tenants.remove",
            Self::ChangeTokens => "tokens.change",
            Self::ChangeTenant => "tenants.change",
            Self::LoseEntries => "audit.lost",
        }
    }
}

/// The audit of a service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Audit(Arc<Shared>);

struct Shared {
    tenants: Arc<dyn Tenants>,
    pending: Mutex<Pending>,
    /// Notified when the first request is pending.
    some: Notify,
    /// Held while entries are stored, so that they are stored in order.
    storing: tokio::sync::Mutex<()>,
}

/// A request that is about to change something. If it is dropped before [`end`](Self::end), because the client has gone,
/// the change may have been made, and the entry says that its result is unknown.
pub(crate) struct Started {
    audit: Audit,
    request: Option<(Kind, Option<JobId>, u64)>,
}

impl Audit {
    pub(crate) fn new(tenants: Arc<dyn Tenants>) -> Self {
        let (some, storing) = (Notify::new(), tokio::sync::Mutex::default());
        Self(Arc::new(Shared { tenants, pending: Mutex::default(), some, storing }))
    }

    /// Sets whether each entry is also written to the log.
    pub(crate) fn set_logged(&self, is_logged: bool) {
        self.0.pending.lock().set_logged(is_logged);
    }

    /// Begins a request that does something to the tenant that it asks for, or to a task or a job of it.
    pub(crate) fn begin(&self, caller: &Caller, action: Action, task: Option<&str>, job: Option<JobId>) -> Started {
        let kind = Kind {
            tenant: caller.tenant.clone(),
            by: Some((caller.grant.name().cloned(), caller.grant.role())),
            from: caller.address,
            action,
            // Tasks are found without regard to case, so no spelling may make another kind of request.
            task: task.map(|task| truncated(task).to_ascii_lowercase().into()),
            result: None,
            detail: None,
        };
        Started { audit: self.clone(), request: Some((kind, job, 1)) }
    }

    /// Records a change that no request has made directly, such as that of a reload.
    pub(crate) fn record_own(&self, tenant: Option<&str>, action: Action, count: u64, detail: &str) {
        let (tenant, detail) = (tenant.map(Into::into), Some(truncated(detail).into()));
        self.record(Kind { tenant, by: None, from: None, action, task: None, result: None, detail }, None, count);
    }

    fn record(&self, kind: Kind, job: Option<JobId>, count: u64) {
        let now = self.0.tenants.now();
        let mut pending = self.0.pending.lock();
        let is_first = pending.is_empty();
        pending.add(kind, job, count, now);
        drop(pending);
        if is_first {
            self.0.some.notify_one();
        }
    }

    /// Stores what is pending every second, until `stop` is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let gathering = async {
            loop {
                self.0.some.notified().await;
                tokio::time::sleep(INTERVAL).await;
                self.store().await;
            }
        };
        tokio::select! {
            () = gathering => {}
            () = stop.cancelled() => {}
        }
    }

    /// Stores what is pending now. What the store cannot take now is stored later.
    pub(crate) async fn store(&self) {
        let _storing = self.0.storing.lock().await;
        let entries = self.0.pending.lock().take(self.0.tenants.now());
        if entries.is_empty() {
            return;
        }
        // If this future is dropped, the entries are pending again.
        let mut unsent = Unsent { audit: self, entries };
        match self.0.tenants.append_audit(unsent.entries.clone()).await {
            Ok(()) => unsent.entries.clear(),
            // A store reports its failures itself.
            Err(error) => tracing::debug!(%error, entries = unsent.entries.len(), "the audit is not stored yet"),
        }
    }
}

/// Entries that are being stored.
struct Unsent<'a> {
    audit: &'a Audit,
    entries: Vec<AuditEntry>,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if self.entries.is_empty() {
            return;
        }
        self.audit.0.pending.lock().restore(std::mem::take(&mut self.entries));
        self.audit.0.some.notify_one();
    }
}

impl Started {
    /// Sets how many things the request changes; 1 without it.
    #[must_use]
    pub(crate) fn of(mut self, count: usize) -> Self {
        if let Some((_, _, changed)) = &mut self.request {
            *changed = count as u64;
        }
        self
    }

    /// Sets what else is to know about the request.
    #[must_use]
    pub(crate) fn about(mut self, detail: &str) -> Self {
        if let Some((kind, ..)) = &mut self.request {
            kind.detail = Some(truncated(detail).into());
        }
        self
    }

    /// Records a request that has changed something before it was refused.
    pub(crate) fn end_with(mut self, code: Code) {
        if let Some((mut kind, job, count)) = self.request.take() {
            kind.result = Some((code.status(), Some(code)));
            self.audit.record(kind, job, count);
        }
    }

    /// Forgets the request, because it has changed nothing.
    pub(crate) fn forget(mut self) {
        self.request = None;
    }

    /// Records the request with its result: `status` if it succeeded. A refusal that changed nothing is not recorded.
    pub(crate) fn end<T>(mut self, status: u16, result: &Result<T, Refusal>) {
        let Some((mut kind, job, count)) = self.request.take() else { return };
        kind.result = Some(match result {
            Ok(_) => (status, None),
            Err(refusal) if may_have_changed(refusal.code) => (refusal.code.status(), Some(refusal.code)),
            Err(_) => return,
        });
        self.audit.record(kind, job, count);
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some((kind, job, count)) = self.request.take() {
            self.audit.record(kind, job, count);
        }
    }
}

/// Returns whether a request with this refusal may have changed something, or tried to change the whole app.
fn may_have_changed(code: Code) -> bool {
    matches!(code, Code::StoreFailed | Code::Internal | Code::ReloadFailed)
}

fn truncated(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}
