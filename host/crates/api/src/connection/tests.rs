//! Connections over sockets in memory, with a paused clock that advances automatically.

use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use axum::routing::get;
use saggar_wire::Problem;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

const LOCAL: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Bytes that a socket buffers in each direction.
const SOCKET_BYTES: usize = 16 * 1024;

struct Server {
    client: DuplexStream,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

#[expect(clippy::disallowed_methods, reason = "the test awaits the task")]
fn serve(router: Router) -> Server {
    let (client, stream) = duplex(SOCKET_BYTES);
    let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
    let connections = Connections { router, limits: Limits::default(), stop: stop.clone(), abort };
    Server {
        client,
        stop,
        serving: tokio::spawn(connections.serve(
            stream,
            Arc::default(),
            Instant::now() + Limits::default().head_time,
            LOCAL,
        )),
    }
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

/// A streaming answer without an end, whose pieces are always ready.
fn flood() -> Router {
    let answer = async || {
        let pieces =
            futures_util::stream::repeat(Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b'x'; 1_000])));
        let mut response = Body::from_stream(pieces).into_response();
        response.extensions_mut().insert(Streaming);
        response
    };
    Router::new().route("/", get(answer))
}

const GET: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Returns everything that the server answers to `bytes`. The server may not read all of them.
async fn answered(bytes: &[u8]) -> String {
    let Server { client, serving, .. } = serve(hello());
    let (mut reader, mut writer) = tokio::io::split(client);
    let mut text = String::new();
    let (_, read) = tokio::join!(writer.write_all(bytes), reader.read_to_string(&mut text));
    read.unwrap();
    drop((reader, writer));
    serving.await.unwrap();
    text
}

#[track_caller]
fn problem(answer: &str) -> Problem {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let problem: Problem = serde_json::from_str(body).unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {} ", problem.status)), "{head}");
    assert!(head.contains("\r\ncontent-type: application/problem+json\r\n"), "{head}");
    assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
    assert!(head.contains("\r\ndate: ") && head.contains("\r\nconnection: close"), "{head}");
    problem
}

#[tokio::test(start_paused = true)]
async fn malformed_requests_are_answered_with_a_problem_document() {
    let long = "x".repeat(100_000);
    let headers: String = (0..200).map(|number| format!("x-{number}: x\r\n")).collect();
    let cases = [
        ("nonsense\r\n\r\n".to_owned(), Code::MalformedRequest),
        ("\u{0}\u{1}\u{2}".to_owned(), Code::MalformedRequest),
        ("GET / HTTP/3.0\r\n\r\n".to_owned(), Code::MalformedRequest),
        ("GET / HTTP/1.1\r\nbad header\r\n\r\n".to_owned(), Code::MalformedRequest),
        ("GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n".to_owned(), Code::MalformedRequest),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), Code::MalformedRequest),
        (format!("GET /{long} HTTP/1.1\r\n\r\n"), Code::HeadTooLarge),
        (format!("GET / HTTP/1.1\r\nx: {long}\r\n\r\n"), Code::HeadTooLarge),
        (format!("GET / HTTP/1.1\r\n{headers}\r\n"), Code::HeadTooLarge),
        // More than the host reads and the socket buffers.
        (format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", long.repeat(50)), Code::HeadTooLarge),
    ];
    for (bytes, code) in cases {
        let shown = &bytes[..bytes.len().min(60)];
        let problem = problem(&answered(bytes.as_bytes()).await);
        assert_eq!((problem.code.as_str(), problem.instance.as_str()), (code.name(), ""), "{shown:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_before_a_malformed_one_are_answered() {
    let answer = answered(format!("{GET}{GET}nonsense\r\n\r\n").as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    let (_, last) = answer.rsplit_once("hello").unwrap();
    assert_eq!(problem(last).code, "malformed-request");
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_head_is_refused_and_an_idle_connection_is_closed() {
    let began = Instant::now();
    assert_eq!(problem(&answered(b"GET / HT").await).code, "head-timeout");
    assert_eq!(began.elapsed().as_secs(), Limits::default().head_time.as_secs());
    assert_eq!(answered(b"").await, "");
    let answer = answered(GET.as_bytes()).await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");

    let Server { mut client, serving, .. } = serve(hello());
    client.write_all(b"GET / HT").await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert_eq!(problem(&answer).code, "malformed-request");
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_disconnected_but_a_slow_one_is_not() {
    let limit = Limits::default().write_time;
    let Server { mut client, serving, .. } = serve(flood());
    client.write_all(GET.as_bytes()).await.unwrap();
    let mut some = vec![0; SOCKET_BYTES];
    for _ in 0..10 {
        tokio::time::sleep(limit - Duration::from_secs(1)).await;
        client.read_exact(&mut some).await.unwrap();
    }
    let (read_at, ()) = (Instant::now(), serving.await.unwrap());
    assert_eq!(read_at.elapsed(), limit);
}

/// Reads until the answers so far end with `end`.
async fn read_until(client: &mut DuplexStream, end: &str) {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        text.push(client.read_u8().await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_an_answer_after_an_earlier_streaming_answer() {
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let begun = Arc::new(std::sync::Mutex::new(Some(begun)));
    let slow = async move || {
        begun.lock().unwrap().take().unwrap().send(()).unwrap();
        tokio::time::sleep(STREAMING_GRACE * 3).await;
        "complete"
    };
    let streaming = async || (axum::Extension(Streaming), "over");
    let router = Router::new().route("/", get(slow)).route("/streaming", get(streaming));
    let Server { mut client, stop, serving } = serve(router);
    client.write_all(GET.replace("/ ", "/streaming ").as_bytes()).await.unwrap();
    read_until(&mut client, "over").await;
    client.write_all(GET.as_bytes()).await.unwrap();
    has_begun.await.unwrap();
    stop.cancel();
    read_until(&mut client, "complete").await;
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_client_that_was_refused_before() {
    let Server { mut client, stop, serving } = serve(hello());
    client.write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    read_until(&mut client, "\r\n\r\n").await;
    let began = Instant::now();
    stop.cancel();
    serving.await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_client_that_reads_nothing_of_a_streaming_answer() {
    let Server { mut client, stop, serving } = serve(flood());
    client.write_all(GET.as_bytes()).await.unwrap();
    let mut first = [0; 1];
    client.read_exact(&mut first).await.unwrap();
    let began = Instant::now();
    stop.cancel();
    serving.await.unwrap();
    assert_eq!(began.elapsed(), STREAMING_GRACE);
}
