//! A client of the HTTP service, as a test wants it: JSON in, status and JSON out, and no wait without an end.

use std::sync::Once;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::patience::within;
use crate::server::Server;

/// A client without a proxy.
pub fn client() -> Client {
    static PROVIDER: Once = Once::new();
    // Whoever came first has installed the same.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    Client::builder().no_proxy().build().expect("a client needs nothing")
}

/// What was answered.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body; null if there is none.
    pub body: Value,
}

impl Answered {
    /// The code of a problem document, which this must be.
    pub fn code(&self) -> &str {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        self.body["code"].as_str().unwrap_or_else(|| panic!("{self:?} has no code"))
    }
}

impl Server {
    /// A request for a path, to be sent with [`send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        client().request(method, self.url(path))
    }

    /// GETs a path.
    pub async fn get(&self, path: &str) -> Answered {
        send(self.request(Method::GET, path)).await
    }

    /// POSTs JSON to a path.
    pub async fn post(&self, path: &str, body: &Value) -> Answered {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// DELETEs a path.
    pub async fn delete(&self, path: &str) -> Answered {
        send(self.request(Method::DELETE, path)).await
    }
}

/// Sends a request and reads the whole answer.
pub async fn send(request: RequestBuilder) -> Answered {
    let what = format!("{request:?}");
    within(&what, async {
        let answer = request.send().await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let json = || serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{what}: {error}: {body:?}"));
        Answered { status, headers, body: if body.is_empty() { Value::Null } else { json() } }
    })
    .await
}
