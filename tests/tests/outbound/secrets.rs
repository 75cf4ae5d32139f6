//! The value of a secret goes to the server and to nobody else: no guest, log, response or record has it.

use serde_json::json;

use super::stage::{Stage, WAYS, assert_failed, grants, secret};
use crate::server::{Received, Reply, Server};

/// The value of the secret.
pub(super) const VALUE: &str = "sk_live_0123456789";

/// A service that repeats the whole request, in its headers and its body.
fn echo(received: &Received) -> Reply {
    let value = received.head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or("none");
    Reply::with(&format!("x-echo: {value}\r\n"), &received.head)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_cannot_read_a_secret_back() {
    let server = Server::start(echo).await;
    let url = server.url("http", "127.0.0.1", "/");
    let origin = url.trim_end_matches('/');
    let mut granted = grants(&[origin], &["127.0.0.1"]);
    granted.secrets.push(secret("it", origin, "authorization"));
    let sandbox = json!({ "http": [origin], "secrets": ["it"], "record": "all" });
    let stage = Stage::start_as(&json!({ "sandbox": sandbox }), granted).await;
    for (id, way) in (1..).zip(WAYS) {
        let answer = stage.get_with(way, &url, "authorization", "Bearer $SECRET.it").await;
        let sent = server.received();
        assert!(sent.last().expect("a request").head.contains(&format!("authorization: Bearer {VALUE}\r\n")), "{way}");
        let shown = answer.to_string();
        assert!(!shown.contains("0123456789") && shown.matches("Bearer $SECRET.it").count() == 2, "{way}: {shown}");
        let everything = format!("{:?} {:?}", stage.host.job("fetch", id).await, stage.host.log("fetch", id).await);
        assert!(!everything.contains("0123456789"), "{way}: {everything}");
        let record = stage.host.inner().record("fetch", id, None).await.expect("a lookup").expect("a record");
        let has = |text: &[u8]| record.windows(text.len()).any(|part| part == text);
        assert!(has(b"$SECRET.it") && !has(b"0123456789"), "{way}: the record");
    }
    stage.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placeholder_goes_nowhere_else() {
    let (server, elsewhere) = (Server::start(echo).await, Server::start(echo).await);
    let (url, other) = (server.url("http", "127.0.0.1", "/"), elsewhere.url("http", "127.0.0.1", "/"));
    let origins = [url.trim_end_matches('/'), other.trim_end_matches('/')];
    let mut granted = grants(&origins, &["127.0.0.1"]);
    granted.secrets.push(secret("it", origins[0], "authorization"));
    granted.secrets.push(secret("unused", origins[0], "authorization"));
    let stage = Stage::start_as(&json!({ "sandbox": { "http": origins, "secrets": ["it"] } }), granted).await;
    for way in WAYS {
        for (url, header, value) in [
            (&url, "x-other", "$SECRET.it"),
            (&other, "authorization", "$SECRET.it"),
            (&url, "authorization", "$SECRET.unused"),
            (&url, "authorization", "$SECRET.unknown"),
        ] {
            let answer = stage.get_with(way, url, header, value).await;
            assert_failed(way, &answer, "http-not-granted", "HttpRequestDenied");
            assert!(!answer.to_string().contains("0123456789"));
        }
        let in_url = stage.get(way, &format!("{url}?key=$SECRET.it")).await;
        assert_failed(way, &in_url, "invalid-request", "InternalError");
    }
    assert_eq!((server.connections(), elsewhere.connections()), (0, 0));
    stage.host.shutdown().await;
}
