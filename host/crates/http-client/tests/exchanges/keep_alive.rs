//! Connections are used again: by the same tenant only, and only for tasks that may reach their address.

use std::time::{Duration, Instant};

use saggar_http_client::HttpErrorKind;

use crate::fixture::{Client, exchange, granted, local, request};
use crate::server::{Reply, Server};

async fn numbered() -> Server {
    Server::start(|received| Reply::ok(received.connection.to_string())).await
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = numbered().await;
    let client = Client::new();
    client.names.set("api.test", &[&["127.0.0.1"]]);
    let url = server.url("http", "api.test", "/");
    for _ in 0..5 {
        assert_eq!(client.get(&url).await.map(|response| response.body), Ok("0".into()));
    }
    assert_eq!((server.connections(), client.names.asked().len()), (1, 1));
    // Another name for the same server is another origin.
    assert_eq!(client.get(&server.url("http", "127.0.0.1", "/")).await.map(|response| response.body), Ok("1".into()));
}

/// The address of a kept connection is compared with what the next task has in force.
#[tokio::test]
async fn a_task_with_other_grants_does_not_get_the_connection() {
    let server = numbered().await;
    let client = Client::new();
    client.names.set("api.test", &[&["127.0.0.1"]]);
    let url = server.url("http", "api.test", "/");
    assert_eq!(client.get(&url).await.map(|response| response.body), Ok("0".into()));
    let narrower = client.exchange(&granted(&url, &[]), request(&url)).await;
    assert_eq!(narrower, Err(HttpErrorKind::AddressDenied), "the address is checked although a connection is open");
    let other_network = client.exchange(&granted(&url, &["10.0.0.0/8"]), request(&url)).await;
    assert_eq!(other_network, Err(HttpErrorKind::AddressDenied));
    assert_eq!(client.get(&url).await.map(|response| response.body), Ok("0".into()), "it is still there for the first");
}

#[tokio::test]
async fn tenants_do_not_share_connections() {
    let server = numbered().await;
    let client = Client::new();
    let url = server.url("http", "127.0.0.1", "/");
    let other = client.of_tenant("other");
    assert_eq!(client.get(&url).await.map(|response| response.body), Ok("0".into()));
    let response = exchange(&other, &local(&url), request(&url)).await;
    assert_eq!(response.map(|response| response.body), Ok("1".into()));
}

/// A server that has closed a connection meanwhile costs no request.
#[tokio::test]
async fn a_closed_connection_is_replaced() {
    let server = Server::start(|received| {
        let body = received.connection.to_string();
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        Reply::Last(response.into_bytes())
    })
    .await;
    let client = Client::new();
    let url = server.url("http", "127.0.0.1", "/");
    for number in 0..3 {
        let response = client.get(&url).await.map(|response| response.body);
        assert_eq!(response, Ok(number.to_string().into()));
    }
}

/// A tenant without requests keeps no connections, which count among those of all tenants.
#[tokio::test]
async fn a_connection_is_not_kept_for_long() {
    let server = numbered().await;
    let client = Client::new();
    let url = server.url("http", "127.0.0.1", "/");
    assert_eq!(client.get(&url).await.map(|response| response.body), Ok("0".into()));
    client.http.close_idle(Instant::now());
    assert_eq!(client.get(&url).await.map(|response| response.body), Ok("0".into()));
    client.http.close_idle(Instant::now() + Duration::from_secs(15));
    assert_eq!(client.get(&url).await.map(|response| response.body), Ok("1".into()));
}

/// A response that failed leaves a connection in an unknown state.
#[tokio::test]
async fn a_connection_is_not_used_after_an_error() {
    let server = Server::start(|received| {
        if received.head.starts_with("GET /large") {
            Reply::ok(vec![b'x'; 1 << 20])
        } else {
            Reply::ok(received.connection.to_string())
        }
    })
    .await;
    let client = Client::new();
    assert_eq!(client.get(&server.url("http", "127.0.0.1", "/")).await.map(|response| response.body), Ok("0".into()));
    let large = client.get(&server.url("http", "127.0.0.1", "/large")).await;
    assert_eq!(large, Err(HttpErrorKind::ResponseTooLarge));
    assert_eq!(client.get(&server.url("http", "127.0.0.1", "/")).await.map(|response| response.body), Ok("1".into()));
}

#[tokio::test]
async fn many_exchanges_at_once_have_their_own_connections() {
    let server = numbered().await;
    let client = Client::new();
    let url = server.url("http", "127.0.0.1", "/");
    let all = (0..100).map(|_| client.get(&url));
    let responses = futures_util::future::join_all(all).await;
    assert!(responses.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_tenant_with_many_exchanges_in_progress_waits_for_one_to_end() {
    let server =
        Server::start(
            |received| {
                if received.head.starts_with("GET /held") { Reply::Hold(Vec::new()) } else { Reply::ok("") }
            },
        )
        .await;
    let client = Client::new();
    let held = server.url("http", "127.0.0.1", "/held");
    let all = futures_util::future::join_all((0..100).map(|_| client.get(&held)));
    let connections = async {
        while server.received().len() < 64 {
            tokio::task::yield_now().await;
        }
        // Another tenant does not wait. The exchanges that wait could have connected before it has its response.
        let url = server.url("http", "127.0.0.1", "/");
        exchange(&client.of_tenant("other"), &local(&url), request(&url)).await.expect("a response");
        server.connections()
    };
    tokio::select! {
        _ = all => panic!("the server answers none of them"),
        connections = connections => assert_eq!(connections, 65),
    }
}
