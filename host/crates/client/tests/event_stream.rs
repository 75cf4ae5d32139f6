//! Event streams over lost connections, against a scripted host: what it is asked, and what it answers.

use std::time::Duration;

use saggar_client::{Client, ClientError, StreamItem};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// The head of the next request, and its connection.
async fn asked(listener: &TcpListener) -> (Vec<String>, TcpStream) {
    let (stream, _) = listener.accept().await.expect("it works here");
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("it works here");
        match line.trim_end() {
            "" => return (head, stream.into_inner()),
            line => head.push(line.to_ascii_lowercase()),
        }
    }
}

/// Answers the next request with these bytes and closes the connection.
async fn answer(listener: &TcpListener, bytes: &str) -> Vec<String> {
    let (head, mut stream) = asked(listener).await;
    stream.write_all(bytes.as_bytes()).await.expect("it works here");
    head
}

fn problem(status: &str, code: &str) -> String {
    let document = format!(
        r#"{{"type":"t","title":"t","status":503,"detail":"it is so","code":"{code}","instance":"/","unknown":1}}"#
    );
    let length = document.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\n\r\n{document}")
}

async fn listen() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("it works here");
    let url = format!("http://{}", listener.local_addr().expect("it works here"));
    (listener, Client::new(&url, Some("secret")).expect("it works here"))
}

fn kinds(heard: &[StreamItem]) -> Vec<&str> {
    let kind = |followed: &StreamItem| match followed {
        StreamItem::Event(event) => Box::leak(event.kind.clone().into_boxed_str()),
        StreamItem::Disconnected(_) => "-lost",
        StreamItem::Reconnected => "-back",
        StreamItem::End => "-end",
    };
    heard.iter().map(kind).collect()
}

#[tokio::test]
async fn a_cut_is_told_and_the_last_id_handed_back() {
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
    let following = async {
        let mut follow = client.events(Some("mail.send")).await.expect("it works here");
        let mut heard = Vec::new();
        while heard.last() != Some(&StreamItem::End) {
            heard.push(follow.next().await.expect("it works here"));
        }
        heard
    };
    let ((), heard) = tokio::join!(host, following);
    assert_eq!(kinds(&heard), ["added", "-lost", "-back", "started", "-lost", "-end"]);
}

#[tokio::test]
async fn a_host_that_is_gone_for_a_moment_is_waited_for() {
    let (listener, client) = listen().await;
    let host = async {
        answer(&listener, HEAD).await;
        // First only the proxy answers, then the host, which is still stopping, then the next host.
        answer(&listener, "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
        answer(&listener, &problem("503 Service Unavailable", "stopping")).await;
        answer(&listener, HEAD).await;
        answer(&listener, &problem("404 Not Found", "unknown-job")).await;
    };
    let following = async {
        let mut follow = client.job_events("mail.send", 7).await.expect("it works here");
        let mut heard = Vec::new();
        loop {
            match follow.next().await {
                Ok(followed) => heard.push(followed),
                Err(error) => return (heard, error),
            }
        }
    };
    let ((), (heard, error)) = tokio::join!(host, following);
    assert_eq!(kinds(&heard), ["-lost", "-back", "-lost"]);
    assert_eq!(error.code(), Some("unknown-job"));
    assert_eq!(error.to_string(), "it is so (unknown-job)");
}

#[tokio::test]
async fn patience_has_an_end() {
    let (listener, client) = listen().await;
    let client = client.with_retry_for(Duration::from_millis(50));
    let (mut follow, _) =
        tokio::join!(async { client.events(None).await.expect("it works here") }, answer(&listener, HEAD));
    assert_eq!(kinds(&[follow.next().await.expect("it works here")]), ["-lost"]);
    drop(listener);
    assert!(matches!(follow.next().await, Err(ClientError::Unreachable { .. })));
}

#[tokio::test]
async fn a_host_that_was_never_there_is_not_waited_for() {
    let (listener, client) = listen().await;
    drop(listener);
    assert!(matches!(client.events(None).await.err(), Some(ClientError::Unreachable { .. })));
    assert!(matches!(client.tasks().await, Err(ClientError::Unreachable { .. })));
    let error = client.add("echo", &serde_json::from_str("{}").expect("it works here"), "key").await.err();
    assert!(matches!(error, Some(ClientError::Unreachable { .. })), "{error:?}");
}
