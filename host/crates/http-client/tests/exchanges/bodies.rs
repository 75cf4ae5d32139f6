//! Bodies are bounded in bytes and in time, whatever a server sends.

use std::time::{Duration, Instant};

use saggar_http_client::HttpErrorKind;

use crate::fixture::{Client, LONG, MAX_RESPONSE, SHORT, header, local, request};
use crate::server::{Reply, Server};

async fn answer(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Result<Vec<u8>, HttpErrorKind> {
    let server = Server::start(move |_| reply()).await;
    let response = Client::new().get(&server.url("http", "127.0.0.1", "/")).await;
    response.map(|response| response.body.to_vec())
}

fn chunked(size: usize, bytes: usize) -> Vec<u8> {
    let chunk = |start: usize| {
        let length = size.min(bytes - start);
        [format!("{length:x}\r\n").into_bytes(), vec![b'x'; length], b"\r\n".to_vec()].concat()
    };
    let chunks: Vec<u8> = (0..bytes).step_by(size).flat_map(chunk).collect();
    [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(), chunks, b"0\r\n\r\n".to_vec()].concat()
}

#[tokio::test]
async fn a_body_may_have_exactly_the_bound() {
    let at_bound = vec![b'x'; MAX_RESPONSE];
    let above = vec![b'x'; MAX_RESPONSE + 1];
    let (one, other) = (at_bound.clone(), above.clone());
    assert_eq!(answer(move || Reply::ok(&one)).await, Ok(at_bound.clone()));
    assert_eq!(answer(move || Reply::ok(&other)).await, Err(HttpErrorKind::ResponseTooLarge));
    for size in [1, 100, MAX_RESPONSE] {
        assert_eq!(answer(move || Reply::Send(chunked(size, MAX_RESPONSE))).await, Ok(at_bound.clone()), "{size}");
        let refused = answer(move || Reply::Send(chunked(size, MAX_RESPONSE + 1))).await;
        assert_eq!(refused, Err(HttpErrorKind::ResponseTooLarge), "{size}");
    }
    let until_closed = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), above].concat();
    assert_eq!(answer(move || Reply::Last(until_closed.clone())).await, Err(HttpErrorKind::ResponseTooLarge));
}

/// A length that is too large is refused before the body arrives, which it never does here.
#[tokio::test]
async fn an_announced_length_is_compared_at_once() {
    for length in ["65537", "18446744073709551615"] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        let refused = answer(move || Reply::Hold(head.clone().into_bytes())).await;
        assert_eq!(refused, Err(HttpErrorKind::ResponseTooLarge), "{length}");
    }
}

#[tokio::test]
async fn endless_bodies_end_at_the_bound() {
    let endless = |head: &'static str, again: &'static str| {
        answer(move || Reply::Endless(head.as_bytes().to_vec(), again.as_bytes().repeat(100)))
    };
    let length = endless("HTTP/1.1 200 OK\r\n\r\n", "xxxxxxxx").await;
    assert_eq!(length, Err(HttpErrorKind::ResponseTooLarge));
    let chunks = endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n").await;
    assert_eq!(chunks, Err(HttpErrorKind::ResponseTooLarge));
    // What is not part of the body counts as well.
    for again in ["1;abcdefghijklmnopqrstuvwxyz0123456789=abcdefghijklmnopqrstuvwxyz0123456789\r\nx\r\n", "0000000000"]
    {
        let framing = endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", again).await;
        assert!(framing.is_err(), "{again}");
    }
    let trailers = endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", "a: b\r\n").await;
    assert!(trailers.is_err(), "{trailers:?}");
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error() {
    for head in ["content-length: 10\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n5\r\nab"] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{head}");
        let cut = answer(move || Reply::Last(bytes.clone().into_bytes())).await;
        assert_eq!(cut, Err(HttpErrorKind::ConnectionFailed), "{head}");
    }
}

#[tokio::test]
async fn slow_servers_reach_a_time_limit() {
    let began = Instant::now();
    for (reply, limits) in [
        // Silence, and a body that stops.
        ("", "first byte"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "between bytes"),
        ("", "total"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "total"),
    ] {
        let server = Server::start(move |_| Reply::Hold(reply.as_bytes().to_vec())).await;
        let url = server.url("http", "127.0.0.1", "/");
        let mut request = request(&url);
        match limits {
            "first byte" => request.timeouts.first_byte = SHORT,
            "between bytes" => request.timeouts.between_bytes = SHORT,
            _ => request.timeouts.total = SHORT,
        }
        let answer = Client::new().exchange(&local(&url), request).await;
        assert_eq!(answer, Err(HttpErrorKind::TimedOut), "{limits}: {reply}");
    }
    assert!(began.elapsed() < LONG / 2);
}

/// A byte now and then keeps no exchange open beyond its total.
#[tokio::test]
async fn a_dripping_body_reaches_the_total_limit() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n").await.unwrap();
        let mut every = tokio::time::interval(Duration::from_millis(10));
        while stream.write_all(b"x").await.is_ok() {
            every.tick().await;
        }
    });
    let url = format!("http://127.0.0.1:{port}/");
    let mut request = request(&url);
    request.timeouts.total = 3 * SHORT;
    request.timeouts.between_bytes = 2 * SHORT;
    let client = Client::new();
    let answer = client.exchange(&local(&url), request).await;
    assert_eq!(answer, Err(HttpErrorKind::TimedOut));
    // The connection is closed, so the server's next write fails, and it ends.
    let ended = tokio::time::timeout(LONG, tasks.join_next()).await.expect("the server sees that the client has gone");
    ended.expect("the server").expect("no panic");
}

#[tokio::test]
async fn bodies_arrive_as_they_were_sent() {
    let server = Server::start(|received| {
        let lines = "content-encoding: gzip\r\ncontent-type: a/b\r\n";
        Reply::with(lines, [b"\x1f\x8b".as_slice(), &received.body].concat())
    })
    .await;
    let url = server.url("http", "127.0.0.1", "/");
    let mut request = request(&url);
    (request.method, request.body) = ("POST".into(), vec![0; 10_000].into());
    let response = Client::new().exchange(&local(&url), request).await.expect("a response");
    assert_eq!(response.body.len(), 10_002, "nothing is decompressed");
    assert_eq!(header(&response, "content-encoding"), Some("gzip"));
    let head = &server.received()[0].head;
    assert!(head.contains("content-length: 10000\r\n") && !head.contains("accept-encoding"), "{head}");
}
