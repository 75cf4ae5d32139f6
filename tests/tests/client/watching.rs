//! `saggar watch` and `saggar logs -f` without a terminal: a line for each event, even across lost connections.

use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::stage::{RunningCommand, app, ask, ask_well, client, serve, steady};

fn watch(server: &Server, arguments: &[&str]) -> RunningCommand {
    let mut watching = RunningCommand::start(&mut client(server, &[&["watch"], arguments].concat()));
    watching.until_err("watching");
    watching
}

fn end(watching: RunningCommand) -> saggar_tests::program::CommandOutput {
    watching.interrupt();
    let said = watching.end();
    assert_eq!(said.code, Some(130), "{}", said.err);
    said
}

#[test]
fn every_event_is_a_line() {
    let server = serve();
    let mut watching = watch(&server, &[]);
    ask_well(&server, &["add", "progress", "3", "\"step\"", "--wait"]);
    ask(&server, &["add", "failing", "reject", "9", "0", "--wait"]);
    watching.until("failed");
    ask_well(&server, &["delete", "progress", "1"]);
    watching.until("deleted");
    // Intermediate progress may or may not be reported.
    let out = steady(&end(watching).out);
    let mut lines: Vec<&str> = out.lines().filter(|line| !line.contains("1/3 ") && !line.contains("2/3 ")).collect();
    // The event of the start can precede the event of the adding.
    lines[..2].sort_unstable();
    insta::assert_snapshot!("lines", lines.join("\n"));
}

#[test]
fn json_prints_a_document_for_each_event() {
    let server = serve();
    let mut watching = watch(&server, &["Mail.Send", "--json"]);
    // A job of another task, which is not watched.
    ask_well(&server, &["add", "progress", "3", "\"step\"", "--wait"]);
    ask_well(&server, &["add", "mail.send", "x", "--wait"]);
    watching.until("succeeded");
    let said = end(watching);
    let events: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
    assert!(events.iter().all(|event| event["task"] == "mail.send" && event["id"] == 1), "{events:?}");
    let mut kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().expect("a kind")).collect();
    // The first two events may come in either order, as above.
    kinds.sort_unstable();
    assert_eq!(kinds, ["added", "started", "succeeded"]);
}

#[test]
fn a_job_is_watched_until_its_end() {
    let server = serve();
    ask_well(&server, &["add", "gated", "keys", "1"]);
    let mut watching = RunningCommand::start(&mut client(&server, &["watch", "gated", "1"]));
    watching.until("gated#1: ");
    watching.until_err("watching gated#1");
    ask_well(&server, &["add", "keys"]);
    let said = watching.end();
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.out.lines().last().is_some_and(|line| line.ends_with("gated#1                   succeeded")),
        "{}",
        said.out
    );
    // A job that has ended is shown.
    assert_eq!(ask_well(&server, &["watch", "gated", "1"]), "gated#1: SUCCESS  1/1 through the gate\n");
    ask(&server, &["add", "failing", "reject", "9", "0", "--wait"]);
    let failed = ask(&server, &["watch", "failing", "1"]);
    assert_eq!((failed.code, failed.out.as_str()), (Some(1), "failing#1: FAILURE (rejected)\n"));
    assert!(failed.err.contains("FAILURE (rejected, attempt 1 of 1): not-yet"), "{}", failed.err);
    let document: Value = serde_json::from_str(&ask(&server, &["watch", "failing", "1", "--json"]).out).unwrap();
    assert_eq!(document["status"], json!("FAILURE"));
    // Programs get the document before the events and after them.
    ask_well(&server, &["add", "gated", "keys", "2"]);
    let mut watching = RunningCommand::start(&mut client(&server, &["watch", "gated", "2", "--json"]));
    watching.until_err("watching gated#2");
    ask_well(&server, &["add", "keys"]);
    let said = watching.end();
    let documents: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
    let (first, last) = (documents.first().expect("the job"), documents.last().expect("the job"));
    assert!(first["kind"].is_null() && first["status"] != "SUCCESS", "{}", said.out);
    assert_eq!((&last["status"], &last["response"]), (&json!("SUCCESS"), &json!("through")));
    assert_eq!(documents[documents.len() - 2]["kind"], "succeeded");
    // A job that is deleted while it is watched sends no more events.
    ask_well(&server, &["add", "mail.send", "--delay", "1h"]);
    let mut watching = RunningCommand::start(&mut client(&server, &["watch", "mail.send", "1", "--json"]));
    watching.until_err("watching mail.send#1");
    ask_well(&server, &["delete", "mail.send", "1"]);
    let said = watching.end();
    assert!(said.code == Some(0) && said.out.contains(r#""kind":"deleted""#), "{said:?}");
}

#[test]
fn an_interrupted_watch_reconnects_and_reports_the_gap() {
    let app = app();
    let server = Server::start(&app, &[]);
    let address = server.address().to_string();
    let (mut text, mut json) = (watch(&server, &[]), watch(&server, &["mail.send", "--json"]));
    ask_well(&server, &["add", "mail.send", "before"]);
    text.until("succeeded");
    json.until("succeeded");
    server.stop();
    text.until_err("lost the connection");
    json.until_err("lost the connection");
    let server = Server::start(&app, &["--listen", &address]);
    text.until_err("reconnected after");
    text.until("(events may have been missed; the host was restarted)");
    json.until(r#"{"kind":"gap","events":null}"#);
    ask_well(&server, &["add", "mail.send", "after"]);
    for line in [text.until("succeeded"), json.until("succeeded")] {
        assert!(line.contains("mail.send#2 ") || line.contains(r#""id":2"#), "{line}");
    }
    let (text, json) = (end(text), end(json));
    assert_eq!(text.err.matches("lost the connection").count(), 1, "{}", text.err);
    assert!(json.out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", json.out);
}

/// A closed output ends the command successfully.
#[test]
fn a_closed_pipe_ends_the_watch() {
    let server = serve();
    let mut watching = watch(&server, &["mail.send"]);
    watching.close_output();
    for _ in 0..3 {
        ask_well(&server, &["add", "mail.send", "--wait"]);
    }
    let said = watching.end();
    assert_eq!(said.code, Some(0), "{}", said.err);
}

/// A host that does not come back is given up.
#[test]
fn a_watch_ends_when_the_host_does_not_come_back() {
    let server = serve();
    let mut watching = RunningCommand::start(client(&server, &["watch"]).env("SAGGAR_RETRY_FOR", "300ms"));
    watching.until_err("watching");
    server.stop();
    let said = watching.end();
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.err.contains("no host at") && said.err.contains("saggar serve APP"), "{}", said.err);
}

#[test]
fn a_log_is_followed_while_it_grows() {
    let server = serve();
    ask_well(&server, &["add", "gated", "keys", "1"]);
    let mut following = RunningCommand::start(&mut client(&server, &["logs", "--follow", "gated", "1"]));
    following.until("stdout | at the gate");
    ask_well(&server, &["add", "keys"]);
    following.until("stdout | through the gate");
    let said = following.end();
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(said.out, ask_well(&server, &["logs", "gated", "1"]));
}
