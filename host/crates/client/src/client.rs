//! The connection to a host: sends requests and checks responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;

use crate::error::{ClientError, root_cause};
use crate::host_url::HostUrl;
use crate::response::{JsonBody, expect};

/// A listening host accepts a connection within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A host sends something within this time: it answers a waiting request after 30 s, and an event stream is never
/// silent for longer than 15 s.
const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// How long to retry by default, see [`Client::with_retry_for`].
const DEFAULT_RETRY_FOR: Duration = Duration::from_secs(60);

/// A client of a host. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) host_url: HostUrl,
    retry_for: Duration,
    /// The tenant that an operator asks for.
    tenant: Option<HeaderValue>,
    /// Whether the host was ever reached. Only then is an unreachable host retried.
    was_reached: Arc<AtomicBool>,
}

impl Client {
    /// Creates a client of the host at `url`, with a bearer token if the host requires one. Connects on the first
    /// request.
    pub fn new(url: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let host_url = HostUrl::parse(url)?;
        // A provider that is already installed in this process takes precedence.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("saggar/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(token)?);
        if host_url.is_loopback() {
            builder = builder.no_proxy();
        }
        if host_url.is_plaintext() {
            // Otherwise the system's certificates would be loaded, and required, without need.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| ClientError::SetupFailed(root_cause(&error)))?;
        Ok(Self { http, host_url, retry_for: DEFAULT_RETRY_FOR, tenant: None, was_reached: Arc::default() })
    }

    /// Sets how long to retry when the connection to a host is lost.
    #[must_use]
    pub fn with_retry_for(self, retry_for: Duration) -> Self {
        Self { retry_for, ..self }
    }

    /// Sets the tenant that requests are about, for a token that has access to more than one.
    pub fn with_tenant(self, tenant: &str) -> Result<Self, ClientError> {
        let header = HeaderValue::from_str(tenant).ok().filter(|_| !tenant.is_empty());
        let header = header.ok_or_else(|| ClientError::InvalidTenant(tenant.to_owned()))?;
        Ok(Self { tenant: Some(header), ..self })
    }

    /// Returns the URL of the host.
    pub fn url(&self) -> &str {
        self.host_url.as_str()
    }

    pub(crate) fn retry_for(&self) -> Duration {
        self.retry_for
    }

    /// Returns whether the host has ever answered, or at least accepted a connection.
    pub fn was_reached(&self) -> bool {
        self.was_reached.load(Ordering::Relaxed)
    }

    /// Sends a request; returns a successful response of this media type.
    pub(crate) async fn send(&self, request: RequestBuilder, media_type: &str) -> Result<Response, ClientError> {
        let mut request = request.header(ACCEPT, media_type);
        if let Some(tenant) = &self.tenant {
            request = request.header("saggar-tenant", tenant);
        }
        let sent = request.send().await.map_err(|error| ClientError::from_request(self.url(), &error));
        // A connection that was closed had been accepted before.
        if matches!(sent, Ok(_) | Err(ClientError::ConnectionLost { .. })) {
            self.was_reached.store(true, Ordering::Relaxed);
        }
        let response = sent?;
        expect(response, self.url(), media_type).await
    }

    /// Sends a request that is answered with a JSON document.
    pub(crate) async fn send_json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<JsonBody<T>, ClientError> {
        let response = self.send(request, "application/json").await?;
        let text = response.text().await.map_err(|error| ClientError::from_request(self.url(), &error))?;
        Ok(JsonBody::new(text))
    }

    /// Sends a request that is answered without content.
    pub(crate) async fn send_empty(&self, request: RequestBuilder) -> Result<(), ClientError> {
        self.send(request, "application/json").await.map(drop)
    }
}

fn headers(token: Option<&str>) -> Result<HeaderMap, ClientError> {
    let Some(token) = token else { return Ok(HeaderMap::new()) };
    let mut bearer =
        HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| ClientError::InvalidToken)?;
    bearer.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
}
