//! Capabilities: what a task asks for, what the operator grants, and what is in force; and how two versions differ.

use saggar_tests::app::App;
use saggar_tests::guests;
use serde_json::{Value, json};

mod capabilities {
    mod checking;
    mod diff;
    mod serving;
}

/// Returns an app with the task `it`, which requests this.
fn app(sandbox: &Value) -> App {
    App::new().plugin("echo", guests::ECHO).task("it", &json!({ "process": "plugins.echo", "sandbox": sandbox }))
}

/// Returns the directory of an operator with the configuration `host.toml`.
fn operator(configuration: &str) -> App {
    App::new().file("host.toml", configuration)
}
