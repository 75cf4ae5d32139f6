//! The service: the tenants' jobs, the tokens, and the router that answers requests with them.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use saggar_job::TaskKey;
use saggar_wire::{self as wire, Code};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::body::Room;
use crate::jobs::Jobs;
use crate::metering::{self, Requests};
use crate::problem::{Refusal, documented};
use crate::shares::{Share, Shares};
use crate::stream_permit::StreamPermit;
use crate::tokens::Tokens;
use crate::{body, response_budget, routes};

/// The longest that a reader waits for room. Whoever comes back later finds others gone.
const MAX_WAIT_TO_READ: Duration = Duration::from_secs(5);

/// Renders the metrics of the process in the text format of Prometheus.
type Render = dyn Fn() -> String + Send + Sync;

/// What the routes work with. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    tenants: BTreeMap<Arc<str>, Arc<dyn Jobs>>,
    tokens: Tokens,
    bodies: Arc<Semaphore>,
    shares: Arc<Shares>,
    answers: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    stream_permits: Arc<Semaphore>,
    large_fingerprints: Arc<Semaphore>,
    requests: Requests,
    metrics: OnceLock<Box<Render>>,
    stop: CancellationToken,
}

impl Service {
    /// A service for a host with one tenant.
    pub fn new(jobs: Arc<dyn Jobs>, tokens: Tokens) -> Self {
        let tenants = BTreeMap::from([(TaskKey::DEFAULT_TENANT.into(), jobs)]);
        let bodies = Arc::new(Semaphore::new(body::MAX_BLOCKS));
        // A listener brings them.
        let stream_permits = Arc::new(Semaphore::new(0));
        Self(Arc::new(Inner {
            tenants,
            tokens,
            bodies,
            shares: Arc::new(Shares::new(body::MAX_BLOCKS_OF_TASK)),
            answers: Arc::new(Semaphore::new(response_budget::MAX_BLOCKS)),
            reserve: Arc::new(Semaphore::new(response_budget::RESERVED_BLOCKS)),
            stream_permits,
            large_fingerprints: Arc::new(Semaphore::new(1)),
            requests: Requests::default(),
            metrics: OnceLock::new(),
            stop: CancellationToken::new(),
        }))
    }

    /// The same service, with what `GET /metrics` answers; without, there is no such route. The first one stays.
    #[must_use]
    pub fn with_metrics(self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        let _ = self.0.metrics.set(Box::new(render));
        self
    }

    /// Which tokens it accepts.
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Why no job is taken at the moment, if that is so for anybody.
    pub(crate) fn why_not_ready(&self) -> Option<Code> {
        self.0.tenants.values().find_map(|jobs| jobs.why_not_ready())
    }

    /// All tasks of all tenants, with their states and first problems.
    pub(crate) fn task_states(&self) -> Vec<(String, wire::TaskState, Option<String>)> {
        let mut states = Vec::new();
        for jobs in self.0.tenants.values() {
            states.extend(jobs.tasks().into_iter().map(|known| {
                let (state, problem) = routes::show::task_state(&known.state);
                (known.task.id.to_string(), state, problem)
            }));
            let broken = jobs.orphans().into_iter().filter_map(|orphan| Some((orphan.id, orphan.problem?)));
            states.extend(broken.map(|(id, problem)| (id, wire::TaskState::Broken, Some(problem.to_string()))));
        }
        states
    }

    /// The jobs of a tenant.
    pub(crate) fn jobs(&self, tenant: &str) -> Option<&Arc<dyn Jobs>> {
        self.0.tenants.get(tenant)
    }

    /// What renders the metrics, if anything does.
    pub(crate) fn metrics(&self) -> Option<&Render> {
        self.0.metrics.get().map(|render| &**render)
    }

    /// The meters of requests.
    pub(crate) fn requests(&self) -> &Requests {
        &self.0.requests
    }

    /// Room for the bytes of bodies.
    pub(crate) fn bodies(&self) -> &Arc<Semaphore> {
        &self.0.bodies
    }

    /// What a body for `task` has of that room. All tasks that there are not have one share together.
    pub(crate) fn share_of(&self, task: &str) -> Share {
        let is_known = self.0.tenants.values().any(|jobs| jobs.has_task(task));
        self.0.shares.of(if is_known { task } else { "" })
    }

    /// Room for the bytes of large answers.
    pub(crate) fn answers(&self) -> &Arc<Semaphore> {
        &self.0.answers
    }

    /// Room for the bytes of large answers that tell of a change, when there is no other.
    pub(crate) fn reserve(&self) -> &Arc<Semaphore> {
        &self.0.reserve
    }

    /// Room for so many bytes of an answer, before they are read. Those who want some at once wait in turn, so that many readers of
    /// something large are served in small groups.
    pub(crate) async fn room_to_read(&self, bytes: usize) -> Result<Room, Refusal> {
        Room::wait_for(bytes, self.answers(), MAX_WAIT_TO_READ).await
    }

    /// The turns of those who make fingerprints of large arguments: one at a time.
    pub(crate) fn large_fingerprints(&self) -> &Arc<Semaphore> {
        &self.0.large_fingerprints
    }

    /// Lets this many more clients follow or wait at a time.
    pub(crate) fn add_stream_permits(&self, more: usize) {
        self.0.stream_permits.add_permits(more);
    }

    /// A permit for a client that follows or waits.
    pub(crate) fn stream_permit(&self) -> Result<StreamPermit, Refusal> {
        if self.0.stop.is_cancelled() {
            return Err(Refusal::plain(Code::Stopping));
        }
        let permit = self.0.stream_permits.clone().try_acquire_owned();
        Ok(StreamPermit::new(permit.map_err(|_| Refusal::plain(Code::Overloaded))?, self.0.stop.clone()))
    }

    /// Cancelled when the listener stops: whoever makes a client wait answers now.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// All routes.
    pub(crate) fn router(&self) -> Router {
        let (router, _) = routes::all().split_for_parts();
        router
            .fallback(|| async { Refusal::plain(Code::UnknownRoute) })
            .with_state(self.clone())
            .layer(middleware::from_fn_with_state(self.clone(), response_budget::hold))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(middleware::from_fn(document))
            .layer(middleware::from_fn_with_state(self.clone(), metering::meter))
    }
}

/// Gives every error its document.
async fn document(request: Request, next: Next) -> Response {
    // As the client wrote it, so that the document shows nothing that was decoded.
    let path = request.uri().path().to_owned();
    documented(next.run(request).await, &path)
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(panic = message.as_deref().unwrap_or("no message"), "a request panicked");
    Refusal::plain(Code::Internal).into_response()
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("tokens", &self.0.tokens).finish_non_exhaustive()
    }
}
