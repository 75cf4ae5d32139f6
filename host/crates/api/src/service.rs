//! The service: the state that the routes share, such as the tenants' jobs, the tokens and the budgets.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use saggar_job::TaskKey;
use saggar_wire::Code;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::jobs::Jobs;
use crate::metering::Requests;
use crate::problem::Refusal;
use crate::response_budget::ResponseBudget;
use crate::room::{BODY_BLOCKS, BODY_BLOCKS_OF_TASK};
use crate::shares::{Share, Shares};
use crate::stream_permit::StreamPermit;
use crate::tokens::Tokens;

/// Renders the metrics of the process in the text format of Prometheus.
type Render = dyn Fn() -> String + Send + Sync;

/// The state that the routes share. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    tenants: BTreeMap<Arc<str>, Arc<dyn Jobs>>,
    tokens: Tokens,
    bodies: Arc<Semaphore>,
    shares: Arc<Shares>,
    responses: ResponseBudget,
    stream_permits: Arc<Semaphore>,
    large_fingerprints: Arc<Semaphore>,
    requests: Requests,
    metrics: OnceLock<Box<Render>>,
    stop: CancellationToken,
}

impl Service {
    /// Creates a service for a host with one tenant.
    pub fn new(jobs: Arc<dyn Jobs>, tokens: Tokens) -> Self {
        Self(Arc::new(Inner {
            tenants: BTreeMap::from([(TaskKey::DEFAULT_TENANT.into(), jobs)]),
            tokens,
            bodies: Arc::new(Semaphore::new(BODY_BLOCKS)),
            shares: Arc::new(Shares::new(BODY_BLOCKS_OF_TASK)),
            responses: ResponseBudget::default(),
            // A listener adds the permits.
            stream_permits: Arc::new(Semaphore::new(0)),
            large_fingerprints: Arc::new(Semaphore::new(1)),
            requests: Requests::default(),
            metrics: OnceLock::new(),
            stop: CancellationToken::new(),
        }))
    }

    /// Sets the renderer of `GET /metrics`; without it, that route is unknown. Later calls have no effect.
    #[must_use]
    pub fn with_metrics(self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        let _ = self.0.metrics.set(Box::new(render));
        self
    }

    /// Returns the tokens that it accepts.
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Returns why the host does not accept jobs now, if it is so for any tenant.
    pub(crate) fn why_not_ready(&self) -> Option<Code> {
        self.tenants().values().find_map(|jobs| jobs.why_not_ready())
    }

    /// Returns the jobs of all tenants, by tenant.
    pub(crate) fn tenants(&self) -> &BTreeMap<Arc<str>, Arc<dyn Jobs>> {
        &self.0.tenants
    }

    /// Returns the renderer of the metrics, if the host has a recorder.
    pub(crate) fn metrics(&self) -> Option<&Render> {
        self.0.metrics.get().map(|render| &**render)
    }

    /// Returns the meters of requests.
    pub(crate) fn requests(&self) -> &Requests {
        &self.0.requests
    }

    /// Returns the budget of all bodies, in blocks.
    pub(crate) fn bodies(&self) -> &Arc<Semaphore> {
        &self.0.bodies
    }

    /// Creates an empty part of a task's share of that budget, for one body. All unknown tasks have one share together.
    pub(crate) fn share_of(&self, task: &str) -> Share {
        let is_known = self.tenants().values().any(|jobs| jobs.has_task(task));
        self.0.shares.of(if is_known { task } else { "" })
    }

    /// Returns the budget of large answers.
    pub(crate) fn responses(&self) -> &ResponseBudget {
        &self.0.responses
    }

    /// Returns the semaphore that limits fingerprints of large arguments to one at a time.
    pub(crate) fn large_fingerprints(&self) -> &Arc<Semaphore> {
        &self.0.large_fingerprints
    }

    /// Returns the permits for clients that follow or wait.
    pub(crate) fn stream_permits(&self) -> &Semaphore {
        &self.0.stream_permits
    }

    /// Acquires a permit for a client that follows or waits.
    pub(crate) fn stream_permit(&self) -> Result<StreamPermit, Refusal> {
        if self.0.stop.is_cancelled() {
            return Err(Refusal::plain(Code::Stopping));
        }
        let permit = self.0.stream_permits.clone().try_acquire_owned();
        Ok(StreamPermit::new(permit.map_err(|_| Refusal::plain(Code::Overloaded))?, self.0.stop.clone()))
    }

    /// Returns a token that is cancelled when the listener stops. A route that makes a client wait then answers at
    /// once.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("tokens", &self.0.tokens).finish_non_exhaustive()
    }
}
