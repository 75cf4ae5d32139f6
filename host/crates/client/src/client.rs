//! The connection to a host: how requests are sent, and what becomes of their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;

use crate::error::{ClientError, root_cause};
use crate::host_url::HostUrl;
use crate::response::{JsonBody, expect};

/// Whoever listens answers the phone within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest silence of a host that is at work on an answer: whoever waits for a job is answered after 30 s, and whoever
/// follows hears every 15 s that nothing has happened.
const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// The longest time to go on without a host, unless [`Client::with_retry_for`] said otherwise.
const DEFAULT_RETRY_FOR: Duration = Duration::from_secs(60);

/// A host, as it is asked. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    host_url: HostUrl,
    retry_for: Duration,
    /// Whether anybody was ever there: one that never was is not there, one that was is gone for a moment.
    was_reached: Arc<AtomicBool>,
}

impl Client {
    /// A client of the host at `url`, with a bearer token if the host wants one. Connects when it first asks something.
    pub fn new(url: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let host_url = HostUrl::parse(url)?;
        // Who was first in the process has chosen; any provider will do.
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
            // Else the certificates of the system are loaded, and must be there, for nothing.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| ClientError::SetupFailed(root_cause(&error)))?;
        Ok(Self { http, host_url, retry_for: DEFAULT_RETRY_FOR, was_reached: Arc::default() })
    }

    /// The same client, which goes on for this time when a host that was there before is gone.
    #[must_use]
    pub fn with_retry_for(self, retry_for: Duration) -> Self {
        Self { retry_for, ..self }
    }

    /// The host's address.
    pub fn url(&self) -> &str {
        self.host_url.as_str()
    }

    pub(crate) fn retry_for(&self) -> Duration {
        self.retry_for
    }

    /// Whether the host has ever answered, or at least taken up a connection.
    pub fn was_reached(&self) -> bool {
        self.was_reached.load(Ordering::Relaxed)
    }

    /// The address of a route.
    pub(crate) fn route(&self, parts: &[&str]) -> Result<Url, ClientError> {
        self.host_url.join(parts)
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request; what comes is a success of this media type.
    pub(crate) async fn send(&self, request: RequestBuilder, media_type: &str) -> Result<Response, ClientError> {
        let request = request.header(ACCEPT, media_type);
        let sent = request.send().await.map_err(|error| ClientError::from_request(self.url(), &error));
        // Whoever breaks a connection off was there to take it up.
        if matches!(sent, Ok(_) | Err(ClientError::ConnectionLost { .. })) {
            self.was_reached.store(true, Ordering::Relaxed);
        }
        let response = sent?;
        expect(response, self.url(), media_type).await
    }

    /// Sends a request that is answered with a document.
    pub(crate) async fn send_json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<JsonBody<T>, ClientError> {
        let response = self.send(request, "application/json").await?;
        let text = response.text().await.map_err(|error| ClientError::from_request(self.url(), &error))?;
        Ok(JsonBody::new(text))
    }

    /// Sends a request that is answered with nothing but success.
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
