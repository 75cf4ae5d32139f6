//! The service: the state that the routes share, such as the tenants' jobs, the tokens and the budgets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use saggar_tenant::{FairSemaphore, Flow, Quota, Tenant};
use saggar_wire::Code;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::audit::{Action, Audit};
use crate::caller::Caller;
use crate::grants::{Grants, LastTokenRemoved, TokenChanges};
use crate::metering::Requests;
use crate::problem::Refusal;
use crate::pulse::Pulses;
use crate::response_budget::ResponseBudget;
use crate::room::{BODY_BLOCKS, BODY_BLOCKS_OF_TASK, LEAST_BODY_BLOCKS};
use crate::shares::{Share, Shares};
use crate::stream_permit::StreamPermit;
use crate::tenants::Tenants;
use crate::tokens::{Token, Tokens};

/// Clients of a tenant that may follow or wait in spite of its weight.
const LEAST_STREAMS: usize = 16;

/// Renders the metrics of the process in the text format of Prometheus.
type Render = dyn Fn() -> String + Send + Sync;

/// The state that the routes share. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

/// A handle that does not keep the service, and so the host, alive.
#[derive(Clone, Default)]
pub struct WeakService(Weak<Inner>);

struct Inner {
    tenants: Arc<dyn Tenants>,
    grants: Grants,
    audit: Audit,
    pulses: Pulses,
    bodies: FairSemaphore,
    shares: Arc<Shares>,
    responses: ResponseBudget,
    stream_permits: Arc<Semaphore>,
    /// How many permits there are, in use or not.
    max_streams: AtomicUsize,
    stream_shares: Arc<Shares>,
    /// Who has the shares of requests that no tenant is charged for.
    no_tenant: Arc<Tenant>,
    large_fingerprints: Arc<Semaphore>,
    requests: Requests,
    metrics: OnceLock<Arc<Render>>,
    stop: CancellationToken,
}

impl Service {
    /// Creates a service for the tenants of a host.
    pub fn new(tenants: Arc<dyn Tenants>, tokens: Tokens) -> Self {
        let among_tenants = tenants.are_configured();
        Self(Arc::new(Inner {
            audit: Audit::new(Arc::clone(&tenants)),
            pulses: Pulses::new(Arc::clone(&tenants)),
            tenants,
            grants: Grants::new(tokens),
            bodies: FairSemaphore::new(BODY_BLOCKS, 1),
            shares: Arc::new(Shares::new(BODY_BLOCKS_OF_TASK, among_tenants, LEAST_BODY_BLOCKS)),
            responses: ResponseBudget::new(among_tenants),
            // A listener adds the permits.
            stream_permits: Arc::new(Semaphore::new(0)),
            max_streams: AtomicUsize::new(0),
            stream_shares: Arc::new(Shares::new(usize::MAX, among_tenants, LEAST_STREAMS)),
            no_tenant: Tenant::new(""),
            large_fingerprints: Arc::new(Semaphore::new(1)),
            requests: Requests::default(),
            metrics: OnceLock::new(),
            stop: CancellationToken::new(),
        }))
    }

    /// Sets the renderer of `GET /metrics`; without it, that route is unknown. Later calls have no effect.
    #[must_use]
    pub fn with_metrics(self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        let _ = self.0.metrics.set(Arc::new(render));
        self
    }

    /// Sets whether each entry of the audit is also written to the log, at the target `saggar::audit`. By default, they
    /// are not.
    #[must_use]
    pub fn with_audit_log(self, is_logged: bool) -> Self {
        self.0.audit.set_logged(is_logged);
        self
    }

    /// Returns a handle that does not keep it alive.
    pub fn downgrade(&self) -> WeakService {
        WeakService(Arc::downgrade(&self.0))
    }

    /// Returns the tokens that it accepts now, in no order.
    pub fn tokens(&self) -> Tokens {
        self.0.grants.tokens()
    }

    /// Replaces the tokens. Streams and waits that were opened with a token that is removed or changed end; all others
    /// go on. The audit of each tenant says which of its tokens have changed.
    ///
    /// # Errors
    ///
    /// If the host has tokens and would have none afterwards, because every client could use it then. Nothing changes.
    pub fn set_tokens(&self, tokens: Tokens) -> Result<TokenChanges, LastTokenRemoved> {
        let changes = self.0.grants.replace(tokens)?;
        let of = |tokens: &[Token], what: &str| {
            tokens.iter().map(|token| (token.only_tenant().cloned(), format!("{what} {}", token.name))).collect()
        };
        let mut all: Vec<(Option<Arc<str>>, String)> = of(&changes.added, "added");
        all.extend(of(&changes.removed, "removed"));
        all.sort();
        for tokens in all.chunk_by(|(one, _), (other, _)| one == other) {
            let names: Vec<&str> = tokens.iter().map(|(_, name)| name.as_str()).collect();
            self.record(tokens[0].0.as_deref(), Action::ChangeTokens, tokens.len() as u64, &names.join(", "));
        }
        Ok(changes)
    }

    /// Records a change to `count` things of a tenant, or of the whole host, that the host itself has made, such as that of
    /// quotas by a reload. The detail is shown to the tenant's admins.
    pub fn record(&self, tenant: Option<&str>, action: Action, count: u64, detail: &str) {
        self.0.audit.record_own(tenant, action, count, detail);
    }

    /// Returns the tokens in force.
    pub(crate) fn grants(&self) -> &Grants {
        &self.0.grants
    }

    /// Returns the audit of requests.
    pub(crate) fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// Returns the pulses of the tenants.
    pub(crate) fn pulses(&self) -> &Pulses {
        &self.0.pulses
    }

    /// Returns the tenants of the host.
    pub(crate) fn tenants(&self) -> &dyn Tenants {
        &*self.0.tenants
    }

    /// Returns the renderer of the metrics, if the host has a recorder.
    pub(crate) fn metrics(&self) -> Option<Arc<Render>> {
        self.0.metrics.get().cloned()
    }

    /// Returns the meters of requests.
    pub(crate) fn requests(&self) -> &Requests {
        &self.0.requests
    }

    /// Returns the budget of all bodies, in blocks.
    pub(crate) fn bodies(&self) -> &FairSemaphore {
        &self.0.bodies
    }

    /// Creates an empty part of the share that the tenant `charged` and a task of `tenant` have of that budget, for one body.
    /// All unknown tasks have one share together.
    pub(crate) fn share_of(&self, charged: Option<&Arc<Tenant>>, tenant: Option<&Tenant>, task: &str) -> Share {
        let task = task.to_lowercase();
        let jobs = tenant.and_then(|tenant| self.tenants().jobs(tenant.name()));
        let is_known = jobs.is_some_and(|jobs| jobs.has_task(&task));
        self.0.shares.of(self.flow(charged, if is_known { &task } else { "" }))
    }

    /// Returns the flow of a request, whose shares it uses.
    fn flow(&self, charged: Option<&Arc<Tenant>>, task: &str) -> Flow {
        Flow::new(Arc::clone(charged.unwrap_or(&self.0.no_tenant)), task)
    }

    /// Returns the budget of large answers.
    pub(crate) fn responses(&self) -> &ResponseBudget {
        &self.0.responses
    }

    /// Returns the semaphore that limits fingerprints of large arguments to one at a time.
    pub(crate) fn large_fingerprints(&self) -> &Arc<Semaphore> {
        &self.0.large_fingerprints
    }

    /// Adds permits for clients that follow or wait.
    pub(crate) fn add_streams(&self, count: usize) {
        self.0.max_streams.fetch_add(count, Ordering::Relaxed);
        self.0.stream_permits.add_permits(count);
    }

    /// Returns how many clients may follow or wait at a time.
    pub(crate) fn max_streams(&self) -> usize {
        self.0.max_streams.load(Ordering::Relaxed)
    }

    /// Acquires a permit for a client that follows jobs of `tenant` or waits for one. It ends with the caller's token, and
    /// counts for the tenant that the request is charged to.
    pub(crate) fn stream_permit(&self, caller: &Caller, tenant: &Arc<Tenant>) -> Result<StreamPermit, Refusal> {
        if self.0.stop.is_cancelled() {
            return Err(Refusal::plain(Code::Stopping));
        }
        let charged = caller.charged(tenant);
        let of_tenant = charged.map(|tenant| tenant.hold(Quota::Streams, 1)).transpose()?;
        let overloaded = || Refusal::plain(Code::Overloaded);
        let mut share = self.0.stream_shares.of(self.flow(charged, ""));
        if !share.take(1, self.0.stream_permits.available_permits()) {
            return Err(overloaded());
        }
        let permit = self.0.stream_permits.clone().try_acquire_owned().map_err(|_| overloaded())?;
        let expires_at = caller.grant.expires_at(self.tenants().now());
        Ok(StreamPermit::new((permit, of_tenant, share), self.0.stop.clone(), Arc::clone(&caller.grant), expires_at))
    }

    /// Returns a token that is cancelled when the listener stops. A route that makes a client wait then answers at
    /// once.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }
}

impl WeakService {
    /// Returns the service, if it is still in use.
    pub fn upgrade(&self) -> Option<Service> {
        self.0.upgrade().map(Service)
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}
