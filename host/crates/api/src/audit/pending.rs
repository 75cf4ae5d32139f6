//! Requests that are not in the audit yet, grouped into entries. A tenant whose requests differ too much has groups without
//! details, so that it uses up no room of other tenants.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::HashMap;
use saggar_job::{JobId, Timestamp};
use saggar_queue::AuditEntry;
use saggar_wire::Code;

use super::Action;
use crate::tokens::Role;

/// Maximum groups of requests that are not stored yet, and maximum entries that the store could not take. Each has at most a
/// few hundred bytes, and those with jobs some more.
const MAX_PENDING: usize = 8_192;

/// Of the groups, those that have the task and the address of their requests. The others are left for tenants that come when
/// these are taken.
const MAX_DETAILED: usize = MAX_PENDING / 2;

/// Maximum groups of one tenant that have the task and the address of their requests, so that no tenant uses up those of
/// others, or pushes out its own earlier entries within seconds.
const MAX_OF_TENANT: usize = MAX_DETAILED / 16;

/// Maximum groups of one tenant without them, in addition.
const MAX_COARSE_OF_TENANT: usize = 64;

/// What entries without the task and the address say instead.
const COARSE: &str = "without task and address, because there were too many different requests in a second";

/// Maximum jobs that an entry names.
const MAX_JOBS: usize = 100;

/// The requests that are not stored yet.
#[derive(Default)]
pub(super) struct Pending {
    /// In the order of their first requests.
    groups: Vec<Group>,
    /// The group of each kind of request that can take more.
    open: HashMap<Kind, usize>,
    /// How many of the groups are about each tenant.
    of_tenant: HashMap<Option<Arc<str>>, usize>,
    /// Entries that the store has refused so far.
    unsent: Vec<AuditEntry>,
    /// How many requests of each tenant did not fit.
    lost: BTreeMap<Option<Arc<str>>, u64>,
    is_logged: bool,
}

/// What the requests of an entry have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) tenant: Option<Arc<str>>,
    /// The name and the role of the token; without a name on a host without tokens; `None` for the host itself.
    pub(super) by: Option<(Option<Arc<str>>, Role)>,
    pub(super) from: Option<IpAddr>,
    pub(super) action: Action,
    pub(super) task: Option<Arc<str>>,
    /// `None` if the client has gone before the end.
    pub(super) result: Option<(u16, Option<Code>)>,
    pub(super) detail: Option<Arc<str>>,
}

struct Group {
    kind: Kind,
    at: Timestamp,
    until: Timestamp,
    requests: u64,
    count: u64,
    jobs: Vec<JobId>,
}

impl Pending {
    /// Sets whether new entries are also written to the log.
    pub(super) fn set_logged(&mut self, is_logged: bool) {
        self.is_logged = is_logged;
    }

    /// Returns whether no request is pending.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Adds a request of a kind, which has changed `count` things.
    pub(super) fn add(&mut self, mut kind: Kind, job: Option<JobId>, count: u64, now: Timestamp) {
        let mut known = self.open.get(&kind).copied();
        if known.is_none() && self.is_crowded(&kind.tenant) {
            kind.make_coarse();
            known = self.open.get(&kind).copied();
        }
        if let Some(group) = known.and_then(|at| self.groups.get_mut(at)) {
            group.until = now;
            group.requests += 1;
            group.count += count;
            if group.jobs.len() < MAX_JOBS {
                group.jobs.extend(job);
            }
            // A coarse group takes all requests of its kind, so that their number has no effect on that of entries.
            if group.jobs.len() >= MAX_JOBS && !kind.is_coarse() {
                self.open.remove(&kind);
            }
            return;
        }
        let of_tenant = self.of_tenant.entry(kind.tenant.clone()).or_default();
        let is_full = kind.is_coarse() && *of_tenant >= MAX_OF_TENANT + MAX_COARSE_OF_TENANT;
        if is_full || self.groups.len() >= MAX_PENDING {
            *self.lost.entry(kind.tenant).or_default() += 1;
            return;
        }
        *of_tenant += 1;
        self.open.insert(kind.clone(), self.groups.len());
        self.groups.push(Group { kind, at: now, until: now, requests: 1, count, jobs: job.into_iter().collect() });
    }

    /// Puts back entries that were taken and are not stored. Those that do not fit are counted as lost.
    pub(super) fn restore(&mut self, mut entries: Vec<AuditEntry>) {
        let room = MAX_PENDING.saturating_sub(self.unsent.len()).min(entries.len());
        for entry in entries.drain(room..) {
            let lost = if *entry.action == *Action::LoseEntries.name() { entry.count } else { 1 };
            *self.lost.entry(entry.tenant).or_default() += lost;
        }
        entries.append(&mut self.unsent);
        self.unsent = entries;
    }

    /// Returns whether a new group of a tenant has to do without details.
    fn is_crowded(&self, tenant: &Option<Arc<str>>) -> bool {
        let of_tenant = self.of_tenant.get(tenant).copied().unwrap_or_default();
        of_tenant >= MAX_OF_TENANT || self.groups.len() >= MAX_DETAILED
    }

    /// Takes all entries; writes the new ones to the log, if they are logged.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<AuditEntry> {
        self.open.clear();
        self.of_tenant.clear();
        let mut entries = std::mem::take(&mut self.unsent);
        let known = entries.len();
        entries.extend(std::mem::take(&mut self.groups).into_iter().map(Group::into_entry));
        entries.extend(std::mem::take(&mut self.lost).into_iter().map(|(tenant, count)| lost(tenant, count, now)));
        if self.is_logged {
            entries.iter().skip(known).for_each(log);
        }
        entries
    }
}

/// Returns the entry that says how many entries of a tenant are lost.
fn lost(tenant: Option<Arc<str>>, count: u64, now: Timestamp) -> AuditEntry {
    let (by, detail) = (None, Some("there were too many, or the store did not take them in time".into()));
    let (from, task, result, action) = (None, None, None, Action::LoseEntries);
    let kind = Kind { tenant, by, from, action, task, result, detail };
    Group { kind, at: now, until: now, requests: 0, count, jobs: Vec::new() }.into_entry()
}

impl Kind {
    /// Removes what a client can vary at will. What the host or an operator did has a detail, and stays as it is.
    fn make_coarse(&mut self) {
        if self.detail.is_none() {
            (self.task, self.from, self.detail) = (None, None, Some(COARSE.into()));
        }
    }

    fn is_coarse(&self) -> bool {
        self.detail.as_deref() == Some(COARSE)
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
        let most = MAX_OF_TENANT + MAX_COARSE_OF_TENANT;
        for token in 0..most + 7 {
            pending.add(kind("echo", &token.to_string(), Action::PauseTask), None, 1, Timestamp(1));
        }
        let entries = pending.take(Timestamp(2));
        assert_eq!(entries.len(), most + 1);
        let last = &entries[most];
        assert_eq!((&*last.action, last.count, last.tenant.as_deref()), ("audit.lost", 7, Some("acme")));
        assert!(pending.take(Timestamp(3)).is_empty());
    }

    #[test]
    fn many_kinds_of_requests_of_a_tenant_become_one_without_details() {
        let mut pending = Pending::default();
        for task in 0..MAX_OF_TENANT + 1_000 {
            let id = JobId(task as u64 + 1);
            pending.add(kind(&task.to_string(), "ci", Action::CancelJob), Some(id), 1, Timestamp(1));
        }
        pending.add(kind("0", "ci", Action::CancelJob), Some(JobId(1)), 1, Timestamp(2));
        pending.add(
            Kind { tenant: Some("other".into()), ..kind("echo", "ci", Action::CancelJob) },
            None,
            1,
            Timestamp(2),
        );
        let entries = pending.take(Timestamp(3));
        assert_eq!(entries.len(), MAX_OF_TENANT + 2, "nothing is lost");
        assert_eq!(entries[0].requests, 2, "a kind that is known keeps its details");
        let (coarse, other) = (&entries[MAX_OF_TENANT], &entries[MAX_OF_TENANT + 1]);
        assert_eq!((coarse.requests, coarse.count, coarse.jobs.len()), (1_000, 1_000, MAX_JOBS));
        assert_eq!((coarse.token.as_deref(), coarse.task.as_deref()), (Some("ci"), None));
        assert_eq!(coarse.detail.as_deref(), Some(COARSE));
        assert_eq!((other.tenant.as_deref(), other.task.as_deref()), (Some("other"), Some("echo")));
    }

    #[test]
    fn tenants_that_come_late_have_entries_without_details() {
        let mut pending = Pending::default();
        for tenant in 0..MAX_DETAILED / MAX_OF_TENANT {
            for task in 0..MAX_OF_TENANT + 9 {
                let kind = kind(&task.to_string(), "ci", Action::AddJobs);
                pending.add(Kind { tenant: Some(tenant.to_string().into()), ..kind }, None, 1, Timestamp(1));
            }
        }
        pending.add(kind("echo", "ci", Action::AddJobs), None, 1, Timestamp(2));
        let entries = pending.take(Timestamp(3));
        let last = entries.last().unwrap();
        assert_eq!((last.tenant.as_deref(), last.task.as_deref()), (Some("acme"), None));
        assert!(entries.iter().all(|entry| *entry.action == *"jobs.add"), "nothing is lost");
    }
}
