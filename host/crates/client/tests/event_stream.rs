//! Event streams over lost connections, against a scripted host that checks the requests.

use std::time::Duration;

use saggar_client::{Client, ClientError, StreamItem};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// Returns the head of the next request, and its connection.
async fn next_request(listener: &TcpListener) -> (Vec<String>, TcpStream) {
    let (stream, _) = listener.accept().await.expect("a connection");
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("a line");
        match line.trim_end() {
            "" => return (head, stream.into_inner()),
            line => head.push(line.to_ascii_lowercase()),
        }
    }
}

/// Answers the next request with these bytes and closes the connection.
async fn answer(listener: &TcpListener, bytes: &str) -> Vec<String> {
    let (head, mut stream) = next_request(listener).await;
    stream.write_all(bytes.as_bytes()).await.expect("a written response");
    head
}

fn problem(status: &str, code: &str) -> String {
    let document = format!(
        r#"{{"type":"t","title":"t","status":503,"detail":"the detail","code":"{code}","instance":"/","unknown":1}}"#
    );
    let length = document.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\n\r\n{document}")
}

async fn listen() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, Client::new(&url, Some("secret")).expect("a client"))
}

fn kinds(items: &[StreamItem]) -> Vec<&str> {
    let kind = |item: &StreamItem| match item {
        StreamItem::Event(event) => Box::leak(event.kind.clone().into_boxed_str()),
        StreamItem::Disconnected(_) => "-lost",
        StreamItem::Reconnected => "-back",
        StreamItem::End => "-end",
    };
    items.iter().map(kind).collect()
}

#[tokio::test]
async fn a_lost_connection_is_reported_and_resumed_after_the_last_id() {
    let (listener, client) = listen().await;
    let host = async {
        let events = format!("{HEAD}retry: 1000\n\nid: 1\nevent: added\ndata: {{}}\n\n:\n\nid: 2\nevent: star");
        let first = answer(&listener, &events).await;
        assert!(first[0].starts_with("get /v1/events?task=mail.send http"), "{first:?}");
        assert!(first.contains(&"authorization: bearer secret".to_owned()), "{first:?}");
        assert!(!first.iter().any(|line| line.starts_with("last-event-id")), "{first:?}");
        let second = answer(&listener, &format!("{HEAD}id: 2\nevent: started\ndata: {{}}\n\n")).await;
        assert!(second.contains(&"last-event-id: 1".to_owned()), "{second:?}");
        let third = answer(&listener, "HTTP/1.1 204 No Content\r\n\r\n").await;
        assert!(third.contains(&"last-event-id: 2".to_owned()), "{third:?}");
    };
    let client_side = async {
        let mut stream = client.events(Some("mail.send")).await.expect("an event stream");
        let mut items = Vec::new();
        while items.last() != Some(&StreamItem::End) {
            items.push(stream.next().await.expect("an item"));
        }
        items
    };
    let ((), items) = tokio::join!(host, client_side);
    assert_eq!(kinds(&items), ["added", "-lost", "-back", "started", "-lost", "-end"]);
}

#[tokio::test]
async fn an_event_stream_reconnects_until_the_host_refuses() {
    let (listener, client) = listen().await;
    let host = async {
        answer(&listener, HEAD).await;
        // First only a proxy answers, then the stopping host, then the restarted host.
        answer(&listener, "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
        answer(&listener, &problem("503 Service Unavailable", "stopping")).await;
        answer(&listener, HEAD).await;
        answer(&listener, &problem("404 Not Found", "unknown-job")).await;
    };
    let client_side = async {
        let mut stream = client.job_events("mail.send", 7).await.expect("an event stream");
        let mut items = Vec::new();
        loop {
            match stream.next().await {
                Ok(item) => items.push(item),
                Err(error) => return (items, error),
            }
        }
    };
    let ((), (items, error)) = tokio::join!(host, client_side);
    assert_eq!(kinds(&items), ["-lost", "-back", "-lost"]);
    assert_eq!(error.code(), Some("unknown-job"));
    assert_eq!(error.to_string(), "the detail (unknown-job)");
}

#[tokio::test]
async fn an_unreachable_host_is_retried_for_a_limited_time() {
    let (listener, client) = listen().await;
    let client = client.with_retry_for(Duration::from_millis(50));
    let (mut stream, _) =
        tokio::join!(async { client.events(None).await.expect("an event stream") }, answer(&listener, HEAD));
    assert_eq!(kinds(&[stream.next().await.expect("an item")]), ["-lost"]);
    drop(listener);
    assert!(matches!(stream.next().await, Err(ClientError::Unreachable { .. })));
}

#[tokio::test]
async fn a_host_that_was_never_reached_is_not_retried() {
    let (listener, client) = listen().await;
    drop(listener);
    assert!(matches!(client.events(None).await.err(), Some(ClientError::Unreachable { .. })));
    assert!(matches!(client.tasks().await, Err(ClientError::Unreachable { .. })));
    let error = client.add("echo", &serde_json::from_str("{}").expect("valid JSON"), "key").await.err();
    assert!(matches!(error, Some(ClientError::Unreachable { .. })), "{error:?}");
}
