//! `saggar check --diff`: what a changed app or component gains and loses.

use std::path::Path;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, command, output};
use serde_json::{Value, json};

fn diff(old: impl AsRef<Path>, new: impl AsRef<Path>, more: &[&str]) -> CommandOutput {
    output(command().args(["check", "--diff"]).arg(old.as_ref()).arg(new.as_ref()).args(more))
}

fn document(old: &App, new: &App) -> Value {
    let said = diff(old.path(), new.path(), &["--json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    serde_json::from_str(&said.out).expect("JSON")
}

#[test]
fn a_changed_app_gains_and_loses_capabilities_imports_and_limits() {
    let old = App::new()
        .plugin("mail", guests::ECHO)
        .task("mail", &json!({ "process": "plugins.mail", "timeout": 5, "sandbox": { "env": ["REGION"] } }))
        .simple_task("gone", guests::ECHO);
    // Nothing is granted, and it does not matter.
    let sandbox = json!({ "http": ["https://api.example.com"], "memory": "128MiB" });
    let new = App::new()
        .plugin("mail", guests::RECORDER)
        .task("mail", &json!({ "process": "plugins.mail", "timeout": 60, "sandbox": sandbox }));
    let changes = document(&old, &new);
    assert_eq!(changes["task gone"]["change"], "removed");
    let mail = &changes["task mail"]["groups"];
    let gained = json!(["http methods *", "http origins https://api.example.com"]);
    assert_eq!(mail["capabilities"], json!({ "gained": gained, "lost": ["env REGION"] }));
    assert_eq!(mail["limits"]["gained"], json!(["sandbox.memory 128MiB", "timeout 60"]));
    assert_eq!(mail["limits"]["lost"], json!(["sandbox.memory 64MiB", "timeout 5"]));
    let component = &changes["plugins.mail"]["groups"];
    let roles = component["roles"]["gained"].as_array().expect("roles");
    assert!(roles.contains(&json!("success-handler")), "{component}");

    let said = diff(old.path(), new.path(), &[]);
    for line in
        ["task mail: changed", "    + http origins https://api.example.com", "    - env REGION", "task gone: removed"]
    {
        assert!(said.out.lines().any(|printed| printed == line), "no line `{line}` in:\n{}", said.out);
    }
}

#[test]
fn two_components_are_compared_by_imports_and_roles() {
    let said = diff(guests::ECHO, guests::RECORDER, &["--json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let changes: Value = serde_json::from_str(&said.out).expect("JSON");
    let gained = changes["component"]["groups"]["roles"]["gained"].to_string();
    assert!(gained.contains("error-handler") && !gained.contains("processor"), "{changes}");
    let said = diff(guests::ECHO, guests::ECHO, &[]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "no difference in capabilities, imports and limits\n"));
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    let good = App::new().simple_task("echo", guests::ECHO);
    let said = diff(good.path(), guests::ECHO, &[]);
    assert!(said.code == Some(1) && said.err.contains("one of these is a directory"), "{said:?}");
    let bad = App::new().task("echo", &json!({ "process": "plugins.echo", "timeuot": 1 }));
    let said = diff(good.path(), bad.path(), &[]);
    assert!(said.code == Some(1) && said.err.contains("`timeout`"), "{said:?}");
    let missing = App::new().task("echo", &json!({ "process": "plugins.echo" }));
    let said = diff(good.path(), missing.path(), &[]);
    assert!(said.code == Some(1) && said.err.contains("plugins.echo cannot be used"), "{said:?}");
    let both = output(command().args(["check", "app", "--diff", "a", "b"]));
    assert_eq!(both.code, Some(2), "{both:?}");
}
