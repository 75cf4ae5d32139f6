//! The JSON Schema in the repository is up to date with the code.

use std::path::Path;

#[test]
fn the_schema_in_the_repository_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("task.schema.json");
    let schema = serde_json::to_string_pretty(&saggar_definition::schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == schema,
        "task.schema.json is stale: run `UPDATE_SCHEMA=1 cargo test -p saggar-definition --test schema`"
    );
}

#[test]
fn the_schema_has_limits_defaults_and_meanings() {
    let schema = saggar_definition::schema();
    let at = |pointer: &str| schema.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/required"), serde_json::json!(["process"]));
    assert_eq!(at("/additionalProperties"), false);
    assert_eq!(at("/properties/worker_nums/anyOf/0/maximum"), 1024);
    assert_eq!(at("/properties/timeout/default"), 300);
    assert_eq!(at("/properties/sandbox/properties/memory/default"), "64MiB");
    assert_eq!(at("/properties/retention/properties/success/default"), "24h");
    assert_eq!(at("/properties/event/additionalProperties"), false);
    for (name, property) in schema["properties"].as_object().unwrap() {
        assert!(property["description"].is_string(), "{name}");
    }
}
