//! The audit: every route that changes something leaves an entry, and entries survive a restart.

use std::collections::BTreeSet;

use reqwest::Method;
use saggar_tests::app::App;
use saggar_tests::client::send;
use saggar_tests::guests;
use saggar_tests::routes::ROUTES;
use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::stage::{serve, serve_with};

/// Returns the entries of the audit, the oldest first.
async fn entries(server: &Server) -> Vec<Value> {
    let audit = server.get("/v1/audit?limit=1000").await;
    assert_eq!((audit.status, &audit.body["next"]), (200, &Value::Null));
    let mut entries = audit.body["entries"].as_array().expect("entries").clone();
    entries.reverse();
    entries
}

fn did(entry: &Value) -> &str {
    entry["did"].as_str().expect("a text")
}

#[test]
fn every_route_that_is_not_a_look_up_is_known_here() {
    let document: Value = serde_json::from_str(saggar::api::openapi()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().expect("methods").keys().map(move |method| (method.as_str(), path.as_str()))
    });
    let changing: BTreeSet<_> = operations.filter(|(method, _)| *method != "get").collect();
    let audited = ROUTES.iter().filter(|route| route.audited_as.is_some());
    let known: BTreeSet<_> = audited.map(|route| (route.method, route.path)).collect();
    assert_eq!(changing, known);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_has_an_entry_and_refusals_have_none() {
    let server = serve();
    let jobs = "/v1/tasks/mail.send/jobs";
    let later = json!({ "delay_ms": 3_600_000 });
    for _ in 0..3 {
        assert_eq!(server.post(jobs, &later).await.status, 201);
    }
    assert_eq!(server.post(&format!("{jobs}/batch"), &json!({ "jobs": [later, later, later] })).await.status, 201);
    for path in ["/1/cancel", "/2/cancel", "/1/retry"] {
        assert_eq!(server.act(&format!("{jobs}{path}")).await.status, 200, "{path}");
    }
    assert_eq!(server.delete(&format!("{jobs}/2")).await.status, 204);
    for path in ["/v1/tasks/mail.send/pause", "/v1/tasks/mail.send/resume"] {
        assert_eq!(server.act(path).await.status, 204);
    }
    // A broken task.
    assert_eq!(server.act("/v1/reload").await.status, 409);
    for (path, status) in [("/3/retry", 409), ("/99/cancel", 404), ("/3/redeliver", 409)] {
        assert_eq!(server.act(&format!("{jobs}{path}")).await.status, status, "{path}");
    }
    assert_eq!(server.post("/v1/tasks/nothing/jobs", &json!({})).await.status, 404);
    let key = server.request(Method::POST, jobs).header("idempotency-key", "once");
    let again = key.try_clone().expect("without a body");
    assert_eq!(send(key.json(&later)).await.status, 201);
    assert_eq!(send(again.json(&later)).await.status, 200, "it exists already, so nothing changes");
    let entries = entries(&server).await;
    let sum = |action: &str, member: &str| -> u64 {
        entries.iter().filter(|entry| did(entry) == action).map(|entry| entry[member].as_u64().expect("a number")).sum()
    };
    assert_eq!((sum("jobs.add", "count"), sum("jobs.add", "requests")), (7, 5));
    assert_eq!((sum("jobs.cancel", "count"), sum("jobs.retry", "count"), sum("jobs.delete", "count")), (2, 1, 1));
    assert_eq!((sum("tasks.pause", "count"), sum("tasks.resume", "count"), sum("reload", "requests")), (1, 1, 1));
    let known: BTreeSet<_> = ROUTES.iter().filter_map(|route| route.audited_as).collect();
    let found: BTreeSet<_> = entries.iter().map(did).collect();
    let missing: Vec<_> = known.difference(&found).collect();
    assert_eq!(missing, [&"jobs.redeliver", &"rollback", &"tenants.remove"], "nothing was redelivered or removed");
    let cancelled: Vec<_> = entries.iter().filter(|entry| did(entry) == "jobs.cancel").collect();
    let ids: Vec<_> = cancelled.iter().flat_map(|entry| entry["jobs"].as_array().expect("ids").clone()).collect();
    assert_eq!(ids, [json!(1), json!(2)]);
    for entry in &entries {
        assert_eq!(
            (&entry["tenant"], &entry["token"], &entry["role"]),
            (&json!("default"), &Value::Null, &json!("operator"))
        );
        assert_eq!(entry["from"], "127.0.0.1", "{entry}");
        assert!(entry["at"].as_str() <= entry["until"].as_str(), "{entry}");
    }
    let reload = entries.iter().find(|entry| did(entry) == "reload").expect("it was tried");
    assert_eq!((&reload["status"], &reload["code"]), (&json!(409), &json!("reload-failed")));
    let page = server.get("/v1/audit?limit=2").await.body;
    let next = page["next"].as_str().expect("more entries");
    let second = server.get(&format!("/v1/audit?limit=2&after={next}")).await.body;
    assert_eq!(second["entries"][0], entries[entries.len() - 3]);
    assert_eq!(server.get("/v1/audit?limit=0").await.code(), "invalid-query");
    assert_eq!(server.get("/v1/audit?after=x").await.code(), "invalid-query");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spelling_of_a_task_makes_no_other_entry() {
    let server = serve();
    let later = json!({ "delay_ms": 3_600_000 });
    for task in ["mail.send", "Mail.Send", "MAIL.SEND"] {
        assert_eq!(server.post(&format!("/v1/tasks/{task}/jobs"), &later).await.status, 201, "{task}");
    }
    let entries = entries(&server).await;
    let tasks: BTreeSet<_> = entries.iter().map(|entry| entry["task"].as_str().expect("a text")).collect();
    assert_eq!(tasks, BTreeSet::from(["mail.send"]));
    server.stop();
}

/// A client that adds many jobs leaves few entries, and a stop stores the last ones.
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_survives_a_restart_and_is_in_the_log_on_demand() {
    let app = App::new().plugin("echo", guests::ECHO).task("echo", &json!({ "process": "plugins.echo" }));
    let token = "ci:10a4c7c9fc5206d6f36dc6944a81bb6f4a3cb0e25014ae3b12e6c3e52712292a";
    let (_, sha256) = token.split_once(':').expect("two parts");
    let token = format!("admin:{sha256}:ci");
    let start = || {
        Server::start(
            &app,
            &["--store", "sqlite", "--token", &token, "--audit-log", "true", "--log-level", "warn,saggar=info"],
        )
    };
    let ask = async |server: &Server, method: Method, path: &str| {
        send(server.request(method, path).bearer_auth("admin-token").json(&json!({}))).await
    };
    let server = start();
    for _ in 0..50 {
        assert_eq!(ask(&server, Method::POST, "/v1/tasks/echo/jobs").await.status, 201);
    }
    assert_eq!(ask(&server, Method::POST, "/v1/tasks/echo/pause").await.status, 204);
    let log = server.stop();
    let line = log.iter().find(|line| line.contains("tasks.pause")).unwrap_or_else(|| panic!("not logged: {log:#?}"));
    assert!(
        line.contains("saggar::audit") && line.contains("token=\"ci\"") && line.contains("task=\"echo\""),
        "{line}"
    );
    let server = start();
    let audit = ask(&server, Method::GET, "/v1/audit").await.body;
    let entries = audit["entries"].as_array().expect("entries");
    assert_eq!(
        (did(&entries[0]), &entries[0]["token"], &entries[0]["role"]),
        ("tasks.pause", &json!("ci"), &json!("admin"))
    );
    let added: u64 = entries[1..].iter().map(|entry| entry["count"].as_u64().expect("a number")).sum();
    assert_eq!(added, 50);
    assert!(entries.len() < 20, "requests of one second share an entry: {}", entries.len());
    let log = server.stop();
    assert!(log.iter().all(|line| !line.contains("tasks.pause")), "it is logged once");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_sees_the_audit() {
    let server = serve_with(&["--token", "write:ab893cb32670dc9e3bf2563af8d7487b88c279c5850c76f35d6eafa8fa34acf2"]);
    let refused = send(server.request(Method::GET, "/v1/audit").bearer_auth("write-token")).await;
    assert_eq!(refused.code(), "forbidden");
    server.stop();
}
