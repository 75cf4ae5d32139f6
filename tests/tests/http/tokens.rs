//! Authorization: each route without a token, with tokens of each role, and with an invalid token.

use std::time::Duration;

use reqwest::Method;
use saggar::api::{Limits, Role, Token, Tokens};
use saggar_tests::client::{ApiResponse, client, send};
use saggar_tests::host::{TestHost, listen};
use saggar_tests::routes::{ROUTES, Route, find};
use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::stage::{app, serve, serve_with};

/// Each token is its role with `-token` appended.
const TOKENS: [&str; 6] = [
    "--token",
    "admin:10a4c7c9fc5206d6f36dc6944a81bb6f4a3cb0e25014ae3b12e6c3e52712292a",
    "--token",
    "write:ab893cb32670dc9e3bf2563af8d7487b88c279c5850c76f35d6eafa8fa34acf2",
    "--token",
    "read:0328587016f9e316b9c31c94f944a2c453e1494a564062b5eab68039c75b58bf",
];

/// In order of increasing permissions.
const ROLES: [&str; 3] = ["read", "write", "admin"];

/// Returns all operations of the OpenAPI document, and whether each is public.
fn operations() -> Vec<(String, String, bool)> {
    let document: Value = serde_json::from_str(saggar::api::openapi()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").clone();
    let mut all = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            all.push((method.clone(), path.clone(), operation["security"] == json!([{}])));
        }
    }
    all
}

/// Returns the path of a route for what the app has.
fn path_of(route: &Route) -> String {
    let path = route.path.replace("{task}", "mail.send").replace("{id}", "1").replace("{tenant}", "default");
    path.replace("{name}", "plugins.echo")
}

/// Returns the status of a route, without reading the body, which may be endless.
async fn status(server: &Server, route: &Route, headers: &[(&str, &str)]) -> u16 {
    let path = path_of(route);
    let method: Method = route.method.to_uppercase().parse().expect("a method");
    let mut request = server.request(method.clone(), &path);
    if method == Method::POST {
        let body = route.body_with("{}", 1).unwrap_or_else(|| "{}".to_owned());
        request = request.header("content-type", "application/json").body(body);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"));
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_requires_its_role() {
    let server = serve_with(&TOKENS);
    let admin = server.request(Method::POST, "/v1/tasks/mail.send/jobs").bearer_auth("admin-token");
    assert_eq!(send(admin.json(&json!({}))).await.status, 201);
    let ended = server.request(Method::GET, "/v1/tasks/mail.send/jobs/1?wait=60s").bearer_auth("read-token");
    assert_eq!(send(ended).await.body["status"], "SUCCESS");
    for (method, path, is_open) in operations() {
        let route = find(&method, &path).unwrap_or_else(|| panic!("{method} {path} is new; add it to `ROUTES`"));
        let needs = route.role;
        assert_eq!(is_open, needs.is_none(), "{method} {path}");
        let ask = async |headers: &[(&str, &str)]| status(&server, route, headers).await;
        let Some(needs) = needs else {
            assert_eq!(ask(&[]).await, 200, "{method} {path}");
            continue;
        };
        assert_eq!(ask(&[]).await, 401, "{method} {path}");
        // None of these tokens is an operator's.
        let least = ROLES.iter().position(|role| *role == needs).unwrap_or(ROLES.len());
        for (rank, role) in ROLES.iter().enumerate() {
            let token = format!("Bearer {role}-token");
            let status = ask(&[("authorization", &token)]).await;
            // A job that has ended cannot be cancelled, and a job that the previous role deleted cannot be deleted.
            let is_allowed = matches!(status, 200..=204 | 404 | 409);
            assert_eq!(is_allowed, rank >= least, "{method} {path} with {role}: {status}");
            assert!(is_allowed || status == 403, "{method} {path} with {role}: {status}");
        }
    }
    assert_eq!(operations().len(), ROUTES.len(), "a route was removed");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_valid_token_is_accepted() {
    let server = serve_with(&TOKENS);
    let ask = async |headers: &[(&str, &str)]| -> ApiResponse {
        let mut request = server.request(Method::GET, "/v1/jobs");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request).await
    };
    let good = ("authorization", "Bearer read-token");
    for headers in [
        &[("authorization", "Bearer wrong")][..],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearer")],
        &[("authorization", "Basic cmVhZC10b2tlbg==")],
        &[("authorization", "read-token")],
        &[("authorization", "Bearer Read-token")],
        // The digest is not a token.
        &[("authorization", "Bearer 0328587016f9e316b9c31c94f944a2c453e1494a564062b5eab68039c75b58bf")],
        &[good, good],
        &[good, ("authorization", "Bearer wrong")],
        &[("x-authorization", "Bearer read-token")],
    ] {
        let answer = ask(headers).await;
        assert_eq!((answer.status, answer.code()), (401, "unauthorized"), "{headers:?}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"saggar\"");
    }
    assert_eq!(ask(&[("authorization", "bearer   read-token  ")]).await.status, 200);
    // With tokens, host names and origins are not checked.
    assert_eq!(ask(&[good, ("origin", "https://elsewhere.example")]).await.status, 200);
    assert_eq!(ask(&[good, ("host", "jobs.example")]).await.status, 200);
    // No token appears in the log.
    assert!(server.stop().iter().all(|line| !line.contains("-token")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_tokens_answers_its_own_machine_only() {
    let server = serve();
    let port = server.address().port();
    let own = format!("localhost:{port}");
    let ask = |headers: &str| server.raw(format!("GET /v1/tasks HTTP/1.1\r\n{headers}\r\n"));
    for headers in [
        format!("host: {own}\r\n"),
        format!("host: 127.0.0.1:{port}\r\norigin: http://127.0.0.1:{port}\r\n"),
        "host: [::1]\r\n".to_owned(),
    ] {
        assert_eq!(ask(&headers).status, 200, "{headers}");
    }
    for headers in [
        "host: evil.example\r\n".to_owned(),
        format!("host: localhost.evil.example:{port}\r\n"),
        "host: \r\n".to_owned(),
        String::new(),
        format!("host: {own}\r\norigin: https://evil.example\r\n"),
        format!("host: {own}\r\norigin: http://localhost:1\r\n"),
        format!("host: {own}\r\norigin: null\r\n"),
        format!("host: {own}\r\nhost: evil.example\r\n"),
        format!("host: {own}\r\norigin: http://{own}\r\norigin: https://evil.example\r\n"),
    ] {
        let refused = ask(&headers);
        assert_eq!((refused.status, &*refused.code()), (403, "foreign-origin"), "{headers}");
    }
    // Health checks are public.
    assert_eq!(server.raw("GET /healthz HTTP/1.1\r\nhost: evil.example\r\n\r\n").status, 200);
    server.stop();
}

/// A token only grants access to the jobs of its tenant, whatever its role. The host runs in this process because the
/// configuration of a host of one app only supports its one tenant.
#[tokio::test(flavor = "multi_thread")]
async fn to_a_token_of_a_tenant_that_does_not_run_nothing_is_there() {
    let host = TestHost::start(app()).await;
    let token = |tenant: &str| {
        let digest = Token::digest_of(&format!("{tenant}-token"));
        Token::new(tenant, tenant, Role::Admin, &digest).expect("a digest")
    };
    let tokens = Tokens::new(vec![token("default"), token("other")]);
    let listener = listen(saggar::service(host.inner(), tokens), Limits::default()).await;
    let ask = |method: &str, path: &str, tenant: &str| {
        let path = path.replace("{task}", "mail.send").replace("{id}", "1").replace("{tenant}", "default");
        let path = path.replace("{name}", "plugins.echo");
        let method: Method = method.to_uppercase().parse().expect("a method");
        let request = client().request(method, format!("http://{}{path}", listener.address()));
        send(request.bearer_auth(format!("{tenant}-token")).json(&json!({})))
    };
    for Route { method, path, role, .. } in ROUTES.iter().filter(|route| !["/metrics", "/v1/me"].contains(&route.path))
    {
        let expected = match role {
            None => continue,
            Some("operator") => (403, "forbidden"),
            Some(_) => (404, "unknown-tenant"),
        };
        let refused = ask(method, path, "other").await;
        assert_eq!((refused.status, refused.code()), expected, "{method} {path}");
        assert!(!refused.body.to_string().replace("tenants/default", "").contains("default"), "{}", refused.body);
    }
    let jobs = ask("get", "/v1/jobs", "default").await;
    assert_eq!((jobs.status, &jobs.body["jobs"]), (200, &json!([])), "nothing was added");
    assert_eq!(ask("get", "/v1/tasks/mail.send", "default").await.body["paused"], json!(false));
    listener.stop(Duration::ZERO).await;
    host.shutdown().await;
}
