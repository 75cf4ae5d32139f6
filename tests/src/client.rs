//! A client of the HTTP service for tests: JSON in, status and JSON out, and every wait has a time limit.

use std::sync::Once;

use reqwest::{Client, ClientBuilder, Method, RequestBuilder};
use serde_json::Value;

use crate::server::Server;
use crate::timeout::within;

/// Returns a client without a proxy.
pub fn client() -> Client {
    builder().build().expect("a client needs nothing")
}

/// Returns a client that closes its connections after each response, for hosts that allow few.
pub fn client_of_few_connections() -> Client {
    builder().pool_max_idle_per_host(0).build().expect("a client needs nothing")
}

fn builder() -> ClientBuilder {
    static PROVIDER: Once = Once::new();
    // An error means that the same provider is installed already.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    Client::builder().no_proxy()
}

/// An HTTP response.
#[derive(Debug)]
pub struct ApiResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body; null if there is none.
    pub body: Value,
}

impl ApiResponse {
    /// Returns the code of the problem document that this must be.
    pub fn code(&self) -> &str {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        self.body["code"].as_str().unwrap_or_else(|| panic!("{self:?} has no code"))
    }
}

impl Server {
    /// Returns a request for a path, to be sent with [`send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // One client is reused because creating one is slow. Unused connections would count as idle ones.
        let make = || builder().pool_max_idle_per_host(0).build().expect("a client needs nothing");
        self.client.get_or_init(make).request(method, self.url(path))
    }

    /// GETs a path.
    pub async fn get(&self, path: &str) -> ApiResponse {
        send(self.request(Method::GET, path)).await
    }

    /// GETs a path that returns text.
    pub async fn text(&self, path: &str) -> String {
        within(path, async {
            let answer = self.request(Method::GET, path).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{path}");
            answer.text().await.expect("text")
        })
        .await
    }

    /// POSTs JSON to a path.
    pub async fn post(&self, path: &str, body: &Value) -> ApiResponse {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// DELETEs a path.
    pub async fn delete(&self, path: &str) -> ApiResponse {
        send(self.request(Method::DELETE, path)).await
    }
}

impl Server {
    /// POSTs to a path without a body.
    pub async fn act(&self, path: &str) -> ApiResponse {
        send(self.request(Method::POST, path)).await
    }

    /// Adds a job with this body, and returns its id.
    pub async fn add(&self, task: &str, body: &Value) -> u64 {
        let added = self.post(&format!("/v1/tasks/{task}/jobs"), body).await;
        assert_eq!(added.status, 201, "{added:?}");
        added.body["id"].as_u64().unwrap_or_else(|| panic!("{added:?} has no id"))
    }

    /// Returns the current state of the job.
    pub async fn job(&self, task: &str, id: u64) -> Value {
        let job = self.get(&job_path(task, id)).await;
        assert_eq!(job.status, 200, "{job:?}");
        job.body
    }

    /// Polls the job until `condition` is true.
    pub async fn until(&self, task: &str, id: u64, condition: impl Fn(&Value) -> bool) -> Value {
        let what = format!("the awaited state of job {id} of {task}");
        within(&what, async {
            loop {
                let job = self.job(task, id).await;
                if condition(&job) {
                    return job;
                }
            }
        })
        .await
    }

    /// Waits until the job has ended, and returns it.
    pub async fn ended(&self, task: &str, id: u64) -> Value {
        let job = self.get(&format!("{}?wait=60s", job_path(task, id))).await;
        assert!(matches!(job.body["status"].as_str(), Some("SUCCESS" | "FAILURE")), "{job:?}");
        job.body
    }

    /// Adds a job of [`guests::GATED`](crate::guests::GATED) that occupies a slot of `task` until
    /// [`open_gate`](Self::open_gate), waits until it does, and returns its id. The app needs a task `keys`.
    pub async fn close_gate(&self, task: &str) -> u64 {
        let id = self.add(task, &serde_json::json!({ "args": ["keys", 1] })).await;
        self.until(task, id, |job| job["message"] == "at the gate").await;
        id
    }

    /// Releases all jobs that wait at the gate, now and later.
    pub async fn open_gate(&self) {
        assert_eq!(self.add("keys", &serde_json::json!({})).await, 1);
    }
}

/// Returns the path of a job.
pub fn job_path(task: &str, id: u64) -> String {
    format!("/v1/tasks/{task}/jobs/{id}")
}

/// Sends a request and reads the whole response.
pub async fn send(request: RequestBuilder) -> ApiResponse {
    let what = format!("{request:?}");
    within(&what, async {
        let answer = request.send().await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let json = || serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{what}: {error}: {body:?}"));
        ApiResponse { status, headers, body: if body.is_empty() { Value::Null } else { json() } }
    })
    .await
}
