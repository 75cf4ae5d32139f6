//! Mutated components as the plugins of a host, which compiles them in processes of their own: each loads, or is a problem
//! of its task.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost};
use serde_json::json;

use super::{corpus, mutation, runs};

/// Components; each takes a process and some 20 ms.
const PLUGINS: usize = 150;

#[tokio::test(flavor = "multi_thread")]
async fn every_component_loads_or_is_a_problem_of_its_task() {
    let mut files = corpus("component");
    files.push(std::fs::read(guests::ECHO).expect("the guests have been built"));
    let mut app = App::new().simple_task("echo", guests::ECHO);
    // Most mutations are of the last file, because the others have no roles.
    let last = files.len() - 1;
    for number in 0..runs(PLUGINS) {
        let from = if number % 3 == 0 { &files[..] } else { &files[last..] };
        let name = format!("p{number}");
        app = app
            .plugin_bytes(&name, mutation(from, number))
            .task(&name, &json!({ "process": format!("plugins.{name}") }));
    }
    let problems = match TestHost::try_start(app, Start::confined()).await {
        Ok(host) => {
            host.shutdown().await;
            panic!("all mutated components load")
        }
        Err(problems) => problems,
    };
    for broken in ["panicked", "killed by signal", "took too long"] {
        assert!(!problems.contains(broken), "{problems}");
    }
}
