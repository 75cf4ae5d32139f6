//! Tasks whose file is missing or broken while their jobs are stored.

use saggar::Status;
use saggar_tests::app::App;
use saggar_tests::client::client;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use saggar_tests::server::Server;
use serde_json::{Value, json};

/// Runs a host, adds three waiting jobs and an ended one of `old`, and stops it. The app contains the store.
async fn app_with_jobs() -> App {
    let app = App::new().simple_task("old", guests::ECHO).simple_task("other", guests::ECHO);
    let server = Server::start(&app, &[]);
    let id = server.add("old", &json!({ "args": ["done"] })).await;
    assert_eq!(server.ended("old", id).await["status"], "SUCCESS");
    assert_eq!(server.act("/v1/tasks/old/pause").await.status, 204);
    for number in 2..=4 {
        assert_eq!(server.add("old", &json!({ "args": [number] })).await, number);
    }
    server.stop();
    app
}

fn orphan<'a>(tasks: &'a Value, id: &str) -> &'a Value {
    let orphans = tasks["orphans"].as_array().expect("a list");
    orphans.iter().find(|orphan| orphan["id"] == id).unwrap_or_else(|| panic!("{tasks}"))
}

/// Asserts which operations work on the jobs of a task without a valid definition.
async fn assert_jobs_can_be_read_cancelled_and_deleted(server: &Server) {
    let tasks = server.get("/v1/tasks").await.body;
    let counts = &orphan(&tasks, "old")["counts"];
    assert_eq!((&counts["waiting"], &counts["success"]), (&json!(3), &json!(1)), "{tasks}");
    assert_eq!(server.get("/v1/tasks/old/jobs/1").await.body["response"], json!(["done"]));
    assert_eq!(server.get("/v1/tasks/OLD/jobs/2").await.body["status"], "WAITING");
    assert_eq!(server.get("/v1/tasks/old/jobs/1/logs").await.status, 200);
    assert_eq!(server.get("/v1/tasks/old/jobs/1/attempts").await.body["attempts"].as_array().map(Vec::len), Some(1));
    let listed = server.get("/v1/tasks/old/jobs?status=WAITING").await;
    assert_eq!(listed.body["jobs"].as_array().map(Vec::len), Some(3), "{listed:?}");
    assert_eq!(server.act("/v1/tasks/old/jobs/2/cancel").await.status, 200);
    assert_eq!(server.get("/v1/tasks/old/jobs/2").await.body["reason"], "cancelled");
    assert_eq!(server.delete("/v1/tasks/old/jobs/3").await.status, 204);
    assert_eq!(server.get("/v1/tasks/old/jobs/3").await.code(), "unknown-job");
    let metrics = client().get(server.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
    let is_counted = |line: &str| {
        line.starts_with("saggar_queue_jobs{")
            && [r#"task="old""#, r#"state="waiting""#].iter().all(|label| line.contains(label))
            && line.ends_with(" 1")
    };
    assert!(metrics.lines().any(is_counted), "{metrics}");
    let log = server.log().until("the store has jobs of a task that cannot run");
    assert!(log.contains("old") && log.contains("waiting=3") && log.contains("ended=1"), "{log}");
}

/// Asserts that the last waiting job runs when the definition is restored.
async fn assert_runs_again(app: App) {
    let app = app.simple_task("old", guests::ECHO);
    let server = Server::start(&app, &[]);
    assert_eq!(server.get("/v1/tasks").await.body["orphans"], json!([]));
    assert_eq!(server.act("/v1/tasks/old/resume").await.status, 204);
    assert_eq!(server.ended("old", 4).await["response"], json!([4]));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_task_without_a_file_can_be_managed() {
    let app = app_with_jobs().await;
    std::fs::remove_file(app.path().join("tasks/old.json")).expect("the task's file");
    let server = Server::start(&app, &[]);
    assert_jobs_can_be_read_cancelled_and_deleted(&server).await;
    assert_eq!(orphan(&server.get("/v1/tasks").await.body, "old")["problem"], Value::Null);
    assert_eq!(server.post("/v1/tasks/old/jobs", &json!({})).await.code(), "unknown-task");
    server.stop();
    assert_runs_again(app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_task_with_a_broken_file_can_be_managed() {
    let app = app_with_jobs().await.file("tasks/old.json", "{\n  \"process\": 7\n}");
    let server = Server::start(&app, &[]);
    assert_jobs_can_be_read_cancelled_and_deleted(&server).await;
    let refused = server.post("/v1/tasks/old/jobs", &json!({})).await;
    assert_eq!((refused.status, refused.code()), (503, "task-broken"));
    let detail = refused.body["detail"].as_str().expect("a text");
    assert!(detail.contains("tasks/old.json:2:14: `process`"), "{detail}");
    let problem = orphan(&server.get("/v1/tasks").await.body, "old")["problem"].clone();
    assert!(problem.as_str().is_some_and(|problem| problem.starts_with("tasks/old.json:2:14: ")), "{problem}");
    server.stop();
    assert_runs_again(app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_a_job_reports_why_the_file_is_broken() {
    let app = App::new().simple_task("good", guests::ECHO);
    let app = app
        .file("tasks/syntax.json", "{")
        .file("tasks/mail/key.yao", r#"{"process": "plugins.good", "worker_num": 1}"#)
        .file("tasks/twice.json", r#"{"process": "plugins.good"}"#)
        .file("tasks/Twice.yao", r#"{"process": "plugins.good"}"#)
        .file("tasks/utf.json", b"\xff\xfe");
    std::os::unix::fs::symlink("/etc/hostname", app.path().join("tasks/linked.json")).expect("a link");
    let server = Server::start(&app, &["--store", "memory"]);
    for (task, problem) in [
        ("syntax", "tasks/syntax.json:1:"),
        ("mail.key", "worker_num"),
        ("twice", "is already defined by"),
        ("utf", "UTF-16"),
        ("linked", "leads out of the app"),
    ] {
        let refused = server.post(&format!("/v1/tasks/{task}/jobs"), &json!({})).await;
        assert_eq!((refused.status, refused.code()), (503, "task-broken"), "{task}");
        let detail = refused.body["detail"].as_str().expect("a text");
        assert!(detail.contains(problem), "{detail}");
        assert_eq!(server.get(&format!("/v1/tasks/{task}")).await.code(), "task-broken");
    }
    assert_eq!(server.get("/readyz").await.body["tasks"], json!({ "ready": 1, "preparing": 0, "broken": 5 }));
    assert_eq!(server.post("/v1/tasks/nowhere/jobs", &json!({})).await.code(), "unknown-task");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_can_be_managed_after_a_reload_without_their_file() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO);
    let host = TestHost::start(app).await;
    let running = host.close_gate("gated").await;
    let waiting = host.add("gated", json!(["keys", 1])).await;
    std::fs::remove_file(host.app().path().join("tasks/gated.json")).expect("the task's file");
    host.reload().await.expect("an app without that task");
    assert_eq!(host.job("gated", waiting).await.status, Status::Waiting);
    host.cancel("gated", waiting).await.expect("the job can still be cancelled");
    host.open_gate().await;
    assert_eq!(response(&host.end("gated", running).await), json!("through"));
    assert_eq!(host.try_add("gated", json!([])).await, Err("unknown-task".to_owned()));
    host.shutdown().await;
}
