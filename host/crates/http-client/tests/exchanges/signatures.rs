//! A secret that signs: the server gets the signature of what the guest sends, and the guest has neither key nor signature.

use saggar_grant::{SecretGrant, SignatureAlgorithm, SignatureEncoding, SignedMessage, Signing};
use saggar_http_client::{HttpErrorKind, HttpRequest};

use crate::fixture::{Client, exchange, local, request, secret, set_secrets};
use crate::server::{Reply, Server};

const KEY: &str = "whsec_0123456789";

/// A secret that signs this message of requests to an origin.
fn signing(origin: &str, encoding: SignatureEncoding, message: &str) -> SecretGrant {
    let message = SignedMessage::parse(message).expect("a message");
    let signing = Signing { algorithm: SignatureAlgorithm::HmacSha256, encoding, message };
    SecretGrant { signing: Some(signing), ..secret("hook", origin, "x-signature") }
}

/// A request with a time and a signature.
fn signed(url: &str, headers: &[(&str, &str)], body: impl Into<bytes::Bytes>) -> HttpRequest {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    HttpRequest { method: "POST".into(), headers: headers.collect(), body: body.into(), ..request(url) }
}

#[tokio::test]
async fn the_server_gets_the_signature_of_the_request() {
    let server = Server::start(|received| Reply::ok(&received.head)).await;
    let url = server.url("http", "127.0.0.1", "/");
    let grant = signing(url.trim_end_matches('/'), SignatureEncoding::Hex, "{x-timestamp}.{body}");
    let client = Client::new();
    set_secrets(&client.http, &[(&grant, KEY)]);
    let mut granted = local(&url);
    granted.secrets.push(grant);
    let headers = [("x-signature", "t=1700000000,v1=$HMAC.hook"), ("x-timestamp", "1700000000")];
    let response = client.exchange(&granted, signed(&url, &headers, r#"{"a":1}"#)).await.expect("a response");
    let head = &server.received()[0].head;
    // HMAC-SHA256 of `1700000000.{"a":1}` with the key.
    let expected = "x-signature: t=1700000000,v1=c75d84a628205406f4ed4a2276b40fda417d7ffa69dc3886db7fb9bf0cbd7cc1\r\n";
    assert!(head.contains(expected), "{head}");
    assert_eq!(server.received()[0].body, br#"{"a":1}"#);
    assert!(!format!("{response:?}").contains("0123456789"), "{response:?}");
}

/// Large bodies are signed on another thread, with the same result.
#[tokio::test]
async fn large_bodies_are_signed_as_well() {
    let server = Server::start(|_| Reply::ok("")).await;
    let url = server.url("http", "127.0.0.1", "/");
    let grant = signing(url.trim_end_matches('/'), SignatureEncoding::Base64, "{x-timestamp}.{body}");
    let client = Client::new();
    set_secrets(&client.http, &[(&grant, KEY)]);
    let mut granted = local(&url);
    granted.secrets.push(grant);
    let headers = [("x-timestamp", "1700000000"), ("x-signature", "v1,$HMAC.hook")];
    client.exchange(&granted, signed(&url, &headers, vec![b'x'; 300 << 10])).await.expect("a response");
    let head = &server.received()[0].head;
    assert!(head.contains("x-signature: v1,BiGZ738lJNmV3ZxVKpvlx+3hLHEhpRse1kT6CK6lIzI=\r\n"), "{head}");
}

#[tokio::test]
async fn what_cannot_be_signed_is_not_sent() {
    let server = Server::start(|_| Reply::ok("")).await;
    let url = server.url("http", "127.0.0.1", "/");
    let origin = url.trim_end_matches('/');
    let (hook, plain) =
        (signing(origin, SignatureEncoding::Hex, "{x-timestamp}.{body}"), secret("plain", origin, "authorization"));
    let client = Client::new();
    set_secrets(&client.http, &[(&hook, KEY), (&plain, KEY)]);
    let mut granted = local(&url);
    granted.secrets.extend([hook, plain]);
    let time = ("x-timestamp", "1");
    for (headers, kind, why) in [
        (&[("x-signature", "$HMAC.hook")][..], HttpErrorKind::InvalidRequest, "missing"),
        (&[("x-signature", "$HMAC.hook"), time, time], HttpErrorKind::InvalidRequest, "more than once"),
        (&[("x-signature", "$SECRET.hook"), time], HttpErrorKind::NotGranted, "is not sent: write `$HMAC.hook`"),
        (&[("x-other", "$HMAC.hook"), time], HttpErrorKind::NotGranted, "in the header `x-signature`"),
        (&[("authorization", "$HMAC.plain"), time], HttpErrorKind::NotGranted, "does not grant `sign`"),
        (&[("x-signature", "$HMAC.unknown"), time], HttpErrorKind::NotGranted, "add it to `sandbox.secrets`"),
    ] {
        let error = exchange(&client.http, &granted, signed(&url, headers, "{}")).await.expect_err(why);
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(why) && !error.message.contains(KEY), "{error}");
    }
    assert_eq!(server.connections(), 0);
}
