//! Bad input: each causes a clear message and no panic.

use std::ffi::OsStr;
use std::fs;

use saggar_tests::app::App;
use saggar_tests::crafted::{incompatible, malformed};
use saggar_tests::guests;
use saggar_tests::program::{saggar, saggar_on};
use serde_json::{Value, json};

fn app() -> App {
    App::new().plugin("echo", guests::ECHO)
}

/// Creates an app with the only task `it`.
fn with_task(definition: &Value) -> App {
    app().task("it", definition)
}

fn with_plugin(bytes: &[u8]) -> App {
    with_task(&json!({ "process": "plugins.bad" })).plugin_bytes("bad", bytes)
}

/// Asserts that `check` and `run` report the same problems; returns the output of `check`.
fn both_refuse(app: &App) -> String {
    let check = saggar_on("check", app, &[]);
    let run = saggar_on("run", app, &["it"]);
    assert_eq!((check.code, run.code), (Some(1), Some(1)), "{check:?} {run:?}");
    assert_eq!(run.out, "");
    let problems = check.err.rsplit_once("0 tasks can run").expect("a summary").0;
    assert_eq!(run.err.trim(), problems.trim());
    check.shown(app)
}

#[test]
fn missing_and_empty_apps() {
    let app = App::new();
    let nowhere = app.path().join("nowhere");
    let gone = saggar([OsStr::new("check"), nowhere.as_os_str()]);
    insta::assert_snapshot!("no_directory", gone.shown(&app));
    for entry in ["tasks", "plugins"] {
        fs::remove_dir_all(app.path().join(entry)).unwrap();
    }
    insta::assert_snapshot!("empty_directory", both_refuse(&app));
    let app = App::new();
    insta::assert_snapshot!("no_tasks", both_refuse(&app));
    let file = app.path().join("plugins/.keep");
    insta::assert_snapshot!("file_for_directory", saggar([OsStr::new("check"), file.as_os_str()]).shown(&app));
}

#[test]
fn invalid_task_files() {
    insta::assert_snapshot!("no_json", both_refuse(&app().file("tasks/it.json", "process = plugins.echo\n")));
    insta::assert_snapshot!("empty_file", both_refuse(&app().file("tasks/it.json", "")));
    insta::assert_snapshot!("no_object", both_refuse(&with_task(&json!(["plugins.echo"]))));
    insta::assert_snapshot!("no_text", both_refuse(&app().file("tasks/it.json", b"{\"process\": \"\xff\xfe\"}")));
    insta::assert_snapshot!("no_process", both_refuse(&with_task(&json!({ "name": "it" }))));
    let comment = "{ \"process\": \"plugins.echo\" /* strict */ }";
    insta::assert_snapshot!("comment_in_json", both_refuse(&app().file("tasks/it.json", comment)));
    let deep = "[".repeat(100_000);
    assert_eq!(saggar_on("check", &app().file("tasks/it.json", deep), &[]).code, Some(1));
}

#[test]
fn invalid_keys_and_values() {
    let misspelt = "{\n  \"process\": \"plugins.echo\",\n  \"worker_num\": 3\n}\n";
    insta::assert_snapshot!("key_misspelt", both_refuse(&app().file("tasks/it.json", misspelt)));
    for (name, key, value) in [
        ("worker_nums_zero", "worker_nums", json!(0)),
        ("worker_nums_negative", "worker_nums", json!(-1)),
        ("worker_nums_word", "worker_nums", json!("ten")),
        ("timeout_1e300", "timeout", json!(1e300)),
        ("timeout_negative", "timeout", json!(-0.5)),
        ("process_script", "process", json!("scripts.task.Send")),
        ("memory_too_much", "sandbox", json!({ "memory": "1TiB" })),
        ("http_not_granted", "sandbox", json!({ "http": ["https://api.example.com"] })),
        ("handler_without_dot", "event", json!({ "next": "NextID" })),
    ] {
        let mut definition = json!({ "process": "plugins.echo" });
        definition[key] = value;
        insta::assert_snapshot!(name, both_refuse(&with_task(&definition)));
    }
}

#[test]
fn more_slots_than_a_host_has() {
    let mut app = app();
    for number in 0..20 {
        app = app.task(&format!("t{number}"), &json!({ "process": "plugins.echo", "worker_nums": 1024 }));
    }
    let said = saggar_on("check", &app, &[]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!("too_many_slots", said.shown(&app));
}

#[test]
fn missing_and_incompatible_components() {
    let missing = with_task(&json!({ "process": "plugins.eco" }));
    insta::assert_snapshot!("missing_component", both_refuse(&missing));
    let good = fs::read(guests::ECHO).unwrap();
    insta::assert_snapshot!("core_module", both_refuse(&with_plugin(&malformed("core_module", &good).unwrap())));
    insta::assert_snapshot!("text_format", both_refuse(&with_plugin(&malformed("text_format", &good).unwrap())));
    for name in ["without_any_export", "of_0_2", "with_an_unknown_interface", "with_wasi_0_3"] {
        insta::assert_snapshot!(name, both_refuse(&with_plugin(&incompatible(name).unwrap())));
    }
    let signature = both_refuse(&with_plugin(&incompatible("with_another_signature").unwrap()));
    for part in ["func(args: string) -> string", "expected: func(id: u64, args: string) -> result<string, "] {
        assert!(signature.contains(part), "no `{part}` in:\n{signature}");
    }
    assert!(!signature.contains('\u{fffd}'), "a control character is in the message:\n{signature}");
}

#[test]
fn invalid_command_lines() {
    let app = app().task("mail.send", &json!({ "process": "plugins.echo" }));
    let unknown = saggar_on("run", &app, &["mail.sned"]);
    assert_eq!(unknown.code, Some(2));
    insta::assert_snapshot!("unknown_task", unknown.shown(&app));
    let unlike = saggar_on("run", &app, &["completely-different"]);
    assert_eq!(unlike.code, Some(2));
    insta::assert_snapshot!("unlike_task", unlike.shown(&app));
    let usage: [&[&str]; 6] = [
        &[],
        &["run"],
        &["rum"],
        &["check", "--jsn", "."],
        &["run", ".", "it", "--repeat", "0"],
        &["run", ".", "it", "--repeat", "x"],
    ];
    for arguments in usage {
        let said = saggar(arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(said.err.contains("Usage") || said.err.contains("--help"), "{arguments:?}: {}", said.err);
    }
}

/// An argument that is not JSON is a string.
#[test]
fn arguments_that_are_not_json_are_strings() {
    let app = with_task(&json!({ "process": "plugins.echo" }));
    let said = saggar_on("run", &app, &["it", "{", "1.", "nul", "\"a", "[1,]", "", "NaN"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "[\"{\",\"1.\",\"nul\",\"\\\"a\",\"[1,]\",\"\",\"NaN\"]\n"));
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let said = saggar_on("run", &app, &["it", &deep]);
    assert!(said.code == Some(0) || said.code == Some(2), "{:?}", said.code);
}
