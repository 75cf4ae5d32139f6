//! `saggar check`.

use std::fs;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, saggar, saggar_on};
use saggar_tests::server::Server;
use serde_json::{Value, json};

fn app() -> App {
    let task = json!({
        "process": "plugins.mail.send",
        "name": "Letters",
        "worker_nums": 10,
        "size": 1000,
        "timeout": 2,
        "attempts": 3,
        "attempt_after": { "delay": 200, "backoff": "exponential" },
        "event": { "success": "plugins.recorder", "error": "" },
        "sandbox": { "memory": "32MiB", "reuse": 1 },
    });
    App::new().plugin("mail.send", guests::ECHO).plugin("recorder", guests::RECORDER).task("mail.send", &task)
}

#[test]
fn a_valid_app_is_shown_with_all_its_limits() {
    let said = saggar_on("check", &app(), &[]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let shown = [
        "mail.send",
        "tasks/mail/send.json",
        "Letters",
        "10",
        "1000",
        "timeout                2",
        "exponential",
        "32MiB",
        "plugins.mail.send",
        "plugins.recorder",
        "saggar:task/log@0.1.0",
        "success-handler",
    ];
    for part in shown {
        assert!(said.out.contains(part), "no `{part}` in:\n{}", said.out);
    }
}

#[test]
fn json_is_one_document() {
    let said = saggar_on("check", &app(), &["--json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let document: Value = serde_json::from_str(&said.out).unwrap();
    let task = &document["tasks"][0];
    let definition = &task["definition"];
    assert_eq!(
        (&task["id"], &definition["worker_nums"], &definition["attempts"]),
        (&json!("mail.send"), &json!(10), &json!(3))
    );
    assert_eq!(definition["sandbox"]["memory"], "32MiB");
    assert_eq!(
        (&definition["process"], &definition["event"]["success"]),
        (&json!("plugins.mail.send"), &json!("plugins.recorder"))
    );
    let component = &document["components"]["plugins.mail.send"];
    assert_eq!(component["bytes"], fs::metadata(guests::ECHO).unwrap().len());
    assert_eq!(component["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(document["problems"], json!([]));
}

#[test]
fn a_host_shows_a_definition_in_the_same_words() {
    let app = app();
    let server = Server::start(&app, &["--store", "memory"]);
    let url = server.url("");
    let (checked, shown) = (saggar_on("check", &app, &[]), saggar(["tasks", "mail.send", "--url", &url]));
    // The rows of the definition: from the processor to the capabilities, which a client is not shown, or the end.
    let is_end = |line: &String| line.is_empty() || line.starts_with("tasks asked ");
    let rows = |said: &CommandOutput| -> Vec<String> {
        let lines = said.out.lines().map(|line| line.trim().to_owned());
        lines.skip_while(|line| !line.starts_with("process ")).take_while(|line| !is_end(line)).collect()
    };
    assert_eq!(rows(&checked), rows(&shown));
    assert!(rows(&shown).len() > 10, "{shown:?}");
    let document = |said: CommandOutput| -> Value { serde_json::from_str(&said.out).expect("one JSON document") };
    let checked = document(saggar_on("check", &app, &["--json"]));
    let shown = document(saggar(["tasks", "mail.send", "--json", "--url", &url]));
    server.stop();
    assert_eq!(checked["tasks"][0]["definition"], shown["definition"]);
    assert!(shown["definition"].is_object(), "{shown}");
}

#[test]
fn all_problems_of_all_files_are_shown_at_once() {
    let app = app()
        .file("tasks/a.json", r#"{ "process": "plugins.recorder", "timeuot": 3, "size": -1 }"#)
        .file("tasks/b.yao", "{ \"process\": \"plugins.recorde\" }")
        .file("tasks/c.json", "");
    let said = saggar_on("check", &app, &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("mail.send"), "the good task is shown: {}", said.out);
    for part in ["timeuot", "`timeout`", "`size`", "plugins/recorde.wasm", "plugins.recorder", "tasks/c.json"] {
        assert!(said.err.contains(part), "no `{part}` in:\n{}", said.err);
    }
    let said = saggar_on("check", &app, &["--json"]);
    let document: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, document["problems"].as_array().map(Vec::len)), (Some(1), Some(4)), "{document:#}");
    let first = &document["problems"][0];
    assert_eq!((&first["severity"], &first["location"]["file"]), (&json!("error"), &json!("tasks/a.json")));
    assert_eq!(
        (&first["location"]["position"]["line"], &first["location"]["position"]["column"]),
        (&json!(1), &json!(34))
    );
}

/// Text from files is escaped before it reaches the terminal.
#[test]
fn control_characters_in_files_are_escaped() {
    let app = App::new().file("tasks/a.json", "{ \"process\": \"plugins.\u{1b}[2J\", \"\u{202e}k\u{7}\": 1 }");
    let said = saggar_on("check", &app, &[]);
    assert_eq!(said.code, Some(1));
    assert!(!said.err.contains(['\u{1b}', '\u{7}']), "{:?}", said.err);
}

/// A component that would spin on instantiation is accepted because it is not run.
#[test]
fn check_does_not_run_components() {
    let spinning = saggar_tests::crafted::attack("spin_in_start").unwrap();
    let app = App::new().plugin_bytes("spin", spinning).task("spin", &json!({ "process": "plugins.spin" }));
    assert_eq!(saggar_on("check", &app, &[]).code, Some(0));
}
