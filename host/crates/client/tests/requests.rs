//! Requests against a scripted host: retries after a lost connection, and responses of other servers.

use saggar_client::{Client, ClientError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn listen() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let url = format!("http://{}/behind/", listener.local_addr().expect("an address"));
    (listener, Client::new(&url, None).expect("a client"))
}

/// Reads a request, answers it with these bytes, and closes the connection.
async fn answer(listener: &TcpListener, bytes: &str) -> String {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut request = String::new();
    // A body here is a flat JSON object, so it ends with the first brace.
    while !(request.ends_with('}') || request.starts_with("GET") && request.ends_with("\r\n\r\n")) {
        let mut piece = [0; 4096];
        let bytes = stream.read(&mut piece).await.expect("a part of the request");
        assert_ne!(bytes, 0, "incomplete request: {request}");
        request.push_str(std::str::from_utf8(&piece[..bytes]).expect("UTF-8"));
    }
    stream.write_all(bytes.as_bytes()).await.expect("a written response");
    request
}

fn json(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

#[tokio::test]
async fn add_is_retried_with_the_same_key_after_a_lost_connection() {
    let (listener, client) = listen().await;
    let job = serde_json::from_str(r#"{"args":[1.50]}"#).expect("valid JSON");
    let host = async {
        // The host crashes; it may have added the job before.
        let first = answer(&listener, "").await;
        let second =
            answer(&listener, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{").await;
        let third = answer(&listener, &json(r#"{"id":7,"new":true}"#)).await;
        [first, second, third]
    };
    // The first request is retried although no host has answered yet, because its connection was accepted.
    let client_side = async { client.add("mail.send", &job, "once").await.expect("an added job") };
    let (requests, added) = tokio::join!(host, client_side);
    assert_eq!((added.text(), added.parse().expect("the document").id), (r#"{"id":7,"new":true}"#, 7));
    for request in requests {
        assert!(request.starts_with("POST /behind/v1/tasks/mail.send/jobs HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("idempotency-key: once\r\n") && request.ends_with(r#"{"args":[1.50]}"#), "{request}");
    }
}

#[tokio::test]
async fn a_change_is_not_retried_after_a_lost_connection() {
    let (listener, client) = listen().await;
    let host = async {
        answer(&listener, &json(r#"{"tasks":[],"orphans":[],"new":"member"}"#)).await;
        let (stream, _) = listener.accept().await.expect("a connection");
        drop(stream);
    };
    let client_side = async {
        assert!(client.tasks().await.expect("a response").parse().expect("the document").tasks.is_empty());
        client.cancel("mail.send", 7).await
    };
    let ((), cancelled) = tokio::join!(host, client_side);
    assert!(matches!(cancelled, Err(ClientError::ConnectionLost { .. })), "{cancelled:?}");
}

#[tokio::test]
async fn responses_of_other_servers_are_recognized() {
    let (listener, client) = listen().await;
    let responses = [
        ("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi", "text/html"),
        ("HTTP/1.1 301 Moved\r\nlocation: http://elsewhere/\r\ncontent-length: 0\r\n\r\n", "http://elsewhere/"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "404"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
    ];
    for (bytes, expected) in responses {
        let (result, _) = tokio::join!(client.tasks(), answer(&listener, bytes));
        let error = result.unwrap_err();
        assert!(matches!(error, ClientError::NotSaggar { .. }) && error.to_string().contains(expected), "{error}");
    }
    let list = json("[]");
    let (result, _) = tokio::join!(client.tasks(), answer(&listener, &list));
    assert!(matches!(result.expect("a response").parse(), Err(ClientError::InvalidResponse(_))));
}

#[tokio::test]
async fn invalid_ids_keys_and_tokens_are_refused_without_a_request() {
    let client = Client::new("http://127.0.0.1:1", None).expect("a client");
    assert!(matches!(client.get("..", 7).await, Err(ClientError::InvalidTaskId(_))));
    let job = serde_json::from_str("{}").expect("valid JSON");
    for bad in ["", " a ", "a\nb", "ü", &"k".repeat(256)] {
        assert!(matches!(client.add("echo", &job, bad).await, Err(ClientError::InvalidKey { .. })), "{bad}");
    }
    assert!(matches!(Client::new("http://h", Some("a\nb")), Err(ClientError::InvalidToken)));
}
