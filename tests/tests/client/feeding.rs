//! `saggar add --file` of many jobs.

use std::fmt::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use super::stage::{RunningCommand, app, ask, ask_json, ask_well, client, feed, serve};

fn ids(text: &str) -> Vec<u64> {
    text.lines().map(|line| line.parse().unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn ten_thousand_jobs_from_standard_input() {
    let server = serve();
    let mut lines = String::new();
    (0..10_000).for_each(|number| writeln!(lines, "[{number}, \"{}\"]", "x".repeat(number % 300)).unwrap());
    let said = feed(&server, &["add", "mail.send", "--file", "-", "--key", "all"], lines.clone());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(ids(&said.out), (1..=10_000).collect::<Vec<_>>());
    // Each line is one job, and no line is added twice.
    for id in [1, 4_711, 10_000] {
        assert_eq!(ask_json(&server, &["get", "mail.send", &id.to_string()])["args"][0], id - 1);
    }
    let again = feed(&server, &["add", "mail.send", "--file", "-", "--key", "all", "--json"], lines);
    assert_eq!(again.code, Some(0), "{}", again.err);
    let first: Value = serde_json::from_str(again.out.lines().next().expect("a line")).unwrap();
    assert_eq!((first, again.out.lines().count()), (json!({ "id": 1, "new": false }), 10_000));
    assert_eq!(ask_json(&server, &["tasks", "mail.send"])["counts"]["added"], 10_000);
}

#[test]
fn a_file_has_arrays_and_objects() {
    let (server, app) = (serve(), app());
    let lines = "[1]\n\n  {\"args\":[2],\"priority\":3,\"key\":\"own\"}  \r\n{}\n[4]";
    app.write("jobs.jsonl", lines);
    let file = app.path().join("jobs.jsonl").to_str().expect("UTF-8").to_owned();
    let added =
        ask_well(&server, &["add", "mail.send", "--file", &file, "--priority", "9", "--key", "k", "--delay", "1h"]);
    assert_eq!(ids(&added), [1, 2, 3, 4]);
    let shown = |id: &str| {
        let job = ask_json(&server, &["get", "mail.send", id]);
        (job["args"].clone(), job["priority"].clone(), job["key"].clone(), job["status"].clone())
    };
    let waiting = json!("WAITING");
    assert_eq!(shown("1"), (json!([1]), json!(9), json!("k/0"), waiting.clone()));
    assert_eq!(shown("2"), (json!([2]), json!(3), json!("own"), waiting.clone()));
    assert_eq!(shown("3"), (json!([]), json!(9), json!("k/2"), waiting.clone()));
    assert_eq!(shown("4"), (json!([4]), json!(9), json!("k/3"), waiting));
}

/// Editors write such a mark.
#[test]
fn a_byte_order_mark_at_the_start_of_a_file_or_of_standard_input_is_skipped() {
    let (server, app) = (serve(), app());
    let file = app.path().join("jobs.jsonl").to_str().expect("UTF-8").to_owned();
    let mut next = 1_u64;
    for lines in ["\u{feff}[7]\n[8]\n", "\u{feff}{\"args\":[7]}\r\n[8]", "\u{feff}\n[7]\n\n[8]\n"] {
        app.write("jobs.jsonl", lines);
        let from_file = ask(&server, &["add", "mail.send", "--file", &file]);
        let from_input = feed(&server, &["add", "mail.send", "--file", "-"], lines);
        for said in [from_file, from_input] {
            assert_eq!((said.code, ids(&said.out)), (Some(0), vec![next, next + 1]), "{lines:?}: {}", said.err);
            assert_eq!(ask_json(&server, &["get", "mail.send", &next.to_string()])["args"], json!([7]));
            next += 2;
        }
    }
    // A file without any job.
    app.write("jobs.jsonl", "\u{feff}");
    assert_eq!(ask_well(&server, &["add", "mail.send", "--file", &file]), "");
}

/// As in two files that were concatenated. The mark is invisible, so the error names it.
#[test]
fn a_byte_order_mark_in_a_later_line_is_an_error_that_names_the_line() {
    let server = serve();
    for (lines, number, added) in [
        ("[1]\n[2]\n\u{feff}[3]\n[4]\n", 3, 2),
        ("\u{feff}[1]\n\u{feff}{\"args\":[2]}\n", 2, 1),
        ("\u{feff}\u{feff}[1]\n", 1, 0),
    ] {
        let said = feed(&server, &["add", "mail.send", "--file", "-"], lines);
        assert_eq!((said.code, ids(&said.out).len()), (Some(2), added), "{lines:?}: {}", said.err);
        let why = format!("line {number}: a byte order mark (U+FEFF) is allowed only at the start of the input");
        assert!(said.err.contains(&why), "{lines:?}: {}", said.err);
    }
    // Within a text it is a character like any other.
    let said = feed(&server, &["add", "mail.send", "--file", "-", "--wait"], "[\"\u{feff}x\"]\n");
    assert_eq!((said.code, said.out.as_str()), (Some(0), "[\"\u{feff}x\"]\n"), "{}", said.err);
}

#[test]
fn an_invalid_line_ends_the_command_after_the_jobs_before_it() {
    let server = serve();
    let add = |lines: &str| {
        let said = feed(&server, &["add", "mail.send", "--file", "-"], lines);
        assert_eq!(said.code, Some(2), "{lines}: {}", said.err);
        (ids(&said.out).len(), said.err)
    };
    let mut all = String::new();
    for lines in ["[1]\n[2]\n{\"ags\":[3]}\n[4]\n", "[1\n", "x\n", "\n\n7", "[]\n{\"args\":{}, \"delay_ms\":-1}"] {
        let (added, why) = add(lines);
        writeln!(all, "{lines:?}: {added} added\n{why}").unwrap();
    }
    insta::assert_snapshot!("lines_that_are_no_jobs", all);
    let (added, why) = add(&format!("[1]\n[\"{}\"]\n", "x".repeat(5 << 20)));
    assert!(added == 1 && why.contains("line 2: the line is longer than"), "{why}");
    let gone = ask(&server, &["add", "mail.send", "--file", "/nowhere"]);
    assert!(gone.code == Some(2) && gone.err.contains("cannot read /nowhere"), "{}", gone.err);
}

/// A line that the host rejects ends the command, which reports how many jobs were added.
#[test]
fn a_rejected_job_ends_the_command() {
    let server = serve();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let add = |line: &str| {
        let lines = format!("{}{line}\n{}", "[]\n\n".repeat(700), "[]\n".repeat(99));
        feed(&server, &["add", "mail.send", "--file", "-", "--key", "k"], lines)
    };
    let key = r#"{"key":" k"}"#;
    for (line, why) in [(deep.as_str(), "(invalid-args)"), (key, "(invalid-body)"), (r#"{"run_at":"x"}"#, "`run_at`: ")]
    {
        let said = add(line);
        assert_eq!((said.code, ids(&said.out)), (Some(2), (1..=700).collect()), "{}", said.err);
        // Blank lines count as in an editor; the job's position in its request does not matter.
        let summary = "700 jobs were added (with --key k, no line is added twice): line 1401: ";
        assert!(said.err.contains(summary) && said.err.contains(why) && !said.err.contains("job 0"), "{}", said.err);
    }
    assert_eq!(ask_json(&server, &["tasks", "mail.send"])["counts"]["added"], 700);
}

/// With an empty key, the lines of every file would have the same keys, and the jobs of a second file would already
/// exist.
#[test]
fn an_invalid_key_is_refused_before_any_job_is_added() {
    let server = serve();
    for key in ["", " a", "ü", &"k".repeat(250)] {
        let said = feed(&server, &["add", "mail.send", "--file", "-", "--key", key], "[]\n");
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{key}: {}", said.err);
        assert!(said.err.contains("a key has 1 to 234 printable ASCII characters"), "{}", said.err);
    }
    assert_eq!(ask_json(&server, &["tasks", "mail.send"])["counts"]["added"], 0);
}

#[test]
fn jobs_are_added_while_the_input_is_read() {
    use std::io::Write as _;

    let server = serve();
    let mut child = client(&server, &["add", "mail.send", "--file", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    for id in 1..=3 {
        pipe.write_all(b"[\"one\"]\n").unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        assert_eq!(line, format!("{id}\n"));
    }
    drop(pipe);
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_command_waits_while_the_queue_is_full() {
    let server = serve();
    ask_well(&server, &["pause", "small"]);
    let mut feeding = RunningCommand::start(client(&server, &["add", "small", "--file", "-"]).stdin(Stdio::piped()));
    feeding.write(&"[]\n".repeat(50));
    feeding.until_err("the queue of small is full; waiting for room");
    assert_eq!(ask_json(&server, &["tasks", "small"])["counts"]["waiting"], 5);
    ask_well(&server, &["resume", "small"]);
    let said = feeding.end();
    assert_eq!((said.code, ids(&said.out)), (Some(0), (1..=50).collect()), "{}", said.err);
    // A single job is rejected at once if the queue is full.
    ask_well(&server, &["pause", "small"]);
    feed(&server, &["add", "small", "--file", "-"], "[]\n".repeat(5));
    let said = ask(&server, &["add", "small"]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!("queue_full", said.err);
}

#[test]
fn waiting_prints_the_result_of_each_job() {
    let server = serve();
    let lines = "[1]\n[\"zwei\"]\n";
    let said = feed(&server, &["add", "mail.send", "--file", "-", "--wait"], lines);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "[1]\n[\"zwei\"]\n"), "{}", said.err);
    let lines = "[\"reject\",0,0]\n[\"reject\",1,0]\n[\"reject\",0,0]\n";
    let said = feed(&server, &["add", "failing", "--file", "-", "--wait", "--json"], lines);
    let statuses: Vec<Value> =
        said.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["status"].clone()).collect();
    assert_eq!((said.code, statuses), (Some(1), vec![json!("SUCCESS"), json!("FAILURE"), json!("SUCCESS")]));
    assert!(said.err.contains("FAILURE (rejected, attempt 1 of 1): not-yet"), "{}", said.err);
}
