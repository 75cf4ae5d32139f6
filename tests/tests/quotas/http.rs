//! Quotas over HTTP, with the real binary: refusals name the quota, another tenant notices nothing, and quotas change by a
//! reload of the configuration.

use reqwest::{Method, Response, StatusCode};
use saggar_tests::client::{ApiResponse, client, job_path, send};
use saggar_tests::server::Server;
use saggar_tests::timeout::within;
use serde_json::{Value, json};

use super::stage::{Operator, table, with};

/// Creates the tenant `acme` with these quotas, and `globex` without.
fn operator(quotas: &str) -> Operator {
    let operator = Operator::new(&["acme", "globex"]);
    configure(&operator, quotas);
    operator
}

fn configure(operator: &Operator, quotas: &str) {
    let tables = format!("{}[tenant.quotas]\n{quotas}\n{}", table("acme"), table("globex"));
    operator.configure(&[], &tables);
}

#[track_caller]
fn assert_refused(answer: &ApiResponse, quota: &str, retry_after: Option<&str>) {
    assert_eq!((answer.status, answer.code()), (429, "quota-exceeded"), "{answer:?}");
    assert_eq!(answer.body["quota"], json!(quota));
    let detail = answer.body["detail"].as_str().expect("a detail");
    assert!(detail.contains(&format!("the tenant's quota `{quota}`")), "{detail}");
    let header = answer.headers.get("retry-after").map(|value| value.to_str().expect("a number"));
    assert_eq!(header, retry_after, "{answer:?}");
}

/// Follows the events of a tenant until the response is dropped.
async fn follow(server: &Server, token: &str) -> Response {
    let request = server.request(Method::GET, "/v1/events").bearer_auth(token).send();
    within("the head of an answer", request).await.expect("an answer")
}

async fn follows(server: &Server, token: &str) -> Response {
    let answer = follow(server, token).await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer
}

/// Follows as soon as the host has noticed that another client has left.
async fn follows_soon(server: &Server, token: &str) -> Response {
    within("room for another client", async {
        loop {
            let answer = follow(server, token).await;
            if answer.status() == StatusCode::OK {
                return answer;
            }
        }
    })
    .await
}

async fn used(server: &Server, tenant: &str, quota: &str) -> (Value, Value) {
    let answer = with(server, "operator").get(&format!("/v1/tenants/{tenant}")).await;
    let quotas = answer.body["quotas"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    let found = quotas.iter().find(|found| found["name"] == quota).unwrap_or_else(|| panic!("{answer:?}"));
    (found["used"].clone(), found["limit"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_waits_of_a_tenant_are_limited() {
    let operator = operator("streams = 2");
    let server = operator.serve();
    let (first, second) = (follows(&server, "acme").await, follows(&server, "acme").await);
    assert_refused(&with(&server, "acme").get("/v1/events").await, "streams", Some("1"));
    let added = with(&server, "acme").post("/v1/tasks/echo/jobs", &json!({ "delay_ms": 3_600_000 })).await;
    assert_eq!(added.status, 201, "{added:?}");
    let waited = with(&server, "acme").get(&format!("{}?wait=1s", job_path("echo", 1))).await;
    assert_refused(&waited, "streams", Some("1"));
    let mut of_globex = Vec::new();
    for _ in 0..5 {
        of_globex.push(follows(&server, "globex").await);
    }
    assert_eq!(used(&server, "acme", "streams").await, (json!(2), json!(2)));
    assert_eq!(used(&server, "globex", "streams").await, (json!(5), Value::Null));
    drop(first);
    let third = follows_soon(&server, "acme").await;
    drop((second, third, of_globex));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_a_tenant_are_limited_and_idle_ones_make_room() {
    let operator = operator("connections = 2");
    let server = operator.serve();
    let busy = follows(&server, "acme").await;
    // Each client keeps its connection open after the answer.
    let clients = [client(), client(), client()];
    for client in &clients {
        let ask = || send(client.get(server.url("/v1/tasks")).bearer_auth("acme"));
        // A connection is idle a moment after the client has the answer.
        within("an idle connection that makes room", async { while ask().await.status != 200 {} }).await;
    }
    let also_busy = follows_soon(&server, "acme").await;
    let refused = with(&server, "acme").get("/v1/tasks").await;
    assert_refused(&refused, "connections", Some("1"));
    assert_eq!(refused.headers["connection"], "close");
    assert_eq!(used(&server, "acme", "connections").await, (json!(2), json!(2)));
    let mut of_globex = Vec::new();
    for _ in 0..5 {
        of_globex.push(follows(&server, "globex").await);
    }
    drop(busy);
    let third = follows_soon(&server, "acme").await;
    drop((also_busy, third, of_globex));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_answers_of_a_tenant_are_limited() {
    let operator = operator("request_bytes = \"300KiB\"\nresponse_bytes = \"100KiB\"");
    let server = operator.serve();
    let args = |kib: usize| json!(["x".repeat(kib << 10)]);
    let job = |kib: usize| json!({ "args": args(kib) });
    let acme = with(&server, "acme");
    // The answer is larger than the quota allows at once, so a retry cannot succeed.
    let id = acme.add("echo", &args(250)).await;
    let path = job_path("echo", id);
    assert_refused(&acme.get(&path).await, "response_bytes", None);
    assert_refused(&acme.get("/v1/audit?limit=1000").await, "response_bytes", None);
    let small = acme.add("echo", &args(1)).await;
    acme.ended("echo", small).await;
    assert_refused(&acme.post("/v1/tasks/echo/jobs", &job(400)).await, "request_bytes", None);
    assert_eq!(used(&server, "acme", "request_bytes").await, (json!(0), json!(300 << 10)));
    let globex = with(&server, "globex");
    let id = globex.add("echo", &args(400)).await;
    globex.ended("echo", id).await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_is_refused_everywhere_and_its_operator_nowhere() {
    let operator = operator("connections = 0\nstreams = 0\nrequest_bytes = \"1B\"\nresponse_bytes = \"1B\"");
    let server = operator.serve();
    for path in ["/v1/tasks", "/v1/me", "/v1/tenants/acme", "/v1/audit", "/v1/reload"] {
        assert_refused(&with(&server, "acme").get(path).await, "connections", None);
    }
    let ask = |method: Method, path: &str| {
        server.request(method, path).bearer_auth("operator").header("saggar-tenant", "acme")
    };
    let job = json!({ "args": ["x".repeat(100 << 10)] });
    let added = send(ask(Method::POST, "/v1/tasks/echo/jobs").json(&job)).await;
    assert_eq!(added.status, 201, "{added:?}");
    let id = added.body["id"].as_u64().expect("an id");
    let ended = send(ask(Method::GET, &format!("{}?wait=60s", job_path("echo", id)))).await;
    assert_eq!((ended.status, &ended.body["status"]), (200, &json!("SUCCESS")));
    let followed = within("the head of an answer", ask(Method::GET, "/v1/events").send()).await.expect("an answer");
    assert_eq!(followed.status(), StatusCode::OK);
    for (quota, limit) in [("connections", 0), ("streams", 0), ("request_bytes", 1), ("response_bytes", 1)] {
        assert_eq!(used(&server, "acme", quota).await, (json!(0), json!(limit)), "{quota}");
    }
    drop(followed);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_change_by_a_reload_and_are_shown() {
    let operator = operator("waiting = 2\nkeep_bytes = \"1MiB\"\nadds_per_second = 1000");
    let server = operator.serve();
    let (acme, globex) = (with(&server, "acme"), with(&server, "globex"));
    let later = json!({ "delay_ms": 3_600_000 });
    let add = async || acme.post("/v1/tasks/echo/jobs", &later).await;
    for _ in 0..2 {
        assert_eq!(add().await.status, 201);
    }
    assert_refused(&add().await, "waiting", Some("1"));
    let three = json!({ "jobs": [later, later, later] });
    assert_refused(&acme.post("/v1/tasks/echo/jobs/batch", &three).await, "waiting", None);
    assert_eq!(globex.post("/v1/tasks/echo/jobs/batch", &three).await.status, 201);
    assert_eq!(used(&server, "acme", "waiting").await, (json!(2), json!(2)));
    configure(&operator, "waiting = 3\nrunning = 0");
    with(&server, "operator").reload().await;
    assert_eq!(add().await.status, 201);
    assert_refused(&add().await, "waiting", Some("1"));
    assert_eq!(used(&server, "acme", "keep_bytes").await.1, Value::Null, "the quota was removed");
    let task = acme.get("/v1/tasks/echo").await.body;
    assert_eq!((&task["held_by"], &task["state"]), (&json!("running"), &json!("ready")));
    assert_eq!(globex.get("/v1/tasks/echo").await.body["held_by"], Value::Null);
    let request = server.request(Method::GET, "/metrics").bearer_auth("operator").send();
    let metrics = request.await.expect("an answer").text().await.expect("text");
    for line in [
        "saggar_tenant_quota_used{tenant=\"acme\",quota=\"waiting\"} 3",
        "saggar_tenant_quota_limit{tenant=\"acme\",quota=\"waiting\"} 3",
        "saggar_tenant_quota_used{tenant=\"globex\",quota=\"waiting\"} 3",
        "saggar_tenant_quota_limit{tenant=\"globex\",quota=\"waiting\"} +Inf",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    server.stop();
}
