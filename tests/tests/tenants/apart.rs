//! Two tenants with the same tasks and the same ids: nothing of one is seen or changed by the other.

use reqwest::Method;
use saggar_tests::client::{ApiResponse, job_path};
use saggar_tests::guests;
use serde_json::{Value, json};

use super::stage::{Client, Operator, with};

/// Two tenants with a task that waits at a gate, one that logs, and one that only the first one has.
fn operator() -> Operator {
    let operator = Operator::new(&["acme", "globex"]);
    for tenant in ["acme", "globex"] {
        operator.write_plugin(tenant, "printing", guests::PRINTING);
        operator.write(tenant, "tasks/printing.json", json!({ "process": "plugins.printing" }).to_string());
    }
    operator.write_echo("acme", "own");
    operator
}

async fn text_of(client: Client<'_>, path: &str) -> String {
    let answer = client.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_ids_are_different_jobs() {
    let operator = operator();
    let server = operator.serve();
    let (acme, globex) = (with(&server, "acme"), with(&server, "globex"));
    assert_eq!(acme.add("echo", &json!(["of acme"])).await, 1);
    assert_eq!(globex.add("echo", &json!(["of globex"])).await, 1);
    assert_eq!(acme.add("echo", &json!(["second"])).await, 2);
    assert_eq!(acme.ended("echo", 1).await["response"], json!(["of acme"]));
    assert_eq!(globex.ended("echo", 1).await["response"], json!(["of globex"]));
    acme.ended("echo", 2).await;
    assert_eq!((acme.listed().await.len(), globex.listed().await.len()), (2, 1));
    for path in ["/v1/jobs", "/v1/jobs?text=of", "/v1/tasks/echo/jobs", "/v1/tasks/echo/jobs/1", "/v1/tasks"] {
        assert!(!text_of(globex, path).await.contains("acme"), "{path}");
        assert!(!text_of(acme, path).await.contains("globex"), "{path}");
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_another_tenant_has_is_not_there() {
    let operator = operator();
    let server = operator.serve();
    let (acme, globex) = (with(&server, "acme"), with(&server, "globex"));
    for _ in 0..3 {
        acme.ended("printing", acme.add("printing", &json!([])).await).await;
    }
    acme.add("own", &json!([])).await;
    let before = acme.ended("printing", 3).await;
    let shown = |answer: ApiResponse| (answer.status, answer.body);
    // The third job exists only for one of them, the task `own` as well: the other gets what it gets for any name.
    for (method, path, of_nobody) in [
        (Method::GET, job_path("printing", 3), job_path("printing", 9)),
        (Method::GET, job_path("printing", 3) + "/logs", job_path("printing", 9) + "/logs"),
        (Method::GET, job_path("printing", 3) + "/attempts", job_path("printing", 9) + "/attempts"),
        (Method::GET, job_path("printing", 3) + "/record", job_path("printing", 9) + "/record"),
        (Method::GET, job_path("printing", 3) + "?wait=1s", job_path("printing", 9) + "?wait=1s"),
        (Method::POST, job_path("printing", 3) + "/cancel", job_path("printing", 9) + "/cancel"),
        (Method::POST, job_path("printing", 3) + "/retry", job_path("printing", 9) + "/retry"),
        (Method::POST, job_path("printing", 3) + "/redeliver", job_path("printing", 9) + "/redeliver"),
        (Method::DELETE, job_path("printing", 3), job_path("printing", 9)),
    ] {
        let (others, none) = (globex.ask(method.clone(), &path).await, globex.ask(method, &of_nobody).await);
        assert_eq!(others.code(), "unknown-job", "{path}");
        let text = |answer: Value| answer.to_string().replace('9', "3");
        let ((status, body), (other_status, other_body)) = (shown(others), shown(none));
        assert_eq!((status, text(body)), (other_status, text(other_body)), "{path}");
    }
    for (method, path) in [
        (Method::GET, "/v1/tasks/own"),
        (Method::GET, "/v1/tasks/own/jobs"),
        (Method::GET, "/v1/tasks/own/jobs/1"),
        (Method::POST, "/v1/tasks/own/pause"),
        (Method::POST, "/v1/tasks/own/jobs/1/cancel"),
    ] {
        assert_eq!(globex.ask(method, path).await.code(), "unknown-task", "{path}");
    }
    assert_eq!(globex.post("/v1/tasks/own/jobs", &json!({})).await.code(), "unknown-task");
    assert_eq!(acme.ended("printing", 3).await, before, "nothing was changed");
    acme.ended("own", 1).await;
    for path in ["/v1/tenants", "/v1/tenants/acme", "/metrics"] {
        let status = globex.get(path).await.status;
        assert!(matches!(status, 403 | 404), "{path}: {status}");
    }
    assert_eq!(globex.delete("/v1/tenants/acme").await.status, 403);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_task_is_paused_for_its_own_tenant() {
    let operator = operator();
    let server = operator.serve();
    let (acme, globex) = (with(&server, "acme"), with(&server, "globex"));
    assert_eq!(acme.act("/v1/tasks/echo/pause").await.status, 204);
    let waiting = acme.add("echo", &json!([])).await;
    globex.assert_echoes("echo").await;
    assert_eq!(acme.get(&job_path("echo", waiting)).await.body["status"], "WAITING");
    assert_eq!(acme.act("/v1/tasks/echo/resume").await.status, 204);
    acme.ended("echo", waiting).await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_by_tenant() {
    let operator = operator();
    let server = operator.serve();
    for (tenant, jobs) in [("acme", 2), ("globex", 3)] {
        for _ in 0..jobs {
            with(&server, tenant).assert_echoes("echo").await;
        }
    }
    let answer = server.request(Method::GET, "/metrics").bearer_auth("operator").send().await.expect("an answer");
    let text = answer.text().await.expect("text");
    for line in [
        "saggar_jobs_added_total{tenant=\"acme\"} 2",
        "saggar_jobs_added_total{tenant=\"globex\"} 3",
        "saggar_jobs_total{tenant=\"globex\",outcome=\"success\"} 3",
        "saggar_tasks{tenant=\"acme\",state=\"ready\"} 3",
        "saggar_tasks{tenant=\"globex\",state=\"ready\"} 2",
        "saggar_sandbox_calls_total{tenant=\"acme\",role=\"processor\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("task=\""), "tenants choose the names of tasks: {text}");
    server.stop();
}
