//! The interface between the service and the host for what concerns all tenants: one trait, implemented once for a host.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_job::Timestamp;
use saggar_queue::{AuditEntry, AuditPage, AuditQuery, Counts, StoreError};
use saggar_tenant::Tenant;
use saggar_wire::{self as wire, Code};

use crate::jobs::Jobs;
use crate::problem::Refusal;

/// The tenants of a host.
#[async_trait]
pub trait Tenants: Send + Sync + 'static {
    /// Returns whether the host runs the tenants of its configuration, and not a single app. What concerns the whole host,
    /// such as its metrics, then needs [`Role::Operator`](crate::Role::Operator).
    fn are_configured(&self) -> bool;

    /// Returns the current time, by the clock that tokens expire by.
    fn now(&self) -> Timestamp;

    /// Returns what clients may know of the process.
    fn facts(&self) -> &HostFacts;

    /// Returns why the host accepts no jobs of any tenant; `None` if it does.
    fn why_not_ready(&self) -> Option<Code>;

    /// Returns the jobs of a tenant; `None` if the host does not run it.
    fn jobs(&self, tenant: &str) -> Option<Arc<dyn Jobs>>;

    /// Returns the jobs of all tenants, in the order of their names.
    fn all_jobs(&self) -> Vec<Arc<dyn Jobs>>;

    /// Returns all tenants in the order of their names: those that are configured, and those that are not any more and
    /// still have jobs in the store.
    fn list(&self) -> Vec<KnownTenant>;

    /// Returns one of these tenants.
    fn find(&self, tenant: &str) -> Option<KnownTenant>;

    /// Removes some of the data of a tenant that is not configured any more: so few jobs that others hardly wait.
    ///
    /// # Errors
    ///
    /// [`Code::UnknownTenant`] if it is not configured and has no data, [`Code::TenantConfigured`] if it is configured.
    async fn remove(&self, tenant: &str) -> Result<TenantRemoval, Refusal>;

    /// Reloads the configuration and all tenants. `by` is who asks for it. Starts at once, and completes even if the future is dropped.
    async fn reload(&self, by: Arc<str>) -> Result<wire::Reloaded, Refusal>;

    /// Returns the state of these reloads.
    fn reload_status(&self) -> wire::ReloadStatus;

    /// Appends entries to the audit, the oldest first. They are stored when it returns.
    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError>;

    /// Returns entries of the audit, the newest first.
    async fn audit(&self, query: AuditQuery) -> Result<AuditPage, StoreError>;
}

/// What clients of all tenants may know of the process that answers them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// Chosen at random when it started, so that a client can tell it from the process before it.
    pub instance: Arc<str>,
    /// When it started.
    pub started_at: Timestamp,
    /// The name of the store's kind.
    pub store: &'static str,
    /// The name of what an answered change survives.
    pub durability: &'static str,
}

/// A tenant, with its use of the host.
#[derive(Debug, Clone)]
pub struct KnownTenant {
    /// Its name, weight, quotas, and how much of them is used.
    pub tenant: Arc<Tenant>,
    /// Whether it runs.
    pub state: TenantState,
    /// How many tasks it has, including those without a usable definition.
    pub tasks: usize,
    /// The sums of its tasks' counts.
    pub counts: Counts,
}

impl KnownTenant {
    /// Creates a tenant that the host runs, with the tasks and counts of its `jobs`.
    pub fn new(tenant: Arc<Tenant>, state: TenantState, jobs: &dyn Jobs) -> Self {
        let (tasks, orphans) = (jobs.tasks(), jobs.orphans());
        let counts = tasks.iter().map(|task| task.counts).chain(orphans.iter().map(|orphan| orphan.counts));
        Self { tenant, state, tasks: tasks.len() + orphans.len(), counts: Self::sum(counts) }
    }

    /// Adds up the counts of a tenant's tasks.
    pub fn sum(counts: impl Iterator<Item = Counts>) -> Counts {
        counts.fold(Counts::default(), |sum, counts| Counts {
            waiting: sum.waiting + counts.waiting,
            delayed: sum.delayed + counts.delayed,
            on_hold: sum.on_hold + counts.on_hold,
            running: sum.running + counts.running,
            success: sum.success + counts.success,
            failure: sum.failure + counts.failure,
            callbacks: sum.callbacks + counts.callbacks,
            deferred: sum.deferred + counts.deferred,
            given_up: sum.given_up + counts.given_up,
            added: sum.added + counts.added,
            bytes: sum.bytes + counts.bytes,
            paused: sum.paused && counts.paused,
            first_ready_at: sum.first_ready_at.into_iter().chain(counts.first_ready_at).min(),
        })
    }
}

/// Whether a tenant runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantState {
    /// Its tasks run, each as soon as its own plugins are loaded.
    Ready,
    /// Its files are being read.
    Loading,
    /// Its app could not be loaded; contains the first problem.
    Broken(Arc<str>),
    /// It is not configured any more, and the store still has jobs of it.
    Removed,
}

/// What a step of a removal did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantRemoval {
    /// How many jobs it removed.
    pub jobs: u64,
    /// Whether more is to be removed.
    pub more: bool,
}
