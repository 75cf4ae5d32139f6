//! Operators, who name the tenant that they ask for; and tokens that expire, or are replaced while the host runs. The host runs
//! in this process, because a host of one app has no operators in its configuration.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use saggar::Timestamp;
use saggar::api::{Limits, Listener, Role, Service, Token, Tokens};
use saggar_job::{Clock, SystemClock};
use saggar_tests::client::{ApiResponse, client, send};
use saggar_tests::host::{TestHost, listen};
use saggar_tests::timeout::within;
use serde_json::{Value, json};

use super::stage::app;

struct Stage {
    host: TestHost,
    service: Service,
    listener: Listener,
}

impl Stage {
    async fn start(tokens: Vec<Token>) -> Self {
        let host = TestHost::start(app()).await;
        let service = saggar::service(host.inner(), Tokens::new(tokens));
        let listener = listen(service.clone(), Limits::default()).await;
        Self { host, service, listener }
    }

    fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        client().request(method, format!("http://{}{path}", self.listener.address())).bearer_auth(token)
    }

    async fn get(&self, path: &str, token: &str, tenants: &[&str]) -> ApiResponse {
        let request = self.request(Method::GET, path, token);
        send(tenants.iter().fold(request, |request, tenant| request.header("saggar-tenant", *tenant))).await
    }

    async fn stop(self) {
        self.listener.stop(Duration::ZERO).await;
        self.host.shutdown().await;
    }
}

/// Returns a token of the tenant `default` whose text is its name.
fn token(name: &str, role: Role) -> Token {
    Token::new(name, "default", role, &Token::digest_of(name)).expect("a digest")
}

fn refused(answer: &ApiResponse) -> (u16, &str) {
    (answer.status, answer.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_names_the_tenant_that_it_asks_for() {
    let stage = Stage::start(vec![token("op", Role::Operator), token("ci", Role::Write)]).await;
    assert_eq!(refused(&stage.get("/v1/jobs", "op", &[]).await), (400, "tenant-required"));
    let add = |tenant: Option<&str>| {
        let add = stage.request(Method::POST, "/v1/tasks/mail.send/jobs", "op").json(&json!({}));
        send(tenant.into_iter().fold(add, |add, tenant| add.header("saggar-tenant", tenant)))
    };
    assert_eq!(refused(&add(None).await), (400, "tenant-required"));
    assert_eq!(refused(&add(Some("other")).await), (404, "unknown-tenant"));
    assert_eq!(stage.get("/v1/jobs", "op", &["default"]).await.body["jobs"], json!([]), "nothing was added");
    assert_eq!(add(Some("default")).await.status, 201);
    assert_eq!(refused(&stage.get("/v1/jobs", "op", &["default", "default"]).await), (400, "invalid-header"));
    let me = stage.get("/v1/me", "op", &[]).await.body;
    assert_eq!((&me["role"], &me["tenant"], &me["token"]), (&json!("operator"), &Value::Null, &json!("op")));
    let (process, limits) = (&me["host"], &me["limits"]);
    assert_eq!((&process["store"], &process["durability"]), (&json!("memory"), &json!("none")), "{me}");
    assert_eq!(process["draining"], false, "{me}");
    assert!(process["started_at"].as_str() <= me["now"].as_str(), "{me}");
    assert_eq!(process["instance"].as_str().map(str::len), Some(16), "{me}");
    assert_eq!((&limits["page"], &limits["wait_ms"], &limits["streams"]), (&json!(1000), &json!(60_000), &json!(2048)));
    let tenants = stage.get("/v1/tenants", "op", &[]).await.body;
    let default = &tenants["tenants"][0];
    assert_eq!(
        (&default["name"], &default["state"], &default["weight"]),
        (&json!("default"), &json!("ready"), &json!(100))
    );
    assert_eq!((&default["counts"]["added"], &default["tasks"]), (&json!(1), &json!(16)));
    assert_eq!(default["quotas"].as_array().map(Vec::is_empty), Some(false), "{default}");
    let own = stage.get("/v1/tenants/default", "ci", &[]).await;
    assert_eq!((own.status, &own.body["name"]), (200, &json!("default")));
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_tenant_gets_the_same_answer_for_any_other_tenant() {
    let theirs = Token::new("their-ci", "theirs", Role::Admin, &Token::digest_of("their-ci")).expect("a digest");
    let stage = Stage::start(vec![theirs, token("ci", Role::Admin)]).await;
    assert_eq!(stage.get("/v1/jobs", "ci", &["default"]).await.status, 200, "it may name its own");
    for path in ["/v1/jobs", "/v1/tasks/mail.send", "/v1/audit", "/v1/me", "/v1/reload", "/v1/events"] {
        let existing = stage.get(path, "their-ci", &["default"]).await;
        let unknown = stage.get(path, "their-ci", &["nobody"]).await;
        assert_eq!(refused(&existing), (404, "unknown-tenant"), "{path}");
        assert_eq!(existing.body, unknown.body, "{path}");
    }
    let (existing, unknown) = (
        stage.get("/v1/tenants/default", "their-ci", &[]).await,
        stage.get("/v1/tenants/nobody", "their-ci", &[]).await,
    );
    assert_eq!((refused(&existing), refused(&unknown)), ((404, "unknown-tenant"), (404, "unknown-tenant")));
    assert_eq!(existing.body["detail"], unknown.body["detail"]);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_refused_and_its_code_says_so() {
    let expired = token("old", Role::Admin).with_expiry(Some(Timestamp(1)));
    let later = token("new", Role::Admin).with_expiry(Some(Timestamp(4_000_000_000_000)));
    let stage = Stage::start(vec![expired, later]).await;
    let answer = stage.get("/v1/jobs", "old", &[]).await;
    assert_eq!(refused(&answer), (401, "token-expired"));
    assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"saggar\", error=\"invalid_token\"");
    assert_eq!(stage.get("/v1/jobs", "new", &[]).await.status, 200);
    assert_eq!(stage.get("/v1/me", "new", &[]).await.body["expires_at"], "2096-10-02T07:06:40.000Z");
    stage.stop().await;
}

/// Follows all events; returns the answer, whose body ends when the stream does.
async fn follow(stage: &Stage, token: &str) -> reqwest::Response {
    let answer = stage.request(Method::GET, "/v1/events", token).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_waits_end_when_their_token_is_removed() {
    let stage = Stage::start(vec![token("gone", Role::Write), token("kept", Role::Write)]).await;
    let added = stage.request(Method::POST, "/v1/tasks/mail.send/jobs", "kept").json(&json!({ "delay_ms": 3_600_000 }));
    assert_eq!(send(added).await.status, 201);
    let (gone, mut kept) = (follow(&stage, "gone").await, follow(&stage, "kept").await);
    let waiting = tokio::task::JoinSet::from_iter([send(stage.request(
        Method::GET,
        "/v1/tasks/mail.send/jobs/1?wait=60s",
        "gone",
    ))]);
    let log = stage.request(Method::GET, "/v1/tasks/mail.send/jobs/1/logs?follow=true", "gone").send().await;
    stage.service.set_tokens(Tokens::new(vec![token("kept", Role::Write)])).expect("a token remains");
    let ended = within("the end of the stream", gone.text()).await.expect("an end");
    assert!(ended.contains("event: reached"), "{ended}");
    within("the end of the log", log.expect("an answer").text()).await.expect("an end");
    let waited = waiting.join_all().await;
    assert_eq!(refused(&waited[0]), (401, "unauthorized"));
    assert_eq!(refused(&stage.get("/v1/jobs", "gone", &[]).await), (401, "unauthorized"));
    // The other stream goes on.
    let cancel = stage.request(Method::POST, "/v1/tasks/mail.send/jobs/1/cancel", "kept");
    assert_eq!(send(cancel).await.status, 200);
    let mut text = String::new();
    while !text.contains("event: failed") {
        let chunk = within("an event", kept.chunk()).await.expect("an event").expect("the stream goes on");
        text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
    }
    assert!(stage.service.set_tokens(Tokens::default()).is_err(), "the host would be open");
    assert_eq!(stage.get("/v1/jobs", "kept", &[]).await.status, 200);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_token_expires() {
    let stage = Stage::start(vec![token("kept", Role::Read)]).await;
    let soon = SystemClock.now().plus_ms(2_000);
    let short = token("short", Role::Read).with_expiry(Some(soon));
    stage.service.set_tokens(Tokens::new(vec![short, token("kept", Role::Read)])).expect("tokens");
    let following = follow(&stage, "short").await;
    within("the end of the stream", following.text()).await.expect("an end");
    assert_eq!(refused(&stage.get("/v1/jobs", "short", &[]).await), (401, "token-expired"));
    stage.stop().await;
}
