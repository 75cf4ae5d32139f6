//! Bytes that are not a request are answered with a problem document, too.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use saggar_tests::timeout::within;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends all bytes before it reads; returns the whole response.
async fn answered(server: &Server, bytes: &[u8]) -> String {
    within("an answer", async {
        let mut client = TcpStream::connect(server.address()).await.expect("a connection");
        client.write_all(bytes).await.expect("the host continues to read");
        client.shutdown().await.expect("the connection is still open");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an answer in UTF-8");
        answer
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_answered_with_a_problem_document() {
    let app = App::new().simple_task("echo", guests::ECHO);
    let server = Server::start(&app, &[]);
    let large = "x".repeat(1 << 20);
    let many: String = (0..1_000).map(|number| format!("x-{number}: x\r\n")).collect();
    for (bytes, status, code) in [
        ("\u{16}\u{3}\u{1}\u{2}".to_owned(), 400, "malformed-request"),
        ("GET /healthz\r\n\r\n".to_owned(), 400, "malformed-request"),
        ("GET /healthz HTTP/1.1\r\nhost".to_owned(), 400, "malformed-request"),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n".to_owned(), 400, "malformed-request"),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\ntransfer-encoding: x\r\n\r\n".to_owned(), 400, "malformed-request"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400, "malformed-request"),
        (format!("GET /{large} HTTP/1.1\r\n\r\n"), 431, "head-too-large"),
        (format!("GET / HTTP/1.1\r\nx: {large}\r\n\r\n"), 431, "head-too-large"),
        (format!("GET / HTTP/1.1\r\n{many}\r\n"), 431, "head-too-large"),
    ] {
        let shown = &bytes[..bytes.len().min(60)];
        let answer = answered(&server, bytes.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{shown:?}: {answer:?}"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?}: {head}");
        assert!(head.contains("\r\ncontent-type: application/problem+json"), "{shown:?}: {head}");
        let problem: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{shown:?}: {error}: {body}"));
        assert_eq!((&problem["status"], &problem["code"]), (&status.into(), &code.into()), "{shown:?}");
    }
    assert_eq!(server.get("/healthz").await.status, 200);
    server.stop();
}
