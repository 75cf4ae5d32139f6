//! TLS: the server's certificate has to be valid for the host of the URL, whatever address it has.

use saggar_http_client::HttpErrorKind;

use crate::fixture::{Client, LONG, SHORT, exchange, granted, local, request};
use crate::server::{Reply, Server};

#[tokio::test]
async fn a_valid_certificate_is_accepted() {
    let server = Server::start_tls("trusted", |received| Reply::ok(received.connection.to_string())).await;
    let client = Client::new();
    client.names.set("api.test", &[&["127.0.0.1"]]);
    for host in ["api.test", "API.test."] {
        let response = client.get(&server.url("https", host, "/")).await;
        assert_eq!(response.map(|response| response.body), Ok("0".into()), "{host}");
    }
    let by_address = client.get(&server.url("https", "127.0.0.1", "/")).await;
    assert_eq!(by_address.map(|response| response.body), Ok("1".into()));
}

#[tokio::test]
async fn invalid_certificates_are_refused() {
    for certificate in ["expired", "unknown"] {
        let server = Server::start_tls(certificate, |_| Reply::ok("")).await;
        let url = server.url("https", "127.0.0.1", "/");
        let error = exchange(&Client::new().http, &local(&url), request(&url)).await.expect_err(certificate);
        assert_eq!(error.kind, HttpErrorKind::TlsFailed, "{error}");
        assert!(server.received().is_empty());
    }
    let server = Server::start_tls("trusted", |_| Reply::ok("")).await;
    let client = Client::new();
    client.names.set("other.test", &[&["127.0.0.1"]]);
    let wrong_name = client.get(&server.url("https", "other.test", "/")).await;
    assert_eq!(wrong_name, Err(HttpErrorKind::TlsFailed), "the certificate is for another name");
    assert!(server.received().is_empty());
}

/// The address is checked before anything is sent, also with TLS.
#[tokio::test]
async fn addresses_are_checked_for_tls_as_well() {
    let server = Server::start_tls("trusted", |_| Reply::ok("")).await;
    let client = Client::new();
    client.names.set("api.test", &[&["127.0.0.1"], &["127.0.0.1"]]);
    let url = server.url("https", "api.test", "/");
    assert_eq!(client.exchange(&granted(&url, &[]), request(&url)).await, Err(HttpErrorKind::AddressDenied));
    assert_eq!(server.connections(), 0);
    assert!(client.get(&url).await.is_ok());
    // The connection is kept, and belongs to its grants.
    assert_eq!(client.exchange(&granted(&url, &[]), request(&url)).await, Err(HttpErrorKind::AddressDenied));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn servers_without_tls_are_refused() {
    let plain = Server::start(|_| Reply::Last(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())).await;
    let url = plain.url("https", "127.0.0.1", "/");
    // It waits for an end of the headers that does not come, as does the client for its handshake.
    let mut silent = request(&url);
    silent.timeouts.connect = SHORT;
    let client = Client::new();
    let answer = client.exchange(&local(&url), silent).await;
    assert_eq!(answer, Err(HttpErrorKind::TimedOut));
    let tls = Server::start_tls("trusted", |_| Reply::ok("")).await;
    let url = tls.url("http", "127.0.0.1", "/");
    let mut request = request(&url);
    request.timeouts.total = LONG;
    let error = client.exchange(&local(&url), request).await.expect_err("TLS is not HTTP");
    assert!([HttpErrorKind::InvalidResponse, HttpErrorKind::ConnectionFailed].contains(&error), "{error:?}");
}
