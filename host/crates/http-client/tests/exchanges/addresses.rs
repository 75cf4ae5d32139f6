//! The address that a name has decides, at every connection: whichever way it is written, and whenever it changes.

use saggar_http_client::HttpErrorKind;

use crate::fixture::{Client, exchange, granted, local, request};
use crate::server::{Reply, Server};

#[tokio::test]
async fn an_address_that_is_not_public_needs_a_granted_network() {
    let server = Server::start(|_| Reply::ok("hello")).await;
    let client = Client::new();
    client.names.set("inner.test", &[&["127.0.0.1"]]);
    for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "inner.test"] {
        let url = server.url("http", host, "/");
        let denied = client.exchange(&granted(&url, &[]), request(&url)).await;
        assert_eq!(denied, Err(HttpErrorKind::AddressDenied), "{host}");
    }
    assert_eq!(server.connections(), 0, "nothing was sent");
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "inner.test", "INNER.test."] {
        let response = client.get(&server.url("http", host, "/")).await;
        assert_eq!(response.map(|response| response.body), Ok("hello".into()), "{host}");
    }
}

/// None of these spellings reaches a resolver, which could understand it as 127.0.0.1.
#[tokio::test]
async fn other_spellings_of_an_address_are_not_understood() {
    let client = Client::new();
    for host in
        ["127.1", "0177.0.0.1", "0x7f.1", "0x7f000001", "2130706433", "127.0.0.1.", "%31%32%37.0.0.1", "[::1%25lo]"]
    {
        let url = format!("http://{host}/");
        let refused = client.exchange(&granted("http://a/", &["127.0.0.0/8", "::1"]), request(&url)).await;
        assert_eq!(refused, Err(HttpErrorKind::InvalidRequest), "{host}");
    }
    assert_eq!(client.names.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn names_that_lead_inside_are_denied() {
    let client = Client::new();
    for address in [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.20.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "169.254.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
    ] {
        client.names.set("inner.test", &[&[address]]);
        let denied = client.exchange(&granted("http://a/", &[]), request("http://inner.test/")).await;
        assert_eq!(denied, Err(HttpErrorKind::AddressDenied), "{address}");
    }
}

/// The name has an allowed address when it is checked, and another one a moment later: the connection goes to the
/// address that was checked, and the next connection is checked again.
#[tokio::test]
async fn a_name_that_changes_between_check_and_use_gains_nothing() {
    let allowed = Server::start(|_| Reply::Last(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec())).await;
    let inner = Server::start_at(&format!("127.0.0.2:{}", allowed.address.port()), None, |_| Reply::ok("inner")).await;
    for (changed, expected) in [
        ("127.0.0.2", HttpErrorKind::AddressDenied),
        ("169.254.169.254", HttpErrorKind::AddressDenied),
        ("10.0.0.1", HttpErrorKind::AddressDenied),
        ("::ffff:127.0.0.2", HttpErrorKind::AddressDenied),
    ] {
        let client = Client::new();
        client.names.set("rebind.test", &[&["127.0.0.1"], &[changed]]);
        let url = allowed.url("http", "rebind.test", "/");
        assert_eq!(client.get(&url).await.map(|response| response.body), Ok("ok".into()), "{changed}");
        assert_eq!(client.names.asked().len(), 1, "nothing resolves the name again after the check");
        assert_eq!(client.get(&url).await, Err(expected), "{changed}");
        assert_eq!(client.names.asked().len(), 2);
    }
    assert_eq!(inner.connections(), 0);
}

#[tokio::test]
async fn of_several_addresses_only_allowed_ones_are_tried() {
    let allowed = Server::start(|_| Reply::ok("allowed")).await;
    let inner = Server::start_at(&format!("127.0.0.2:{}", allowed.address.port()), None, |_| Reply::ok("inner")).await;
    let client = Client::new();
    client.names.set("both.test", &[&["127.0.0.2", "127.0.0.1"]]);
    let response = client.get(&allowed.url("http", "both.test", "/")).await;
    assert_eq!(response.map(|response| response.body), Ok("allowed".into()));
    assert_eq!(inner.connections(), 0);
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_followed_by_the_next() {
    let server = Server::start(|_| Reply::ok("hello")).await;
    let client = Client::new();
    client.names.set("both.test", &[&["127.0.0.3", "127.0.0.1"]]);
    let url = server.url("http", "both.test", "/");
    let response = client.exchange(&granted(&url, &["127.0.0.0/8"]), request(&url)).await;
    assert_eq!(response.map(|response| response.body), Ok("hello".into()));
}

#[tokio::test]
async fn the_origin_and_the_method_are_compared_first() {
    let server = Server::start(|_| Reply::ok("hello")).await;
    let client = Client::new();
    client.names.set("api.test", &[&["127.0.0.1"]]);
    let url = server.url("http", "api.test", "/");
    let elsewhere = granted("https://api.test/", &["127.0.0.1"]);
    assert_eq!(client.exchange(&elsewhere, request(&url)).await, Err(HttpErrorKind::NotGranted));
    let mut granted = local(&url);
    granted.methods = [saggar_grant::Method::Get].into_iter().collect();
    for method in ["POST", "CONNECT", "TRACE", "get", "PROPFIND", "GET /x HTTP/1.1\r\n\r\n"] {
        let mut request = request(&url);
        request.method = method.into();
        let refused = exchange(&client.http, &granted, request).await.expect_err(method);
        assert_eq!(refused.kind, HttpErrorKind::NotGranted, "{method}");
    }
    assert_eq!((client.names.asked().len(), server.connections()), (0, 0));
    assert!(client.exchange(&granted, request(&url)).await.is_ok());
}

#[tokio::test]
async fn a_name_without_an_address_is_named() {
    let client = Client::new();
    client.names.set("empty.test", &[&[]]);
    for name in ["unknown.test", "empty.test"] {
        let url = format!("http://{name}/");
        let error = exchange(&client.http, &local(&url), request(&url)).await.expect_err(name);
        assert_eq!(error.kind, HttpErrorKind::UnknownName);
        assert!(error.message.contains(name), "{error}");
    }
}
