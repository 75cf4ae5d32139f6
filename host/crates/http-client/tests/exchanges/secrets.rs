//! A secret leaves the host in one header, to one origin, and does not come back.

use std::sync::Mutex;

use saggar_http_client::{HttpErrorKind, HttpRequest, HttpResponse};

use crate::fixture::{Client, exchange, header, local, request, secret, set_secrets};
use crate::server::{Reply, Server};

const VALUE: &str = "sk_live_0123456789";

fn with_header(url: &str, name: &str, value: &str) -> HttpRequest {
    let mut request = request(url);
    request.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    request
}

/// Asserts that nothing of a response shows the secret.
fn assert_hidden(response: &HttpResponse) {
    let shown = format!("{response:?}");
    assert!(!shown.contains("0123456789") && !shown.contains("MTIzNDU2Nz"), "{shown}");
}

/// A service that repeats what it was sent, in some encodings.
async fn echo(tls: bool) -> Server {
    let answer = |received: &crate::server::Received| {
        let value = received.head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
        let token = value.strip_prefix("Bearer ").unwrap_or(value);
        let hexadecimal: String = token.bytes().map(|byte| format!("{byte:02x}")).collect();
        // base64 of `sk_live_0123456789`.
        let base64 = if token == VALUE { "c2tfbGl2ZV8wMTIzNDU2Nzg5" } else { "" };
        let body = format!("{} {token} {{\"token\":\"{token}\"}} {hexadecimal} {base64}", received.head);
        Reply::with(&format!("x-echo: {value}\r\n"), body)
    };
    if tls { Server::start_tls("trusted", answer).await } else { Server::start(answer).await }
}

#[tokio::test]
async fn a_secret_goes_out_and_does_not_come_back() {
    for tls in [false, true] {
        let server = echo(tls).await;
        let scheme = if tls { "https" } else { "http" };
        let url = server.url(scheme, "127.0.0.1", "/");
        let grant = secret("it", url.trim_end_matches('/'), "authorization");
        let client = Client::new();
        set_secrets(&client.http, &[(&grant, VALUE)]);
        let mut granted = local(&url);
        granted.secrets.push(grant);
        let sent = with_header(&url, "Authorization", "Bearer $SECRET.it");
        let response = client.exchange(&granted, sent).await.expect("a response");
        let head = &server.received()[0].head;
        assert!(head.contains(&format!("authorization: Bearer {VALUE}\r\n")), "the server gets it: {head}");
        assert_hidden(&response);
        assert_eq!(header(&response, "x-echo"), Some("Bearer $SECRET.it"));
        let text = String::from_utf8(response.body.to_vec()).unwrap();
        assert_eq!(text.matches("$SECRET.it").count(), 5, "{text}");
        assert_eq!(header(&response, "content-length"), Some(text.len().to_string().as_str()));
    }
}

/// A service that keeps what it was sent and shows it to the next who asks: another task of the app, which may not use the
/// secret, does not see it either.
#[tokio::test]
async fn a_service_that_remembers_shows_it_to_no_task_of_the_app() {
    let last = Mutex::new(String::new());
    let server = Server::start(move |received| {
        let mut last = last.lock().unwrap();
        let shown = last.clone();
        last.clone_from(&received.head);
        Reply::ok(shown)
    })
    .await;
    let url = server.url("http", "127.0.0.1", "/");
    let grant = secret("it", url.trim_end_matches('/'), "authorization");
    let client = Client::new();
    set_secrets(&client.http, &[(&grant, VALUE)]);
    let mut granted = local(&url);
    granted.secrets.push(grant);
    client.exchange(&granted, with_header(&url, "authorization", "$SECRET.it")).await.expect("a response");
    let response = client.exchange(&local(&url), request(&url)).await.expect("a response");
    assert_hidden(&response);
    assert!(String::from_utf8_lossy(&response.body).contains("authorization: $SECRET.it"), "{response:?}");
}

#[tokio::test]
async fn placeholders_elsewhere_send_nothing() {
    let (server, elsewhere) = (echo(false).await, echo(false).await);
    let url = server.url("http", "127.0.0.1", "/");
    let grant = secret("it", url.trim_end_matches('/'), "authorization");
    let other = secret("other", url.trim_end_matches('/'), "authorization");
    let client = Client::new();
    set_secrets(&client.http, &[(&grant, VALUE), (&other, VALUE)]);
    let (mut granted, mut of_elsewhere) = (local(&url), local(&elsewhere.url("http", "127.0.0.1", "/")));
    granted.secrets.push(grant.clone());
    of_elsewhere.secrets.push(grant);
    for (name, value) in [
        ("x-other", "$SECRET.it"),
        ("cookie", "a=$SECRET.it"),
        ("authorization", "Bearer $SECRET.other"),
        ("authorization", "Bearer $SECRET.unknown"),
        ("authorization", "Bearer $SECRET."),
    ] {
        let refused = exchange(&client.http, &granted, with_header(&url, name, value)).await.expect_err(value);
        assert_eq!(refused.kind, HttpErrorKind::NotGranted, "{name}: {value}");
        assert!(!refused.message.contains(VALUE), "{refused}");
    }
    let in_url = request(&server.url("http", "127.0.0.1", "/?key=$SECRET.it"));
    assert_eq!(client.exchange(&granted, in_url).await, Err(HttpErrorKind::InvalidRequest));
    let to_another = with_header(&elsewhere.url("http", "127.0.0.1", "/"), "authorization", "$SECRET.it");
    assert_eq!(client.exchange(&of_elsewhere, to_another).await, Err(HttpErrorKind::NotGranted));
    assert_eq!((server.connections(), elsewhere.connections()), (0, 0));
    // In a body it is text like any other.
    let mut in_body = request(&url);
    (in_body.method, in_body.body) = ("POST".into(), "$SECRET.it".into());
    client.exchange(&granted, in_body).await.expect("a response");
    assert_eq!(server.received()[0].body, b"$SECRET.it");
}

/// The host has to be able to read what it searches.
#[tokio::test]
async fn responses_of_such_an_origin_are_neither_compressed_nor_in_pieces() {
    let server = Server::start(|_| Reply::with("content-encoding: gzip\r\n", "compressed")).await;
    let url = server.url("http", "127.0.0.1", "/");
    let grant = secret("it", url.trim_end_matches('/'), "authorization");
    let client = Client::new();
    set_secrets(&client.http, &[(&grant, VALUE)]);
    let compressed = client.exchange(&local(&url), with_header(&url, "accept-encoding", "gzip")).await;
    assert_eq!(compressed, Err(HttpErrorKind::InvalidResponse));
    assert!(server.received()[0].head.contains("accept-encoding: identity\r\n"));
    let range = client.exchange(&local(&url), with_header(&url, "range", "bytes=5-5")).await;
    assert_eq!(range, Err(HttpErrorKind::InvalidRequest));
    assert_eq!(server.received().len(), 1);
}

/// A redirect to another origin takes no secret along: the guest has to ask again, and the placeholder's rules hold.
#[tokio::test]
async fn a_redirect_takes_no_secret_along() {
    let elsewhere = echo(false).await;
    let location = elsewhere.url("http", "127.0.0.1", "/");
    let server = Server::start({
        let location = location.clone();
        move |_| {
            let response = format!("HTTP/1.1 307 Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
            Reply::Send(response.into_bytes())
        }
    })
    .await;
    let url = server.url("http", "127.0.0.1", "/");
    let grant = secret("it", url.trim_end_matches('/'), "authorization");
    let client = Client::new();
    set_secrets(&client.http, &[(&grant, VALUE)]);
    let (mut granted, mut of_elsewhere) = (local(&url), local(&location));
    granted.secrets.push(grant.clone());
    of_elsewhere.secrets.push(grant);
    let response = client.exchange(&granted, with_header(&url, "authorization", "$SECRET.it")).await;
    assert_eq!(response.map(|response| response.status), Ok(307));
    let followed = client.exchange(&of_elsewhere, with_header(&location, "authorization", "$SECRET.it")).await;
    assert_eq!(followed, Err(HttpErrorKind::NotGranted));
    assert_eq!(elsewhere.connections(), 0);
}

/// Large responses are searched on another thread, with the same result.
#[tokio::test]
async fn large_responses_are_searched_as_well() {
    let server = Server::start(|_| Reply::ok([vec![b'x'; 300 << 10], VALUE.as_bytes().to_vec()].concat())).await;
    let url = server.url("http", "127.0.0.1", "/");
    let grant = secret("it", url.trim_end_matches('/'), "authorization");
    let client = Client::new();
    set_secrets(&client.http, &[(&grant, VALUE)]);
    let mut large = request(&url);
    large.max_response = 1 << 20;
    let response = client.exchange(&local(&url), large).await.expect("a response");
    assert!(response.body.ends_with(b"x$SECRET.it"), "{:?}", response.body.len());
}
