//! The effective definition of a task: the task file that an author would write, with all defaults filled in.

use saggar_definition::{Task, Variable, read_task};
use serde_json::{Map, Value, json};

fn task(definition: &Value) -> Task {
    let text = definition.to_string();
    read_task("tasks/mail.json", text.as_bytes(), &|_| Variable::Unset).expect("a valid task")
}

/// Returns the names of all keys that are not ignored, with their schemas.
fn keys() -> Map<String, Value> {
    let schema = saggar_definition::schema();
    let mut keys = schema["properties"].as_object().expect("properties").clone();
    for ignored in ["$schema", "comment", "description", "version"] {
        assert!(keys.remove(ignored).is_some(), "{ignored}");
    }
    keys
}

/// Returns a definition in which each key that is not ignored has a value other than its default. The values of numbers
/// and bytes come from the table of keys.
fn full() -> Value {
    let mut full = json!({
        "process": "plugins.mail#send",
        "digest": format!("sha256:{}", "0f".repeat(32)),
        "name": "Letters",
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
            "secrets": ["stripe"],
            "kv": "write",
            "env": ["LANG"],
            "dirs": ["in", {"name": "out", "write": true}],
            "scratch": "16MiB",
            "record": 0.25,
            "mask": ["/0/password"],
        },
        "retention": {"success": "90m", "failure": "24h"},
    });
    for (name, schema) in keys() {
        if full.get(&name).is_none() {
            full[&name] = value_other_than_default(&name, &schema);
        }
    }
    full
}

/// Returns a value of a key for a number or bytes that is not the default.
fn value_other_than_default(name: &str, schema: &Value) -> Value {
    let is_whole = schema["anyOf"][0]["type"] == "integer";
    match &schema["default"] {
        Value::Number(default) if is_whole => json!(default.as_u64().expect("a whole number") + 1),
        Value::Number(default) => json!(default.as_f64().expect("a number") + 0.25),
        Value::String(_) if is_whole => json!("3MiB"),
        _ => panic!("`{name}` is neither a number nor bytes: write a value for it in `full`"),
    }
}

#[test]
fn a_definition_without_defaults_is_its_own_effective_definition() {
    assert_eq!(task(&full()).effective_definition(), full());
}

#[test]
fn requests_as_objects_are_their_own_effective_definition() {
    for sandbox in [
        json!({"http": {"origins": ["https://*.example.com"], "methods": ["GET", "POST"]}}),
        json!({"kv": {"access": "read", "prefix": "mail/"}}),
        json!({"tasks": {"add": ["mail.*", "x"], "jobs": "all"}}),
        json!({"tasks": {"add": [], "jobs": "added"}}),
        json!({"record": "off"}),
    ] {
        let effective = task(&json!({"process": "plugins.x", "sandbox": sandbox})).effective_definition();
        let (key, value) = sandbox.as_object().and_then(|object| object.iter().next()).expect("one request");
        assert_eq!(&effective["sandbox"][key], value);
    }
}

#[test]
fn defaults_are_filled_in_and_load_to_the_same_task() {
    let effective = task(&json!({"process": "plugins.mail", "keep_bytes": 1_048_577})).effective_definition();
    let mut expected = json!({
        "process": "plugins.mail",
        "attempt_after": {"delay": 200, "backoff": "fixed", "max": saggar_job::RetryPolicy::LONGEST_DELAY_MS, "jitter": 0.0},
        "sandbox": {"memory": "64MiB", "reuse": 10_000, "event_timeout": 10, "tasks": "added", "record": "failures"},
        "retention": {"success": "24h", "failure": "7d"},
        "keep_bytes": "1048577B",
    });
    for (name, schema) in keys() {
        if let (None, Some(default)) = (expected.get(&name), schema.get("default")) {
            expected[&name] = default.clone();
        }
    }
    assert_eq!(effective, expected);
    assert_eq!(task(&effective).effective_definition(), effective);
}
