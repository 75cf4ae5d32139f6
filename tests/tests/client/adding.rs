//! `saggar add` of one job.

use std::io::Read;
use std::net::TcpListener;

use saggar_tests::program::command;
use saggar_tests::server::Server;
use serde_json::json;

use super::stage::{RunningCommand, app, ask, ask_json, ask_well, client, feed, serve};

#[test]
fn a_job_is_added_and_its_id_printed() {
    let server = serve();
    assert_eq!(ask_well(&server, &["add", "mail.send", "1", "two", r#"{"a": 1.50}"#, "-4"]), "1\n");
    assert_eq!(ask_json(&server, &["add", "Mail.Send"]), json!({ "id": 2, "new": true }));
    let job = ask_json(&server, &["get", "mail.send", "1", "--wait"]);
    assert_eq!((&job["status"], &job["args"]), (&json!("SUCCESS"), &json!([1, "two", { "a": 1.5 }, -4])));
    // Arguments are shown as they were written.
    assert!(ask_well(&server, &["get", "mail.send", "1"]).contains(r#"args       [1,"two",{"a": 1.50},-4]"#));
}

#[test]
fn every_digit_of_a_number_is_preserved() {
    const NUMBERS: [&str; 4] = ["18446744073709551617", "1e400", "0.1000000000000000055", "-0"];
    let (server, shown) = (serve(), format!("[{}]", NUMBERS.join(",")));
    let added = ask_well(&server, &[&["add", "keys", "--wait", "--"], &NUMBERS[..]].concat());
    assert_eq!(added, format!("{shown}\n"));
    let job = ask_well(&server, &["get", "keys", "1", "--json"]);
    assert!(job.contains(&format!("\"args\":{shown}")) && job.contains(&format!("\"response\":{shown}")), "{job}");
    let fed = feed(&server, &["add", "keys", "--file", "-", "--wait"], format!("{shown}\n{{\"args\":{shown}}}\n"));
    assert_eq!((fed.code, fed.out), (Some(0), format!("{shown}\n{shown}\n")), "{}", fed.err);
}

#[test]
fn waiting_prints_the_response_and_exits_by_the_result() {
    let server = serve();
    assert_eq!(ask_well(&server, &["add", "mail.send", "x", "--wait"]), "[\"x\"]\n");
    assert_eq!(ask_well(&server, &["add", "printing", "hi", "--wait"]), "null\n");
    let job = ask_json(&server, &["add", "mail.send", "x", "--wait"]);
    assert_eq!((&job["id"], &job["response"]), (&json!(2), &json!(["x"])));
    let failed = ask(&server, &["add", "failing", "reject", "9", "0", "--wait"]);
    assert_eq!((failed.code, failed.out.as_str()), (Some(1), ""));
    insta::assert_snapshot!("failed", failed.err);
    let failed = ask(&server, &["add", "failing", "trap", "9", "0", "--wait", "--json"]);
    assert_eq!(failed.code, Some(1));
    assert!(
        failed.out.contains(r#""status":"FAILURE""#) && failed.out.contains(r#""reason":"trap""#),
        "{}",
        failed.out
    );
}

#[test]
fn a_job_can_have_a_delay_a_priority_and_a_key() {
    let server = serve();
    let shown = |options: &[&str]| {
        let added = ask_json(&server, &[&["add", "mail.send", "x"], options].concat());
        ask_json(&server, &["get", "mail.send", &added["id"].to_string()])
    };
    let delayed = shown(&["--delay", "1h 30m", "--priority", "-7"]);
    assert_eq!((&delayed["status"], &delayed["priority"]), (&json!("WAITING"), &json!(-7)));
    assert!(delayed["run_at"].as_str() > delayed["added_at"].as_str(), "{delayed}");
    let later = shown(&["--at", "2999-01-01T01:00:00+01:00"]);
    assert_eq!(later["run_at"], "2999-01-01T00:00:00.000Z");
    let keyed = shown(&["--key", "once"]);
    assert_eq!(keyed["key"], "once");
    assert_eq!(shown(&["--key", "once"])["id"], keyed["id"]);
    assert_eq!(ask_json(&server, &["add", "mail.send", "x", "--key", "once"]), json!({ "id": 3, "new": false }));
    // Every job has a key nevertheless, so that a retry after a lost connection does not add it twice.
    let keys = [shown(&[])["key"].clone(), shown(&[])["key"].clone()];
    assert!(keys[0].is_string() && keys[0] != keys[1], "{keys:?}");
}

#[test]
fn a_unique_job_is_returned_while_it_waits() {
    let server = serve();
    ask_well(&server, &["pause", "mail.send"]);
    let add = |args: &[&str], unique: &str| {
        ask_json(&server, &[&["add", "mail.send", "--unique", unique], args].concat())["id"].clone()
    };
    assert_eq!(add(&["1", "2"], "args"), 1);
    assert_eq!([add(&["1", "2"], "args"), add(&["1", "3"], "args")], [1, 2]);
    assert_eq!([add(&["a", "b", "c"], "args:0,2"), add(&["a", "x", "c"], "args:0,2")], [3, 3]);
    assert_eq!([add(&[], "task"), add(&["other"], "task")], [4, 4]);
}

#[test]
fn invalid_options_are_wrong_usage() {
    let server = serve();
    let wrong: [&[&str]; 9] = [
        &["add"],
        &["add", "mail.send", "--delay", "soon"],
        &["add", "mail.send", "--priority", "100000"],
        &["add", "mail.send", "--unique", "args:x"],
        &["add", "mail.send", "--file", "-", "x"],
        &["add", "mail.send", "--at", "tomorrow"],
        &["add", "mail.send", "--key", "ünïque"],
        &["add", "mail.send", "--key", ""],
        &["add", "mail.send", "--key", " a "],
    ];
    for arguments in wrong {
        let said = ask(&server, arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{arguments:?}: {}", said.err);
        assert!(!said.err.is_empty(), "{arguments:?}");
    }
    assert_eq!(ask_json(&server, &["tasks", "mail.send"])["counts"]["added"], 0);
}

/// Accepts a connection and closes it when its request has begun.
fn cut(listener: &TcpListener) {
    let (mut stream, _) = listener.accept().expect("a connection");
    stream.read_exact(&mut [0]).expect("a request");
}

/// Without an earlier request, the accepted connection alone shows that a host exists and may come back.
#[test]
fn a_job_is_added_once_across_a_restart() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let mut add = command();
    add.args(["add", "mail.send", "x", "--wait", "--retry-for", "30s", "--url", &format!("http://{address}")]);
    let adding = RunningCommand::start(&mut add);
    cut(&listener);
    drop(listener);
    let server = Server::start(&app(), &["--store", "memory", "--listen", &address]);
    let said = adding.end();
    assert_eq!((said.code, said.out.as_str()), (Some(0), "[\"x\"]\n"), "{}", said.err);
    assert_eq!(ask_json(&server, &["tasks", "mail.send"])["counts"]["added"], 1);
}

/// With the key, the job can be added again without the risk of adding it twice.
#[test]
fn the_key_is_shown_when_retrying_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let mut add = command();
    add.args(["add", "mail.send", "--retry-for", "0s", "--url", &url]);
    let adding = RunningCommand::start(&mut add);
    cut(&listener);
    let said = adding.end();
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{}", said.err);
    assert!(said.err.contains("the job may have been added (with --key "), "{}", said.err);
}

/// The client reconnects to a host that restarts between the adding and the end.
#[test]
fn waiting_continues_across_a_restart() {
    let app = app();
    let server = Server::start(&app, &[]);
    let address = server.address().to_string();
    let mut watching = RunningCommand::start(&mut client(&server, &["watch", "gated"]));
    watching.until_err("watching");
    let adding = RunningCommand::start(&mut client(&server, &["add", "gated", "keys", "1", "--wait", "--json"]));
    watching.until("at the gate");
    let mut of_job = RunningCommand::start(&mut client(&server, &["watch", "gated", "1"]));
    of_job.until_err("watching gated#1");
    // The second signal stops the job, which is requeued.
    server.signal("TERM");
    server.log().until("draining");
    server.signal("TERM");
    server.end();
    of_job.until_err("lost the connection");
    let server = Server::start(&app, &["--listen", &address]);
    ask_well(&server, &["add", "keys"]);
    let said = adding.end();
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains(r#""response":"through""#), "{}", said.out);
    let said = of_job.end();
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    watching.interrupt();
    assert_eq!(watching.end().code, Some(130));
}
