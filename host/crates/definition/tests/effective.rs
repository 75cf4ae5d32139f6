//! The effective definition of a task: the task file that an author would write, with all defaults filled in.

use saggar_definition::{Task, Variable, read_task};
use serde_json::{Value, json};

fn task(definition: &Value) -> Task {
    let text = definition.to_string();
    read_task("tasks/mail.json", text.as_bytes(), &|_| Variable::Unset).expect("a valid task")
}

/// Returns a definition in which each key that is not ignored has a value other than its default.
fn full() -> Value {
    json!({
        "process": "plugins.mail#send",
        "name": "Letters",
        "worker_nums": 3,
        "size": 7,
        "delayed_size": 0,
        "timeout": 0.25,
        "attempts": 4,
        "attempt_after": {"delay": 5, "backoff": "linear", "max": 60, "jitter": 0.5},
        "event": {
            "next": "plugins.ids",
            "add": "plugins.added",
            "progress": "plugins.seen",
            "success": "plugins.sent",
            "error": "plugins.failed",
        },
        "sandbox": {
            "memory": "96MiB",
            "reuse": 1,
            "event_timeout": 3,
            "tasks": "all",
            "http": ["https://api.example.com"],
            "env": ["LANG"],
            "dirs": ["in", {"path": "out", "write": true}],
        },
        "retention": {"success": "90m", "failure": "24h"},
        "keep_bytes": "3MiB",
    })
}

#[test]
fn a_definition_without_defaults_is_its_own_effective_definition() {
    assert_eq!(task(&full()).effective_definition(), full());
}

#[test]
fn every_key_of_the_schema_has_a_value() {
    let schema = saggar_definition::schema();
    let names: Vec<_> = schema["properties"].as_object().expect("properties").keys().collect();
    let ignored = ["$schema", "comment", "description", "version"];
    let names: Vec<_> = names.into_iter().filter(|name| !ignored.contains(&name.as_str())).collect();
    assert_eq!(names, full().as_object().expect("an object").keys().collect::<Vec<_>>());
}

#[test]
fn defaults_are_filled_in_and_load_to_the_same_task() {
    let effective = task(&json!({"process": "plugins.mail", "keep_bytes": 1_048_577})).effective_definition();
    let expected = json!({
        "process": "plugins.mail",
        "worker_nums": 1,
        "size": 1024,
        "delayed_size": 100_000,
        "timeout": 300,
        "attempts": 0,
        "attempt_after": {"delay": 200, "backoff": "fixed", "max": saggar_job::RetryPolicy::LONGEST_DELAY_MS, "jitter": 0.0},
        "sandbox": {"memory": "64MiB", "reuse": 10_000, "event_timeout": 10, "tasks": "added"},
        "retention": {"success": "24h", "failure": "7d"},
        "keep_bytes": "1048577B",
    });
    assert_eq!(effective, expected);
    assert_eq!(task(&effective).effective_definition(), effective);
}
