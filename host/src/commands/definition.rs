//! A task's effective definition as text, the same for `check` and `tasks`.

use serde_json::Value;

/// Returns each key of the task file with its value. Keys of inner objects have their path: `sandbox.memory`.
pub(super) fn rows(definition: &Value) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    add(String::new(), definition, &mut rows);
    // The processor is what a reader looks for first; the sort is stable.
    rows.sort_by_key(|(key, _)| key != "process");
    rows
}

fn add(path: String, value: &Value, rows: &mut Vec<(String, String)>) {
    let Value::Object(entries) = value else { return rows.push((path, text(value))) };
    for (key, value) in entries {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        add(path, value, rows);
    }
}

/// Returns a value as text: a text without quotes, the items of a list with commas, and anything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_of_inner_objects_have_their_path_and_the_processor_is_first() {
        let definition = json!({
            "event": {"add": "plugins.a"},
            "process": "plugins.b",
            "sandbox": {"dirs": ["in", {"name": "out", "write": true}], "memory": "64MiB"},
            "timeout": 0.5,
        });
        let rows = rows(&definition);
        let rows: Vec<_> = rows.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let expected = [
            "process=plugins.b",
            "event.add=plugins.a",
            r#"sandbox.dirs=in, {"name":"out","write":true}"#,
            "sandbox.memory=64MiB",
            "timeout=0.5",
        ];
        assert_eq!(rows, expected);
    }
}
