//! Which servers a task can reach: those that it is granted, at addresses that are checked at each connection.

use serde_json::json;

use super::stage::{Stage, WAYS, assert_failed, grants};
use crate::server::{Reply, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_server_is_reached() {
    for tls in [false, true] {
        let answer = |received: &crate::server::Received| {
            let body = format!(
                "{} {}",
                received.head.lines().next().unwrap_or_default(),
                String::from_utf8_lossy(&received.body)
            );
            Reply::with("x-two: a\r\nx-two: b\r\n", body)
        };
        let server = if tls { Server::start_tls("trusted", answer).await } else { Server::start(answer).await };
        let url = server.url(if tls { "https" } else { "http" }, "api.test", "/a?b=c");
        let origin = url.trim_end_matches("/a?b=c");
        let stage = Stage::start(&[origin], &["127.0.0.1"]).await;
        stage.names.set("api.test", &["127.0.0.1"]);
        for way in WAYS {
            let large = "x".repeat(100_000);
            let answer = stage.host.response("fetch", json!([way, "POST", url, { "x-a": "1" }, large])).await;
            assert_eq!(answer["status"], 200, "{way}: {answer}");
            assert_eq!(answer["body"], format!("POST /a?b=c HTTP/1.1 {large}"), "{way}");
            let twice = answer["headers"].as_array().expect("headers").iter().filter(|header| header[0] == "x-two");
            assert_eq!(twice.count(), 2, "{way}: {answer}");
        }
        assert!(server.received().iter().all(|received| received.head.contains("\r\nhost: api.test:")), "{tls}");
        stage.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_without_a_request_reaches_nothing() {
    let server = Server::start(|_| Reply::ok("")).await;
    let url = server.url("http", "127.0.0.1", "/");
    let stage = Stage::start_as(&json!({}), grants(&[url.trim_end_matches('/')], &["127.0.0.1"])).await;
    for way in WAYS {
        assert_failed(way, &stage.get(way, &url).await, "http-not-granted", "HttpRequestDenied");
    }
    let log = stage.host.log("fetch", 2).await;
    assert!(log.iter().any(|line| line.contains("http-not-granted") && line.contains("`sandbox.http`")), "{log:?}");
    assert_eq!(server.connections(), 0);
    stage.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_requested_origins_and_methods_are_reached() {
    let server = Server::start(|_| Reply::ok("")).await;
    let url = server.url("http", "127.0.0.1", "/");
    let origin = url.trim_end_matches('/');
    let request = json!({ "sandbox": { "http": { "origins": [origin], "methods": ["GET"] } } });
    let stage = Stage::start_as(&request, grants(&["http://*", "https://*", origin], &["127.0.0.1"])).await;
    for way in WAYS {
        let post = stage.host.response("fetch", json!([way, "POST", url, {}, ""])).await;
        assert_failed(way, &post, "http-not-granted", "HttpRequestDenied");
        assert_failed(way, &stage.get(way, "https://example.com/").await, "http-not-granted", "HttpRequestDenied");
        assert_eq!(stage.get(way, &url).await["status"], 200, "{way}");
    }
    assert_eq!(server.received().len(), 2);
    stage.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inner_addresses_are_denied_in_every_spelling() {
    let server = Server::start(|_| Reply::ok("")).await;
    let port = server.address.port();
    let origin = format!("http://*:{port}");
    let stage = Stage::start(&[&origin], &[]).await;
    for (name, address) in
        [("loopback.test", "127.0.0.1"), ("metadata.test", "169.254.169.254"), ("mapped.test", "::ffff:127.0.0.1")]
    {
        stage.names.set(name, &[address]);
    }
    for way in WAYS {
        for host in
            ["127.0.0.1", "[::1]", "[::ffff:7f00:1]", "0.0.0.0", "loopback.test", "metadata.test", "mapped.test"]
        {
            let answer = stage.get(way, &format!("http://{host}:{port}/")).await;
            assert_failed(way, &answer, "address-denied", "DestinationIpProhibited");
        }
        for host in ["127.1", "0177.0.0.1", "0x7f000001", "2130706433"] {
            let answer = stage.get(way, &format!("http://{host}:{port}/")).await;
            assert_failed(way, &answer, "invalid-request", "InternalError");
        }
    }
    assert_eq!(server.connections(), 0);
    stage.host.shutdown().await;
}

/// The name leads to an allowed server first, and inside later.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_is_checked_again() {
    let server = Server::start(|_| Reply::Last(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec())).await;
    let url = server.url("http", "rebind.test", "/");
    let stage = Stage::start(&[url.trim_end_matches('/')], &["127.0.0.1"]).await;
    for way in WAYS {
        stage.names.set("rebind.test", &["127.0.0.1", "169.254.169.254"]);
        assert_eq!(stage.get(way, &url).await["status"], 200, "{way}");
        assert_failed(way, &stage.get(way, &url).await, "address-denied", "DestinationIpProhibited");
    }
    stage.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_left_to_the_guest() {
    let server = Server::start(|_| {
        Reply::Send(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n".to_vec())
    })
    .await;
    let url = server.url("http", "127.0.0.1", "/");
    let stage = Stage::start(&[url.trim_end_matches('/')], &["127.0.0.1"]).await;
    for way in WAYS {
        let answer = stage.get(way, &url).await;
        assert_eq!(answer["status"], 302, "{way}: {answer}");
        let location = answer["headers"].as_array().expect("headers").iter().find(|header| header[0] == "location");
        assert_eq!(location.expect("a location")[1], "http://169.254.169.254/");
    }
    assert_eq!(server.received().len(), 2);
    stage.host.shutdown().await;
}
