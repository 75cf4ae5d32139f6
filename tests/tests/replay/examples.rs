//! The examples, plugins and scripts, do the same again.

use std::path::PathBuf;

use saggar_tests::app::App;
use saggar_tests::host::{Start, TestHost};
use serde_json::{Value, json};

use super::rerun::is_same_again;

const SCRIPTS: [(&str, &str); 2] = [
    ("task", include_str!("../../../examples/apps/yao/scripts/task.js")),
    ("loop", include_str!("../../../examples/apps/yao/scripts/loop.js")),
];

/// The processors of the examples, with arguments.
fn calls() -> Vec<(&'static str, &'static str, Value)> {
    let document = json!({ "name": "kiln.md", "text": "# The kiln\n\n## Wood\n\n| a | b |\n|---|---|\n| 1 | 2 |\n" });
    vec![
        ("hello", "plugins.hello", json!(["Ada"])),
        ("flaky", "plugins.flaky", json!([0])),
        ("failing", "plugins.flaky", json!([9])),
        ("endless", "plugins.endless", json!([])),
        ("slow", "plugins.slow", json!([1])),
        ("render", "plugins.markdown", json!([[document]])),
        ("empty", "plugins.markdown", json!([[]])),
        ("test", "plugins.task#Send", json!(["x"])),
        ("loop", "plugins.task#Loop", json!([])),
        ("send", "scripts.task.Send", json!(["x", 2])),
        ("adding", "scripts.loop.task", json!([])),
    ]
}

fn app(plugins: &[PathBuf]) -> App {
    let mut app = App::new();
    for plugin in plugins {
        let name = plugin.file_stem().and_then(|stem| stem.to_str()).expect("a name in UTF-8");
        app = app.plugin(name, plugin.to_str().expect("a path in UTF-8"));
    }
    for (name, text) in SCRIPTS {
        app = app.script(name, text);
    }
    for (task, process, _) in calls() {
        // One of them ends at its timeout, and another one works for a second.
        let timeout = if task == "endless" { 1 } else { 30 };
        let task_file =
            json!({ "process": process, "timeout": timeout, "attempts": 0, "sandbox": { "record": "all" } });
        app = app.task(task, &task_file);
    }
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_do_the_same_again() {
    let plugins = xtask::examples::install().expect("the examples build");
    for hashes_memories in [false, true] {
        let host = TestHost::start_as(app(&plugins), Start { hashes_memories, ..Start::default() }).await;
        for (task, _, args) in calls() {
            for _ in 0..2 {
                let id = host.add(task, args.clone()).await;
                host.end(task, id).await;
                assert!(is_same_again(&host, task, id).await, "{task} is not recorded");
            }
        }
        host.idle().await;
        host.shutdown().await;
    }
}
