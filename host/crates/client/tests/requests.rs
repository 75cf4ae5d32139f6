//! Requests against a scripted host: what is retried after a lost connection, and answers of others than hosts.

use saggar_client::{Client, ClientError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn listen() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("it works here");
    let url = format!("http://{}/behind/", listener.local_addr().expect("it works here"));
    (listener, Client::new(&url, None).expect("it works here"))
}

/// Reads a request, answers it with these bytes, closes the connection.
async fn answer(listener: &TcpListener, bytes: &str) -> String {
    let (mut stream, _) = listener.accept().await.expect("it works here");
    let mut request = String::new();
    // Bodies here have one part, which ends with a brace.
    while !(request.ends_with('}') || request.starts_with("GET") && request.ends_with("\r\n\r\n")) {
        let mut piece = [0; 4096];
        let bytes = stream.read(&mut piece).await.expect("it works here");
        assert_ne!(bytes, 0, "the request breaks off: {request}");
        request.push_str(std::str::from_utf8(&piece[..bytes]).expect("it works here"));
    }
    stream.write_all(bytes.as_bytes()).await.expect("it works here");
    request
}

fn json(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

#[tokio::test]
async fn an_add_is_made_again_with_the_same_key_after_a_cut() {
    let (listener, client) = listen().await;
    let job = serde_json::from_str(r#"{"args":[1.50]}"#).expect("it works here");
    let host = async {
        // The host may do what it is asked, and dies.
        let first = answer(&listener, "").await;
        let second =
            answer(&listener, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{").await;
        let third = answer(&listener, &json(r#"{"id":7,"new":true}"#)).await;
        [first, second, third]
    };
    // The first request is cut: something accepted the connection, so it is retried.
    let asking = async { client.add("mail.send", &job, "once").await.expect("it works here") };
    let (requests, added) = tokio::join!(host, asking);
    assert_eq!((added.text(), added.parse().expect("it works here").id), (r#"{"id":7,"new":true}"#, 7));
    for request in requests {
        assert!(request.starts_with("POST /behind/v1/tasks/mail.send/jobs HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("idempotency-key: once\r\n") && request.ends_with(r#"{"args":[1.50]}"#), "{request}");
    }
}

#[tokio::test]
async fn a_change_that_may_have_been_made_is_not_made_again() {
    let (listener, client) = listen().await;
    let host = async {
        answer(&listener, &json(r#"{"tasks":[],"orphans":[],"new":"member"}"#)).await;
        let (stream, _) = listener.accept().await.expect("it works here");
        drop(stream);
    };
    let asking = async {
        assert!(client.tasks().await.expect("it works here").parse().expect("it works here").tasks.is_empty());
        client.cancel("mail.send", 7).await
    };
    let ((), cancelled) = tokio::join!(host, asking);
    assert!(matches!(cancelled, Err(ClientError::ConnectionLost { .. })), "{cancelled:?}");
}

#[tokio::test]
async fn others_than_hosts_are_known_as_such() {
    let (listener, client) = listen().await;
    let strangers = [
        ("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi", "text/html"),
        ("HTTP/1.1 301 Moved\r\nlocation: http://elsewhere/\r\ncontent-length: 0\r\n\r\n", "http://elsewhere/"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "404"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
    ];
    for (bytes, named) in strangers {
        let (asked, _) = tokio::join!(client.tasks(), answer(&listener, bytes));
        let error = asked.unwrap_err();
        assert!(matches!(error, ClientError::NotSaggar { .. }) && error.to_string().contains(named), "{error}");
    }
    let list = json("[]");
    let (asked, _) = tokio::join!(client.tasks(), answer(&listener, &list));
    assert!(matches!(asked.expect("it works here").parse(), Err(ClientError::InvalidResponse(_))));
}

#[tokio::test]
async fn what_no_host_could_understand_is_not_sent() {
    let client = Client::new("http://127.0.0.1:1", None).expect("it works here");
    assert!(matches!(client.get("..", 7).await, Err(ClientError::InvalidTaskId(_))));
    let job = serde_json::from_str("{}").expect("it works here");
    for bad in ["", " a ", "a\nb", "ü", &"k".repeat(256)] {
        assert!(matches!(client.add("echo", &job, bad).await, Err(ClientError::InvalidKey { .. })), "{bad}");
    }
    assert!(matches!(Client::new("http://h", Some("a\nb")), Err(ClientError::InvalidToken)));
}
