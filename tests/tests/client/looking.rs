//! `saggar get`, `list`, `tasks`, `stats` and `logs`, as text and as the host's JSON.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use saggar_tests::server::Server;
use saggar_tests::timeout::TIMEOUT;
use serde_json::{Value, json};

use super::stage::{app, ask, ask_json, ask_well, client, feed, serve, steady};

/// Starts a service and adds a job of each kind.
fn with_jobs() -> Server {
    let server = serve();
    ask_well(&server, &["add", "mail.send", "ada", "--key", "k1", "--wait"]);
    ask_well(&server, &["add", "progress", "3", "\"step\"", "--key", "k2", "--wait"]);
    ask(&server, &["add", "failing", "reject", "9", "0", "--key", "k3", "--wait"]);
    ask_well(&server, &["add", "printing", "hi", "--key", "k4", "--wait"]);
    ask_well(&server, &["add", "mail.send", "later", "--key", "k5", "--delay", "1h", "--priority", "2"]);
    server
}

async fn answered(server: &Server, path: &str) -> Value {
    server.get(path).await.body
}

#[test]
fn a_job_is_shown_in_detail() {
    let server = with_jobs();
    for (name, task, id) in [
        ("success", "mail.send", "1"),
        ("progressed", "progress", "1"),
        ("failure", "failing", "1"),
        ("delayed", "mail.send", "2"),
    ] {
        insta::assert_snapshot!(name, steady(&ask_well(&server, &["get", task, id])));
    }
    let long = format!("\"{}\"", "x".repeat(10_000));
    ask_well(&server, &["add", "mail.send", &long, "--wait", "--key", "k6"]);
    let sheet = ask_well(&server, &["get", "mail.send", "3"]);
    assert!(sheet.contains("… (10004 bytes; --json shows all)") && sheet.len() < 6_000, "{sheet}");
}

#[test]
fn waiting_for_a_job_exits_by_its_result() {
    let server = with_jobs();
    assert_eq!(ask(&server, &["get", "mail.send", "1", "--wait"]).code, Some(0));
    assert_eq!(ask(&server, &["get", "failing", "1"]).code, Some(0));
    let failed = ask(&server, &["get", "failing", "1", "--wait"]);
    assert_eq!(failed.code, Some(1));
    assert_eq!(failed.err, "FAILURE (rejected, attempt 1 of 1): not-yet: attempt 1 fails by reject\n");
}

#[test]
fn attempts_are_shown() {
    let server = with_jobs();
    let shown = ask_well(&server, &["get", "failing", "1", "--attempts"]);
    let words: Vec<&str> = shown.lines().nth(1).expect("an attempt").split_whitespace().collect();
    assert_eq!(
        (&words[..2], words[4], &words[8..]),
        (&["1", "1"][..], "rejected", &["not-yet:", "attempt", "1", "fails", "by", "reject"][..])
    );
    let record_bytes: u64 = words[7].parse().expect("the size of its record");
    assert!((100..10_000).contains(&record_bytes), "{shown}");
}

#[test]
fn jobs_are_listed_and_filtered() {
    let server = with_jobs();
    insta::assert_snapshot!("list", steady(&ask_well(&server, &["list"])));
    insta::assert_snapshot!("tasks", ask_well(&server, &["tasks"]));
    let ids = |options: &[&str]| -> Vec<String> {
        let document = ask_json(&server, &[&["list"], options].concat());
        let jobs = document["jobs"].as_array().expect("jobs").clone();
        jobs.iter().map(|job| format!("{}#{}", job["task"].as_str().expect("a task"), job["id"])).collect()
    };
    assert_eq!(ids(&["--task", "mail.send"]), ["mail.send#2", "mail.send#1"]);
    assert_eq!(ids(&["--task", "mail.send", "--order", "oldest"]), ["mail.send#1", "mail.send#2"]);
    assert_eq!(ids(&["--status", "failure"]), ["failing#1"]);
    assert_eq!(ids(&["--status", "WAITING"]), ["mail.send#2"]);
    assert_eq!(ids(&["--text", "step of job"]), ["progress#1"]);
    assert_eq!(ids(&["--since", "1h"]).len(), 5);
    assert_eq!(ids(&["--until", "1h"]), [""; 0]);
    assert_eq!(ids(&["--since", "2999-01-01T00:00:00Z"]), [""; 0]);
    let first = ask_json(&server, &["list", "--limit", "2"]);
    let next = first["next"].as_str().expect("others follow");
    assert_eq!(ids(&["--limit", "2", "--after", next]).len(), 2);
    let none = ask(&server, &["list", "--status", "running"]);
    assert_eq!((none.code, none.out.as_str(), none.err.as_str()), (Some(0), "", "(no matching jobs)\n"));
    let some = ask(&server, &["list", "--limit", "1"]);
    assert_eq!((some.out.lines().count(), some.err.as_str()), (2, "(more jobs follow; --all shows them)\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_what_each_job_waits_for_and_until_when() {
    let again = json!({ "process": "plugins.failing", "attempts": 1, "attempt_after": 3_600_000 });
    let on_hold = json!({
        "process": "plugins.echo",
        "event": { "add": "plugins.faulty#spin" },
        "sandbox": { "event_timeout": 60 },
    });
    let server = Server::start(&app().task("again", &again).task("on-hold", &on_hold), &["--store", "memory"]);
    server.close_gate("gated").await;
    ask_well(&server, &["add", "gated", "keys", "1"]);
    ask_well(&server, &["add", "mail.send", "--delay", "1h"]);
    ask_well(&server, &["add", "again", "retry", "9", "0"]);
    server.until("again", 1, |job| job["waiting"] == "retrying").await;
    ask_well(&server, &["add", "on-hold"]);
    let listed = steady(&ask_well(&server, &["list", "--status", "waiting"]));
    // The words of each row without the time of its addition.
    let row = |task: &str| -> String {
        let row = listed.lines().find(|row| row.starts_with(&format!("{task} "))).unwrap_or_else(|| panic!("{listed}"));
        row.split_whitespace()
            .enumerate()
            .filter(|(at, _)| *at != 5)
            .map(|(_, word)| word)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let later = "runs from 2026-11-24T10:00:00.000Z";
    assert_eq!(row("gated"), "gated 2 WAITING ready 0");
    assert_eq!(row("mail.send"), format!("mail.send 1 WAITING delayed 0 {later}"));
    let retrying = format!("again 1 WAITING retrying 1 {later}; not-yet: attempt 1 fails by retry");
    assert_eq!(row("again"), retrying);
    assert_eq!(row("on-hold"), "on-hold 1 WAITING on-hold 0");
    assert_eq!(listed.lines().count(), 5, "{listed}");
    drop(server);
}

#[test]
fn all_pages_are_one_list() {
    let server = serve();
    assert_eq!(
        feed(&server, &["add", "mail.send", "--file", "-", "--delay", "1h"], "[]\n".repeat(2_500)).code,
        Some(0)
    );
    let text = ask_well(&server, &["list", "--all"]);
    assert_eq!(text.lines().filter(|line| line.starts_with("TASK")).count(), 1);
    assert_eq!(text.lines().count(), 2_501);
    let ids: BTreeSet<u64> = ask_well(&server, &["list", "--all", "--json"])
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a document")["id"].as_u64().expect("an id"))
        .collect();
    assert_eq!(ids, (1..=2_500).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_the_document_of_the_host() {
    let server = with_jobs();
    let answers: [(&[&str], &str); 6] = [
        (&["get", "mail.send", "1"], "/v1/tasks/mail.send/jobs/1"),
        (&["get", "failing", "1", "--attempts"], "/v1/tasks/failing/jobs/1/attempts"),
        (&["logs", "printing", "1"], "/v1/tasks/printing/jobs/1/logs"),
        (&["list"], "/v1/jobs"),
        (&["list", "--task", "failing", "--status", "failure"], "/v1/tasks/failing/jobs?status=FAILURE"),
        (&["tasks", "mail.send"], "/v1/tasks/mail.send"),
    ];
    for (arguments, path) in answers {
        let (mut said, mut wanted) = (ask_json(&server, arguments), answered(&server, path).await);
        // Rates change with time.
        for document in [&mut said, &mut wanted] {
            document.as_object_mut().expect("an object").remove("rates");
        }
        assert_eq!(said, wanted, "{arguments:?}");
    }
    for command in ["stats", "tasks"] {
        let ids = |document: &Value| -> Vec<Value> {
            document["tasks"].as_array().expect("tasks").iter().map(|task| task["id"].clone()).collect()
        };
        assert_eq!(ids(&ask_json(&server, &[command])), ids(&answered(&server, "/v1/tasks").await));
    }
}

#[test]
fn a_task_is_shown_with_its_definition() {
    let server = with_jobs();
    insta::assert_snapshot!("task", steady(&ask_well(&server, &["tasks", "Mail.Send"])));
}

#[test]
fn stats_count_jobs_by_status() {
    let server = with_jobs();
    let text = ask_well(&server, &["stats"]);
    let mut rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let header = rows.next().expect("a header");
    let row = rows.find(|row| row[0] == "mail.send").expect("the task");
    let of = |title: &str| row[header.iter().position(|found| *found == title).unwrap_or_else(|| panic!("{text}"))];
    assert_eq!(
        ["STATE", "WAITING", "DELAYED", "RUNNING", "SUCCESS", "FAILURE"].map(of),
        ["ready", "1", "1", "0", "1", "0"]
    );
    assert_eq!(ask_json(&server, &["stats"])["tasks"][0]["counts"]["failure"], json!(1));
}

#[test]
fn a_log_is_printed() {
    let server = with_jobs();
    let text = ask_well(&server, &["logs", "printing", "1"]);
    insta::assert_snapshot!("log", steady(&text));
    // With `-f`, the output is the same, and ends with the job.
    assert_eq!(ask_well(&server, &["logs", "-f", "printing", "1"]), text);
    let lines = ask_well(&server, &["logs", "-f", "printing", "1", "--json"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
    assert_eq!(Value::from(lines), ask_json(&server, &["logs", "printing", "1"])["lines"]);
    assert_eq!(ask_well(&server, &["logs", "mail.send", "1"]), "");
}

/// Ctrl-C ends the command even if its reader has stopped reading without closing the pipe.
#[test]
fn ctrl_c_ends_a_command_whose_output_is_not_read() {
    let server = serve();
    feed(&server, &["add", "mail.send", "--file", "-"], "[]\n".repeat(1_000));
    let mut list = client(&server, &["list", "--all", "--json"]);
    let mut list = list.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts");
    // A page of jobs is larger than a pipe's buffer and is written in one blocking write.
    let mut pipe = list.stdout.take().expect("a pipe was asked for");
    pipe.read_exact(&mut [0]).expect("it lists");
    let killed = Command::new("kill").args(["-s", "INT", &list.id().to_string()]).status();
    assert!(killed.expect("kill starts").success(), "the command has ended already");
    let (sender, ended) = mpsc::channel();
    let waiting = std::thread::spawn(move || sender.send(list.wait().expect("a child can be waited for")));
    let status = ended.recv_timeout(TIMEOUT).expect("it ends");
    assert_eq!(status.code(), Some(130));
    waiting.join().expect("the thread does not panic").expect("the receiver exists");
    drop(pipe);
}

#[test]
fn failures_are_listed_by_group() {
    let server = with_jobs();
    let listed = ask_well(&server, &["failures"]);
    let row: Vec<&str> = listed.lines().nth(1).expect("a group").split_whitespace().collect();
    assert_eq!((row[0], row[2], row[3]), ("1", "failing", "not-yet"), "{listed}");
    assert!(listed.contains("attempt # fails by reject"), "{listed}");
    let group = format!("group={}", row[1]);
    assert_eq!(ask_well(&server, &["list", "--where", &group, "--count"]), "1\n");
    assert_eq!(ask_json(&server, &["failures", "failing"])["groups"][0]["group"], row[1]);
    assert_eq!(ask(&server, &["failures", "mail.*"]).err, "(no failures)\n");
}

#[test]
fn plugins_are_listed_and_shown() {
    let server = serve();
    // A host has them a moment after its tasks are ready.
    while ask(&server, &["plugins"]).err == "(no plugins)\n" {}
    let listed = ask_well(&server, &["plugins"]);
    let row = listed.lines().find(|line| line.starts_with("plugins.echo ")).expect("echo");
    assert!(row.contains("processor") && row.ends_with("faulty, mail.send, small"), "{listed}");
    let shown = ask_well(&server, &["plugins", "plugins.echo"]);
    assert!(shown.contains("mail.send as processor") && shown.contains("imports"), "{shown}");
    assert_eq!(ask_json(&server, &["plugins", "plugins.echo"])["name"], "plugins.echo");
    assert!(ask(&server, &["plugins", "echo"]).err.contains("(unknown-plugin)"));
}
