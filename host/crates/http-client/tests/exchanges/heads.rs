//! The heads of responses: floods, nonsense, and what a client could be confused by.

use saggar_http_client::HttpErrorKind;

use crate::fixture::{Client, local, request};
use crate::server::{Reply, Server};

async fn error(reply: impl Fn() -> Reply + Send + Sync + 'static) -> HttpErrorKind {
    let server = Server::start(move |_| reply()).await;
    Client::new().get(&server.url("http", "127.0.0.1", "/")).await.expect_err("the response is refused")
}

async fn endless(first: &'static str, again: &'static str) -> HttpErrorKind {
    error(move || Reply::Endless(first.as_bytes().to_vec(), again.as_bytes().repeat(100))).await
}

#[tokio::test]
async fn floods_of_headers_end_at_a_bound() {
    assert_eq!(endless("HTTP/1.1 200 OK\r\n", "x-flood: aaaaaaaaaaaaaaaa\r\n").await, HttpErrorKind::ResponseTooLarge);
    assert_eq!(endless("HTTP/1.1 200 OK\r\nx-long: ", "aaaaaaaaaaaaaaaa").await, HttpErrorKind::ResponseTooLarge);
    assert_eq!(endless("HTTP/1.1 200 ", "aaaaaaaaaaaaaaaa").await, HttpErrorKind::ResponseTooLarge);
}

#[tokio::test]
async fn a_response_may_have_a_hundred_headers() {
    let head = |count: usize| format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "x: y\r\n".repeat(count - 1));
    let server = Server::start(move |_| Reply::Send(head(100).into_bytes())).await;
    let response = Client::new().get(&server.url("http", "127.0.0.1", "/")).await.expect("a response");
    assert_eq!(response.headers.len(), 100);
    assert_eq!(error(move || Reply::Send(head(101).into_bytes())).await, HttpErrorKind::ResponseTooLarge);
}

/// Informational responses are skipped, but their bytes count.
#[tokio::test]
async fn informational_responses_do_not_last_for_ever() {
    let flood = endless("", "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n").await;
    assert_eq!(flood, HttpErrorKind::ResponseTooLarge);
    let server = Server::start(|_| {
        Reply::Send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec())
    })
    .await;
    let response = Client::new().get(&server.url("http", "127.0.0.1", "/")).await;
    assert_eq!(response.map(|response| (response.status, response.body)), Ok((200, "ok".into())));
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    for text in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "<html>hello</html>",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    ] {
        let kind = error(move || Reply::Last(text.as_bytes().to_vec())).await;
        assert_eq!(kind, HttpErrorKind::InvalidResponse, "{text}");
    }
    let switched = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
    assert_eq!(error(move || Reply::Hold(switched.as_bytes().to_vec())).await, HttpErrorKind::InvalidResponse);
    assert_eq!(error(|| Reply::Last(Vec::new())).await, HttpErrorKind::ConnectionFailed);
}

/// A second response that nobody asked for belongs to no request: the connection is not used again.
#[tokio::test]
async fn a_response_that_nobody_asked_for_reaches_nobody() {
    let server = Server::start(|received| {
        let twice =
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond";
        let once = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthird";
        Reply::Send(if received.connection == 0 { twice } else { once }.as_bytes().to_vec())
    })
    .await;
    let client = Client::new();
    let url = server.url("http", "127.0.0.1", "/");
    let mut bodies = Vec::new();
    for _ in 0..2 {
        bodies.push(client.exchange(&local(&url), request(&url)).await.expect("a response").body);
    }
    assert_eq!(bodies, ["first", "third"]);
}
