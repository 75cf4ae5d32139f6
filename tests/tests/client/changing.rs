//! `saggar cancel`, `retry`, `redeliver`, `delete`, `pause` and `resume`.

use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::stage::{RunningCommand, app, ask, ask_json, ask_well, client, serve};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn jobs_are_cancelled() {
    let server = serve();
    ask_well(&server, &["add", "mail.send", "--delay", "1h"]);
    assert_eq!(ask_well(&server, &["cancel", "mail.send", "1"]), "mail.send#1: FAILURE (cancelled)\n");
    let mut watching = RunningCommand::start(&mut client(&server, &["watch", "gated"]));
    watching.until_err("watching");
    ask_well(&server, &["add", "gated", "keys", "1"]);
    watching.until("at the gate");
    assert_eq!(ask_json(&server, &["cancel", "gated", "1"])["id"], 1);
    watching.until("failed     cancelled");
    let ended = ask(&server, &["get", "gated", "1", "--wait"]);
    assert!(ended.code == Some(1) && ended.err.contains("FAILURE (cancelled"), "{}", ended.err);
    watching.interrupt();
    assert_eq!(watching.end().code, Some(130));
}

#[test]
fn jobs_that_meet_conditions_are_changed_together() {
    let server = serve();
    ask_well(&server, &["pause", "mail.send"]);
    for _ in 0..3 {
        ask_well(&server, &["add", "mail.send", "--delay", "1h"]);
    }
    let shown = ask_well(&server, &["cancel", "mail.send", "--where", "status=WAITING", "--dry-run"]);
    assert!(shown.starts_with("3 jobs match; 3 can be cancelled\n"), "{shown}");
    assert_eq!(shown.lines().count(), 5, "{shown}");
    assert_eq!(ask_well(&server, &["list", "--count", "--status", "waiting"]), "3\n");
    assert_eq!(ask_well(&server, &["cancel", "--where", "task=mail.*"]), "3 jobs cancelled\n");
    assert_eq!(ask_json(&server, &["retry", "--where", "reason=cancelled"])["changed"], 3);
    assert_eq!(ask_well(&server, &["retry", "--where", "task=mail.send"]), "0 jobs retried, skipped 3 not-ended\n");
    let preview = ask_json(&server, &["delete", "--where", "status=WAITING", "--dry-run"]);
    assert_eq!((&preview["matches"], &preview["can"]), (&json!(3), &json!(3)));
    for wrong in [
        &["retry"][..],
        &["retry", "mail.send"],
        &["retry", "mail.send", "1", "--where", "status=FAILURE"],
        &["retry", "mail.send", "1", "--dry-run"],
        &["retry", "--where", "colour=red"],
    ] {
        assert_eq!(ask(&server, wrong).code, Some(2), "{wrong:?}");
    }
}

/// The attempt ends only after its progress was delivered, and the progress handler takes a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_being_stopped_is_shown_as_cancelling() {
    let task = json!({
        "process": "plugins.gated",
        "event": { "progress": "plugins.faulty#spin" },
        "sandbox": { "tasks": "all", "event_timeout": 60 },
    });
    let server = Server::start(&app().task("stuck", &task), &["--store", "memory"]);
    ask_well(&server, &["add", "stuck", "keys", "1"]);
    server.until("stuck", 1, |job| job["message"] == "at the gate").await;
    let row = || -> Vec<String> {
        let listed = ask_well(&server, &["list"]);
        listed.lines().nth(1).expect("the job").split_whitespace().take(4).map(str::to_owned).collect()
    };
    // The reason is empty, and the number of the attempt follows.
    assert_eq!(row(), ["stuck", "1", "RUNNING", "1"]);
    for _ in 0..2 {
        assert_eq!(ask_well(&server, &["cancel", "stuck", "1"]), "stuck#1: RUNNING (cancelling)\n");
    }
    assert_eq!(row(), ["stuck", "1", "RUNNING", "cancelling"]);
    let details = ask_well(&server, &["get", "stuck", "1"]);
    assert!(details.contains("\nstatus     RUNNING (cancelling)\n"), "{details}");
    let found = ask_json(&server, &["list", "--text", "cancelling"]);
    assert_eq!((&found["jobs"][0]["id"], &found["jobs"][0]["cancelling"]), (&json!(1), &json!(true)));
    drop(server);
}

#[test]
fn ended_jobs_are_retried() {
    let server = serve();
    ask_well(&server, &["add", "mail.send", "x", "--wait"]);
    ask_well(&server, &["pause", "mail.send"]);
    assert_eq!(ask_well(&server, &["retry", "mail.send", "1"]), "mail.send#1: WAITING\n");
    ask_well(&server, &["resume", "mail.send"]);
    assert_eq!(ask_json(&server, &["get", "mail.send", "1", "--wait"])["status"], "SUCCESS");
    assert_eq!(ask_json(&server, &["retry", "mail.send", "1"])["task"], "mail.send");
}

/// Callbacks that wait for their next try start again with all their tries; if a job has none, the command is refused.
#[tokio::test(flavor = "multi_thread")]
async fn callbacks_are_redelivered() {
    let server = serve();
    ask_well(&server, &["add", "faulty", "--wait"]);
    // The fourth try is due in 15 seconds.
    server.until("faulty", 1, |job| job["callbacks"][0]["tries"] == 3).await;
    let redelivered = ask_json(&server, &["redeliver", "faulty", "1"]);
    let callback = &redelivered["callbacks"][0];
    assert!(callback["state"] == "pending" && callback["tries"].as_u64() < Some(3), "{redelivered}");
    server.until("faulty", 1, |job| job["callbacks"][0]["tries"] == 3).await;
    assert_eq!(ask_well(&server, &["redeliver", "faulty", "1"]), "faulty#1: SUCCESS\n");
    ask_well(&server, &["add", "mail.send", "x", "--wait"]);
    let said = ask(&server, &["redeliver", "mail.send", "1", "--json"]);
    let code = &parsed(&said.err)["code"];
    assert_eq!((said.code, said.out.as_str(), code), (Some(1), "", &json!("not-given-up")), "{}", said.err);
}

#[test]
fn jobs_are_deleted() {
    let server = serve();
    for _ in 0..3 {
        ask_well(&server, &["add", "mail.send", "--delay", "1h"]);
    }
    assert_eq!(
        ask_well(&server, &["delete", "mail.send", "1", "2"]),
        "mail.send#1 is deleted\nmail.send#2 is deleted\n"
    );
    let deleted = json!({ "task": "mail.send", "id": 3, "deleted": true });
    assert_eq!(ask_json(&server, &["delete", "mail.send", "3"]), deleted);
    assert_eq!(ask(&server, &["get", "mail.send", "3"]).code, Some(1));
}

#[test]
fn a_refusal_of_one_job_does_not_affect_the_others() {
    let server = serve();
    ask_well(&server, &["add", "mail.send", "--delay", "1h"]);
    ask_well(&server, &["add", "mail.send", "--delay", "1h"]);
    let said = ask(&server, &["cancel", "mail.send", "1", "99", "2"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(said.out, "mail.send#1: FAILURE (cancelled)\nmail.send#2: FAILURE (cancelled)\n");
    insta::assert_snapshot!("one_of_three", said.err);
    // Programs get a document for each job, on one of the two streams.
    let said = ask(&server, &["delete", "mail.send", "1", "99", "2", "--json"]);
    let documents = |text: &str| text.lines().map(parsed).collect::<Vec<_>>();
    let deleted = |id: u64| json!({ "task": "mail.send", "id": id, "deleted": true });
    assert_eq!((said.code, documents(&said.out)), (Some(1), vec![deleted(1), deleted(2)]));
    let [refused] = &documents(&said.err)[..] else { panic!("{}", said.err) };
    let found = (&refused["code"], &refused["instance"]);
    assert_eq!(found, (&json!("unknown-job"), &json!("/v1/tasks/mail.send/jobs/99")));
}

#[test]
fn tasks_are_paused_and_resumed() {
    let server = serve();
    insta::assert_snapshot!("paused", ask_well(&server, &["pause", "mail.send"]));
    ask_well(&server, &["add", "mail.send"]);
    let task = ask_json(&server, &["tasks", "mail.send"]);
    assert_eq!((&task["paused"], &task["counts"]["waiting"]), (&json!(true), &json!(1)));
    assert!(ask_well(&server, &["stats"]).contains("mail.send  paused"));
    insta::assert_snapshot!("resumed", ask_well(&server, &["resume", "mail.send"]));
    assert_eq!(ask_json(&server, &["get", "mail.send", "1", "--wait"])["status"], "SUCCESS");
    for (command, paused) in [("pause", true), ("resume", false)] {
        assert_eq!(ask_json(&server, &[command, "mail.send"]), json!({ "task": "mail.send", "paused": paused }));
    }
}
