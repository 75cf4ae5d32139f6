//! Tasks: their definition, their statistics, and pausing them.

use saggar_tests::server::Server;
use serde_json::json;

use super::stage::{app, serve};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_shows_its_definition_and_statistics() {
    let server = serve();
    for number in 0..3 {
        let id = server.add("mail.send", &json!({ "args": [number] })).await;
        server.ended("mail.send", id).await;
    }
    let task = server.get("/v1/tasks/mail.send").await;
    assert_eq!((task.status, &task.body["id"], &task.body["name"]), (200, &json!("Mail.Send"), &json!("Sends a mail")));
    let counts = &task.body["counts"];
    assert_eq!((&counts["added"], &counts["success"], &counts["waiting"]), (&json!(3), &json!(3), &json!(0)));
    assert_eq!(task.body["rates"]["added"]["total"], 3);
    let definition = &task.body["definition"];
    assert_eq!((&definition["process"], &definition["worker_nums"]), (&json!("plugins.echo"), &json!(1)));
    assert_eq!((&definition["timeout"], &definition["attempts"]), (&json!(300), &json!(0)));
    let deaf = server.get("/v1/tasks/deaf").await.body["definition"].clone();
    assert_eq!(deaf["event"]["success"], "plugins.faulty#spin");
    assert_eq!(deaf["sandbox"]["event_timeout"], 60);
    let all = server.get("/v1/tasks").await;
    let ids: Vec<_> = all.body["tasks"].as_array().expect("tasks").iter().map(|task| &task["id"]).collect();
    assert_eq!(ids.len(), 16, "{ids:?}");
    assert!(ids.is_sorted_by_key(|id| id.as_str().map(str::to_lowercase)), "{ids:?}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_task_accepts_jobs_and_starts_none_even_after_a_restart() {
    let app = app();
    let server = Server::start(&app, &[]);
    for _ in 0..2 {
        let paused = server.act("/v1/tasks/mail.send/pause").await;
        assert_eq!((paused.status, &paused.body), (204, &json!(null)));
    }
    let id = server.add("mail.send", &json!({})).await;
    let job = server.get(&format!("/v1/tasks/mail.send/jobs/{id}?wait=100ms")).await;
    assert_eq!(job.body["status"], "WAITING", "{job:?}");
    server.stop();
    let server = Server::start(&app, &[]);
    let task = server.get("/v1/tasks/mail.send").await.body;
    assert_eq!((&task["paused"], &task["counts"]["waiting"]), (&json!(true), &json!(1)));
    assert_eq!(server.get("/v1/tasks/keys").await.body["paused"], false);
    assert!(task["first_ready_at"].is_string(), "{task}");
    assert_eq!(server.act("/v1/tasks/mail.send/resume").await.status, 204);
    assert_eq!(server.ended("mail.send", id).await["status"], "SUCCESS");
    assert_eq!(server.act("/v1/tasks/mail.send/resume").await.status, 204);
    assert_eq!(server.act("/v1/tasks/nowhere/pause").await.code(), "unknown-task");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slots_of_a_task_show_which_attempts_run() {
    let server = serve();
    let free = server.get("/v1/tasks/gated/slots").await;
    assert_eq!((free.status, &free.body), (200, &json!({ "slots": 1, "attempts": [] })));
    let id = server.close_gate("gated").await;
    let slots = server.get("/v1/tasks/gated/slots").await.body;
    let attempt = &slots["attempts"][0];
    assert_eq!((&attempt["id"], &attempt["number"], &attempt["cancelling"]), (&json!(id), &json!(1), &json!(false)));
    assert!(attempt["started_at"].as_str() < attempt["deadline_at"].as_str(), "{slots}");
    assert_eq!(attempt["digest"].as_str().map(str::len), Some(64), "{slots}");
    let task = server.get("/v1/tasks/gated").await.body;
    assert_eq!((&task["slots"], &task["busy"]), (&json!(1), &json!(1)));
    assert_eq!(server.get("/v1/tasks/nothing/slots").await.code(), "unknown-task");
    drop(server);
}
