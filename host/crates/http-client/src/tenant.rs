//! The exchanges of one tenant: its secrets, its connections, and its part of the room.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;
use saggar_grant::HttpGranted;
use saggar_tenant::{Flow, Tenant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::client::HttpClient;
use crate::connection::{Connection, Failed, Progress, ResponseBounds};
use crate::dial::{allowed_addresses, allows, connect};
use crate::exchange::{HttpError, HttpErrorKind, HttpRequest, HttpResponse};
use crate::headers::{make_readable, request_headers};
use crate::idle::IdleConnections;
use crate::redaction::redact;
use crate::secrets::{Secrets, has_placeholders};
use crate::target::Target;

/// Maximum exchanges of one tenant in progress; others wait.
const MAX_EXCHANGES: usize = 64;

/// Maximum lookups of one tenant in progress; others wait. A lookup of a name whose servers do not answer takes its place
/// for many seconds.
const MAX_LOOKUPS: usize = 4;

/// Bodies that are larger are signed, and searched for secrets, on a thread that may block.
const READ_AT_ONCE: usize = 256 << 10;

/// Makes the exchanges of one tenant.
pub struct TenantHttp {
    client: HttpClient,
    tenant: Arc<Tenant>,
    secrets: ArcSwap<Secrets>,
    idle: IdleConnections,
    exchanges: Semaphore,
    lookups: Arc<Semaphore>,
}

impl TenantHttp {
    /// Creates it without secrets.
    pub fn new(client: HttpClient, tenant: Arc<Tenant>) -> Self {
        let idle = IdleConnections::new(client.idle_total());
        let (exchanges, lookups) = (Semaphore::new(MAX_EXCHANGES), Arc::new(Semaphore::new(MAX_LOOKUPS)));
        Self { client, tenant, secrets: ArcSwap::default(), idle, exchanges, lookups }
    }

    /// Replaces the values of its secrets.
    pub fn set_secrets(&self, secrets: Secrets) {
        self.secrets.store(Arc::new(secrets));
    }

    /// Closes the connections that were kept for 15 seconds at `now`, and those that their servers have closed. To be called
    /// now and then: other tenants could not keep any if a tenant without requests kept all that a host may keep.
    pub fn close_idle(&self, now: Instant) {
        self.idle.close_stale(now);
    }

    /// Makes an exchange for a call of `task`, which has `granted` in force.
    pub async fn exchange(
        &self,
        task: &str,
        granted: &HttpGranted,
        request: HttpRequest,
    ) -> Result<HttpResponse, HttpError> {
        let target = Target::parse(&request.url)?;
        check_granted(granted, &target, &request.method)?;
        let secrets = self.secrets.load_full();
        let knows_secrets = !secrets.redactions(&target).is_empty();
        let mut headers = request_headers(&request, &target)?;
        if knows_secrets {
            make_readable(&mut headers)?;
        }
        let headers = filled(&secrets, granted, &target, headers, &request.body).await?;
        let (timeouts, max_response) = (request.timeouts, request.max_response);
        let whole = self.send(task, granted, &target, headers, request);
        let response = timeout(timeouts.total, whole).await;
        let response = response.unwrap_or_else(|_| Err(HttpError::timed_out("the exchange", timeouts.total)))?;
        if knows_secrets { redacted(secrets, target, response, max_response).await } else { Ok(response) }
    }

    async fn send(
        &self,
        task: &str,
        granted: &HttpGranted,
        target: &Target,
        headers: HeaderMap,
        request: HttpRequest,
    ) -> Result<HttpResponse, HttpError> {
        let closed = |_| HttpError::new(HttpErrorKind::TooManyRequests, "the host makes no more requests");
        let _own_place = self.exchanges.acquire().await.map_err(closed)?;
        let flow = Flow::new(Arc::clone(&self.tenant), task);
        let _place = self.client.exchanges().acquire(&flow, 1).await;
        let timeouts = request.timeouts;
        let bounds = ResponseBounds {
            max_body: request.max_response,
            first_byte: timeouts.first_byte,
            between_bytes: timeouts.between_bytes,
        };
        let request = to_http(request, target, headers)?;
        while let Some(connection) = self.idle.take(target, |address| allows(granted, address)) {
            match connection.exchange(request.clone(), bounds).await {
                Ok(answer) => return Ok(self.keep(target, answer)),
                Err(failed) if can_be_repeated(&failed, request.method()) => {}
                Err(failed) => return Err(failed.error),
            }
        }
        let connecting = timeout(timeouts.connect, self.connect(&flow, granted, target)).await;
        let connection = connecting.unwrap_or_else(|_| Err(HttpError::timed_out("connecting", timeouts.connect)))?;
        let answer = connection.exchange(request, bounds).await.map_err(|failed| failed.error)?;
        Ok(self.keep(target, answer))
    }

    async fn connect(&self, flow: &Flow, granted: &HttpGranted, target: &Target) -> Result<Connection, HttpError> {
        let addresses = match target.address() {
            Some(address) => vec![address],
            None => {
                let own = Arc::clone(&self.lookups).acquire_owned().await;
                self.client.lookup(flow, own, &target.host).await?
            }
        };
        let addresses = allowed_addresses(granted, target, addresses)?;
        connect(target, &addresses, &self.client).await
    }

    fn keep(&self, target: &Target, (response, connection): (HttpResponse, Option<Connection>)) -> HttpResponse {
        if let Some(connection) = connection {
            self.idle.put(target, connection);
        }
        response
    }
}

impl fmt::Debug for TenantHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantHttp").field("tenant", &self.tenant.name()).finish_non_exhaustive()
    }
}

/// Returns whether a request that failed on a kept connection is sent again. The server may have closed the connection a
/// moment ago; it may also have seen the request, so one that changes something is not repeated.
fn can_be_repeated(failed: &Failed, method: &Method) -> bool {
    match failed.progress {
        Progress::Unsent => true,
        Progress::Unanswered => method.is_idempotent(),
        Progress::Answered => false,
    }
}

fn check_granted(granted: &HttpGranted, target: &Target, method: &str) -> Result<(), HttpError> {
    if !granted.allows_origin(target.scheme, &target.host, target.port) {
        let message =
            format!("the task may not send requests to {}: its `sandbox.http` does not have it", target.origin());
        return Err(HttpError::not_granted(message));
    }
    if !granted.methods.allow(method) {
        let message = format!("the task may send requests with the methods {} only", granted.methods);
        return Err(HttpError::not_granted(message));
    }
    Ok(())
}

fn to_http(request: HttpRequest, target: &Target, headers: HeaderMap) -> Result<Request<Full<Bytes>>, HttpError> {
    let method = Method::from_bytes(request.method.as_bytes());
    let method = method.map_err(|_| HttpError::invalid_request("invalid method"))?;
    let mut http = Request::new(Full::new(request.body));
    *http.method_mut() = method;
    *http.uri_mut() = Uri::from(target.path.clone());
    *http.headers_mut() = headers;
    Ok(http)
}

/// Puts values and signatures of secrets into the headers of a request.
async fn filled(
    secrets: &Arc<Secrets>,
    granted: &HttpGranted,
    target: &Target,
    mut headers: HeaderMap,
    body: &Bytes,
) -> Result<HeaderMap, HttpError> {
    if body.len() <= READ_AT_ONCE || !has_placeholders(&headers) {
        secrets.fill(granted, target, &mut headers, body)?;
        return Ok(headers);
    }
    let (secrets, granted, target, body) = (Arc::clone(secrets), granted.clone(), target.clone(), body.clone());
    let filling = tokio::task::spawn_blocking(move || {
        let filled = secrets.fill(&granted, &target, &mut headers, &body);
        filled.map(|()| headers)
    });
    filling.await.unwrap_or_else(|_| Err(HttpError::invalid_request("the request cannot be signed")))
}

/// Removes the secrets that an origin may know from its response.
async fn redacted(
    secrets: Arc<Secrets>,
    target: Target,
    response: HttpResponse,
    max_body: usize,
) -> Result<HttpResponse, HttpError> {
    let is_encoded = |(name, value): &(String, Vec<u8>)| {
        name == "content-encoding" && !value.eq_ignore_ascii_case(b"identity") && !value.is_empty()
    };
    if !response.body.is_empty() && response.headers.iter().any(is_encoded) {
        let message = "the response is compressed, though the request did not ask for it, so the host cannot see whether it \
                       has a secret in it";
        return Err(HttpError::new(HttpErrorKind::InvalidResponse, message));
    }
    if response.body.len() <= READ_AT_ONCE {
        return redact(response, &secrets.redactions(&target), max_body);
    }
    let search = tokio::task::spawn_blocking(move || redact(response, &secrets.redactions(&target), max_body));
    search.await.unwrap_or_else(|_| {
        Err(HttpError::new(HttpErrorKind::InvalidResponse, "the response cannot be searched for secrets"))
    })
}
