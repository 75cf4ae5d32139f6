//! A redirect is a response like any other: the host follows none, so a server cannot send it anywhere.

use saggar_http_client::HttpErrorKind;

use crate::fixture::{Client, granted, header, local, request};
use crate::server::{Reply, Server};

#[tokio::test]
async fn redirects_are_not_followed() {
    let inner = Server::start(|_| Reply::ok("inner")).await;
    let location = inner.url("http", "127.0.0.1", "/");
    for location in [location.as_str(), "http://169.254.169.254/latest/meta-data/", "//10.0.0.1/", "/again"] {
        for status in [301, 302, 303, 307, 308] {
            let response = format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
            let server = Server::start(move |_| Reply::Send(response.clone().into_bytes())).await;
            let response = Client::new().get(&server.url("http", "127.0.0.1", "/")).await.expect("a response");
            assert_eq!((response.status, header(&response, "location")), (status, Some(location)));
            assert_eq!(server.received().len(), 1);
        }
    }
    assert_eq!(inner.connections(), 0);
}

/// A guest that follows a redirect by itself asks for the next origin and address like for the first.
#[tokio::test]
async fn the_next_request_is_checked_like_the_first() {
    let server = Server::start(|_| {
        Reply::Send(b"HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n".to_vec())
    })
    .await;
    let client = Client::new();
    let url = server.url("http", "127.0.0.1", "/");
    let location = client.get(&url).await.map(|response| header(&response, "location").map(str::to_owned));
    let next = location.ok().flatten().expect("a location");
    assert_eq!(client.exchange(&local(&url), request(&next)).await, Err(HttpErrorKind::NotGranted));
    let denied = client.exchange(&granted(&next, &["127.0.0.1"]), request(&next)).await;
    assert_eq!(denied, Err(HttpErrorKind::AddressDenied));
}

/// The environment of the host may name a proxy for other programs. It would be reached instead of the checked address.
#[tokio::test]
async fn requests_go_to_the_server_itself() {
    let server = Server::start(|_| Reply::ok("")).await;
    Client::new().get(&server.url("http", "127.0.0.1", "/a?b")).await.expect("a response");
    let head = &server.received()[0].head;
    assert!(head.starts_with("GET /a?b HTTP/1.1\r\n"), "{head}");
    assert!(!head.contains("proxy") && !head.contains("cookie"), "{head}");
}
