//! The capabilities of a task: what its file asks for, what the operator grants, and what is in force.

use saggar::{App, CAPABILITIES, Task, granted_document, grants_document};
use serde_json::{Map, Value, json};

/// Returns each capability with what is asked, granted and in force; null for nothing.
pub(super) fn document(app: &App, task: &Task) -> Value {
    let asked = task.effective_definition();
    let (granted, in_force) = (grants_document(app.grants()), granted_document(&app.granted(task)));
    let of = |name: &str| {
        let about = json!({ "asked": asked["sandbox"][name], "granted": granted[name], "in_force": in_force[name] });
        (name.to_owned(), about)
    };
    Value::Object(CAPABILITIES.into_iter().map(of).collect::<Map<_, _>>())
}

/// Returns the lines of the capabilities that are asked or granted, each with a name and a value.
pub(super) fn rows(document: &Value) -> Vec<(String, String)> {
    let of = |name: &str| {
        let about = &document[name];
        let is_absent = about["asked"].is_null() && about["granted"].is_null();
        let line = |key: &str, words: &str| (format!("{name} {words}"), text(&about[key]));
        let lines = [line("asked", "asked"), line("granted", "granted"), line("in_force", "in force")];
        lines.into_iter().filter(move |_| !is_absent)
    };
    CAPABILITIES.into_iter().flat_map(of).collect()
}

/// Formats a value: `origins https://a, https://b; methods GET`.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => {
            let separator = if items.iter().any(Value::is_object) { "; " } else { ", " };
            items.iter().map(text).collect::<Vec<_>>().join(separator)
        }
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| format!("{key} {}", text(value));
            fields.iter().map(field).collect::<Vec<_>>().join("; ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_has_three_lines() {
        let http = json!({
            "asked": ["https://a", "https://b"],
            "granted": { "methods": ["GET"], "origins": ["https://*"] },
            "in_force": null,
        });
        let absent = json!({ "asked": null, "granted": null, "in_force": null });
        let rows = rows(&json!({ "http": http, "kv": absent }));
        let rows: Vec<_> = rows.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let expected =
            ["http asked=https://a, https://b", "http granted=methods GET; origins https://*", "http in force=nothing"];
        assert_eq!(rows, expected);
    }
}
