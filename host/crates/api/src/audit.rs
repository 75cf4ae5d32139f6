//! The audit of requests that changed something. Requests are recorded in memory at once and stored every second, so that no
//! request waits for its entry. Requests of a second that differ in nothing but their jobs share an entry, so that a client
//! which adds thousands of jobs a second takes one row a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use saggar_job::{JobId, Timestamp};
use saggar_queue::AuditEntry;
use saggar_wire::Code;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;
use crate::problem::Refusal;
use crate::tenants::Tenants;
use crate::tokens::Role;

/// How long requests are gathered before they are stored: short enough that a crash hides little.
const INTERVAL: Duration = Duration::from_secs(1);

/// Maximum groups of requests that are not stored yet, and maximum entries that the store could not take. Each has at most a
/// few hundred bytes, and those with jobs some more.
const MAX_PENDING: usize = 4_096;

/// Maximum jobs that an entry names.
const MAX_JOBS: usize = 100;

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

#[derive(Default)]
struct Pending {
    /// In the order of their first requests.
    groups: Vec<Group>,
    /// The group of each kind of request that can take more.
    open: HashMap<Kind, usize>,
    /// Entries that the store has refused so far.
    unsent: Vec<AuditEntry>,
    lost: u64,
    is_logged: bool,
}

/// What the requests of an entry have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    tenant: Option<Arc<str>>,
    /// The name and the role of the token; without a name on a host without tokens; `None` for the host itself.
    by: Option<(Option<Arc<str>>, Role)>,
    from: Option<IpAddr>,
    action: Action,
    task: Option<Arc<str>>,
    /// `None` if the client has gone before the end.
    result: Option<(u16, Option<Code>)>,
    detail: Option<Arc<str>>,
}

struct Group {
    kind: Kind,
    at: Timestamp,
    until: Timestamp,
    requests: u64,
    count: u64,
    jobs: Vec<JobId>,
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
        self.0.pending.lock().is_logged = is_logged;
    }

    /// Begins a request that does something to the tenant that it asks for, or to a task or a job of it.
    pub(crate) fn begin(&self, caller: &Caller, action: Action, task: Option<&str>, job: Option<JobId>) -> Started {
        let kind = Kind {
            tenant: caller.tenant.clone(),
            by: Some((caller.grant.name().cloned(), caller.grant.role())),
            from: caller.address,
            action,
            task: task.map(|task| truncated(task).into()),
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
        let is_first = pending.groups.is_empty();
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
        let mut pending = self.audit.0.pending.lock();
        let room = MAX_PENDING.saturating_sub(pending.unsent.len()).min(self.entries.len());
        let lost = self.entries.drain(room..).count();
        pending.lost += lost as u64;
        let later = std::mem::take(&mut pending.unsent);
        pending.unsent = std::mem::take(&mut self.entries);
        pending.unsent.extend(later);
        drop(pending);
        self.audit.0.some.notify_one();
    }
}

impl Pending {
    fn add(&mut self, kind: Kind, job: Option<JobId>, count: u64, now: Timestamp) {
        if let Some(group) = self.open.get(&kind).and_then(|at| self.groups.get_mut(*at)) {
            group.until = now;
            group.requests += 1;
            group.count += count;
            group.jobs.extend(job);
            if group.jobs.len() >= MAX_JOBS {
                self.open.remove(&kind);
            }
            return;
        }
        if self.groups.len() >= MAX_PENDING {
            self.lost += 1;
            return;
        }
        self.open.insert(kind.clone(), self.groups.len());
        self.groups.push(Group { kind, at: now, until: now, requests: 1, count, jobs: job.into_iter().collect() });
    }

    /// Takes all entries; writes the new ones to the log, if they are logged.
    fn take(&mut self, now: Timestamp) -> Vec<AuditEntry> {
        self.open.clear();
        let mut entries = std::mem::take(&mut self.unsent);
        let known = entries.len();
        entries.extend(std::mem::take(&mut self.groups).into_iter().map(Group::into_entry));
        if self.lost > 0 {
            let (by, detail) = (None, Some("the store did not take them in time".into()));
            let (tenant, from, task, result, action) = (None, None, None, None, Action::LoseEntries);
            let kind = Kind { tenant, by, from, action, task, result, detail };
            let count = std::mem::take(&mut self.lost);
            entries.push(Group { kind, at: now, until: now, requests: 0, count, jobs: Vec::new() }.into_entry());
        }
        if self.is_logged {
            entries.iter().skip(known).for_each(log);
        }
        entries
    }
}

impl Group {
    fn into_entry(self) -> AuditEntry {
        let Self { kind, at, until, requests, count, jobs } = self;
        let (token, role) = kind.by.map_or((None, None), |(token, role)| (token, Some(role.name().into())));
        AuditEntry {
            at,
            until,
            tenant: kind.tenant,
            token,
            role,
            from: kind.from.map(|from| from.to_string().into()),
            action: kind.action.name().into(),
            task: kind.task,
            jobs,
            requests,
            count,
            status: kind.result.map(|(status, _)| status),
            code: kind.result.and_then(|(_, code)| Some(code?.name().into())),
            detail: kind.detail,
        }
    }
}

fn log(entry: &AuditEntry) {
    let jobs: Vec<String> = entry.jobs.iter().map(ToString::to_string).collect();
    tracing::info!(
        target: "saggar::audit",
        at_ms = entry.at.0,
        tenant = entry.tenant.as_deref(),
        token = entry.token.as_deref(),
        role = entry.role.as_deref(),
        from = entry.from.as_deref(),
        task = entry.task.as_deref(),
        jobs = jobs.join(" "),
        requests = entry.requests,
        count = entry.count,
        status = entry.status,
        code = entry.code.as_deref(),
        detail = entry.detail.as_deref(),
        "{}",
        entry.action
    );
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

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(task: &str, token: &str, action: Action) -> Kind {
        let by = Some((Some(token.into()), Role::Admin));
        let (tenant, task, result) = (Some("acme".into()), Some(task.into()), Some((200, None)));
        Kind { tenant, by, from: None, action, task, result, detail: None }
    }

    #[test]
    fn requests_that_differ_in_nothing_but_their_jobs_share_an_entry() {
        let mut pending = Pending::default();
        for at in 1..=1_000 {
            pending.add(kind("echo", "ci", Action::AddJobs), None, 5, Timestamp(at));
        }
        pending.add(kind("echo", "other", Action::AddJobs), None, 1, Timestamp(1_001));
        pending.add(kind("odd", "ci", Action::AddJobs), None, 1, Timestamp(1_002));
        let entries = pending.take(Timestamp(2_000));
        let counts: Vec<_> =
            entries.iter().map(|entry| (entry.requests, entry.count, entry.at.0, entry.until.0)).collect();
        assert_eq!(counts, [(1_000, 5_000, 1, 1_000), (1, 1, 1_001, 1_001), (1, 1, 1_002, 1_002)]);
        let first = &entries[0];
        assert_eq!(
            (&*first.action, first.token.as_deref(), first.role.as_deref()),
            ("jobs.add", Some("ci"), Some("admin"))
        );
        pending.add(kind("echo", "ci", Action::AddJobs), None, 1, Timestamp(3_000));
        assert_eq!(pending.take(Timestamp(3_000))[0].requests, 1, "an entry that was taken does not grow");
    }

    #[test]
    fn an_entry_names_a_bounded_number_of_jobs_and_the_next_one_the_others() {
        let mut pending = Pending::default();
        for id in 1..=250 {
            pending.add(kind("echo", "ci", Action::CancelJob), Some(JobId(id)), 1, Timestamp(1));
        }
        let entries = pending.take(Timestamp(1));
        let jobs: Vec<_> = entries.iter().map(|entry| entry.jobs.len()).collect();
        assert_eq!(jobs, [MAX_JOBS, MAX_JOBS, 50]);
        assert!(entries.iter().flat_map(|entry| &entry.jobs).map(|id| id.0).eq(1..=250));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut pending = Pending::default();
        for task in 0..MAX_PENDING + 7 {
            pending.add(kind(&task.to_string(), "ci", Action::PauseTask), None, 1, Timestamp(1));
        }
        let entries = pending.take(Timestamp(2));
        assert_eq!(entries.len(), MAX_PENDING + 1);
        let last = &entries[MAX_PENDING];
        assert_eq!((&*last.action, last.count, last.tenant.as_deref()), ("audit.lost", 7, None));
        assert!(pending.take(Timestamp(3)).is_empty());
    }
}
