//! Requests over HTTP, to the origins that the task requests in `sandbox.http` and the operator grants.
//!
//! ```
//! # use saggar_guest::prelude::*;
//! use saggar_guest::http;
//!
//! # #[derive(serde::Deserialize)]
//! # struct Order { total: u32 }
//! fn total(id: u64) -> Result<u32, Failure> {
//!     let url = format!("https://api.example.com/orders/{id}");
//!     let order: Order = http::get(url).header("authorization", "Bearer $SECRET.shop").send()?.success()?.json()?;
//!     Ok(order.total)
//! }
//! # let host = saggar_guest::testing::FakeHost::new().on_request(|_| Ok(http::Response::new(200, r#"{"total": 5}"#)));
//! # assert_eq!(host.call(|_| total(7)).unwrap(), 5);
//! # assert_eq!(host.requests()[0].url(), "https://api.example.com/orders/7");
//! ```
//!
//! A request takes at most as long as the call has left; [`Request::timeout`] shortens that. The host follows no redirects,
//! keeps no cookies and does not decompress. `$SECRET.name` in the value of a header is the placeholder of a secret, which the
//! host puts in where the operator allows it; the plugin never has the value. `$HMAC.name` is that of a signature of the
//! request, which the host makes with a secret.
//!
//! [`Request::send`] fails with a [`Problem`] with one of the codes `http-not-granted`, `invalid-request`,
//! `request-too-large`, `too-many-requests`, `unknown-name`, `address-denied`, `connection-failed`, `tls-failed`,
//! `timed-out`, `response-too-large`, `invalid-response`. A response with any status is a [`Response`];
//! [`Response::success`] decides what its status means for the job.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Failure, Problem, host};

/// A request that is not sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Option<Duration>,
    /// Why its body could not be serialized.
    problem: Option<Problem>,
}

/// A response, whatever its status is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Begins a GET request.
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url)
}

/// Begins a POST request.
pub fn post(url: impl Into<String>) -> Request {
    Request::new("POST", url)
}

/// Begins a PUT request.
pub fn put(url: impl Into<String>) -> Request {
    Request::new("PUT", url)
}

/// Begins a PATCH request.
pub fn patch(url: impl Into<String>) -> Request {
    Request::new("PATCH", url)
}

/// Begins a DELETE request.
pub fn delete(url: impl Into<String>) -> Request {
    Request::new("DELETE", url)
}

impl Request {
    /// Begins a request with a method in upper case and an absolute URL. Characters of the URL other than visible ASCII must
    /// be encoded.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        let (method, url) = (method.into(), url.into());
        Self { method, url, headers: Vec::new(), body: Vec::new(), timeout: None, problem: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to a value as JSON, and adds its `content-type`.
    #[must_use]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.header("content-type", "application/json").body(body),
            Err(error) => {
                let message = format!("the body cannot be written as JSON: {error}");
                self.problem = Some(Problem::new("invalid-request", message));
                self
            }
        }
    }

    /// Limits the whole exchange to this time (whole milliseconds).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the request and returns the whole response.
    pub fn send(self) -> Result<Response, Problem> {
        match &self.problem {
            Some(problem) => Err(problem.clone()),
            None => host::send(self),
        }
    }

    /// Returns the method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the headers in order.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Returns the body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// Returns the parts that the host gets.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_parts(self) -> (String, String, Vec<(String, String)>, Vec<u8>, Option<u64>) {
        (self.method, self.url, self.headers, self.body, self.timeout.map(crate::tasks::millis))
    }
}

impl Response {
    /// Creates a response without headers, for tests.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// Adds a header, for tests.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn from_parts(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self { status, headers, body }
    }

    /// Returns the status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the first value of a header; the name can have any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// Returns the headers in order, with names in lower case.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Returns the body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// Returns the body, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.body
    }

    /// Returns the body as text. Bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Deserializes the body from JSON. Fails with `invalid-response`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Problem::new("invalid-response", format!("the response is not the expected JSON: {error}"))
        })
    }

    /// Returns the response if its status is from 200 to 299, and otherwise the failure that fits its status, with the code
    /// `http-status` and the status in the details.
    ///
    /// - 408, 425, 429 and 5xx are retried: after the seconds of `retry-after`, if the server sends it.
    /// - Everything else rejects the job, also a redirect, because another attempt would get the same answer.
    pub fn success(self) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let problem = Problem::new("http-status", format!("the server answered with the status {}", self.status));
        let problem = problem.with_details(serde_json::json!({ "status": self.status }));
        if !(matches!(self.status, 408 | 425 | 429) || self.status >= 500) {
            return Err(Failure::Reject(problem));
        }
        Err(match self.retry_after() {
            Some(delay) => Failure::RetryAfter(problem, delay),
            None => Failure::Retry(problem),
        })
    }

    /// Returns the seconds of the header `retry-after`; `None` if there is none, or if it is a date.
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }
}
