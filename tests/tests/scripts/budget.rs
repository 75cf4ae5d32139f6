//! A million calls of `Process` in one job, which runs to its end: those beyond the budget are refused, at no cost in memory.

use std::time::{Duration, Instant};

use saggar_tests::app::App;
use saggar_tests::client::job_path;
use saggar_tests::memory::Growth;
use saggar_tests::server::Server;
use serde_json::{Value, json};

/// The calls of tasks that one call of a script may make.
const BUDGET: u64 = 100_000;

const CALLS: u64 = 1_000_000;

/// By how much the host may grow: the memory of the sandbox, and twice as much of its own.
const GROWTH: u64 = 48 << 20;

/// Seconds for a job that takes some ten on a machine that does nothing else.
const TIMEOUT_S: u64 = 300;

const SCRIPT: &str = "
function gets(_id, calls) {
  const codes = {};
  for (let i = 0; i < calls; i++) {
    try { Process('tasks.other.get', 1); } catch (error) { codes[error.code] = (codes[error.code] ?? 0) + 1; }
  }
  return codes;
}
function adds(_id, calls) {
  const count = { added: 0, refused: 0 };
  for (let i = 0; i < calls; i++) count[Process('tasks.other.addWith', { key: 'one' }) === 1 ? 'added' : 'refused']++;
  return count;
}
function other() {}
";

fn serve() -> (App, Server) {
    let app = ["gets", "adds", "other"].into_iter().fold(App::new().script("it", SCRIPT), |app, function| {
        let task = json!({
            "process": format!("scripts.it.{function}"), "timeout": TIMEOUT_S, "sandbox": { "memory": "16MiB" },
        });
        app.task(function, &task)
    });
    let server = Server::start(&app, &["--store", "memory"]);
    (app, server)
}

/// Runs a job with this many calls; returns its id and response.
async fn run(server: &Server, task: &str, calls: u64) -> (u64, Value) {
    let id = server.add(task, &json!({ "args": [calls] })).await;
    let deadline = Instant::now() + Duration::from_secs(TIMEOUT_S);
    let mut job = Value::Null;
    while !matches!(job["status"].as_str(), Some("SUCCESS" | "FAILURE")) {
        assert!(Instant::now() < deadline, "{task}: {job}");
        job = server.get(&format!("{}?wait=20s", job_path(task, id))).await.body;
    }
    assert_eq!(job["status"], "SUCCESS", "{job}");
    (id, job["response"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_calls_end_with_the_budget_in_bounded_memory() {
    let (_app, server) = serve();
    // One-time setup happens before the measurement.
    assert_eq!(run(&server, "gets", 1).await.1, json!({ "unknown-job": 1 }));
    let growth = Growth::watch_other(server.pid());
    let (_, codes) = run(&server, "gets", CALLS).await;
    assert_eq!(codes, json!({ "unknown-job": BUDGET, "budget-spent": CALLS - BUDGET }));

    let (id, count) = run(&server, "adds", CALLS).await;
    assert_eq!(count, json!({ "added": BUDGET, "refused": CALLS - BUDGET }));
    let log = server.get(&format!("{}/logs", job_path("adds", id))).await.body;
    let line = &log["lines"][0];
    let text = line["text"].as_str().unwrap_or_else(|| panic!("no text: {line}"));
    assert!(text.starts_with("tasks.other.add answers 0: one call may use `tasks` at most 100000 times"), "{text}");
    assert!(text.ends_with("(budget-spent)"), "{text}");

    let grown = growth.peak_bytes();
    assert!(grown < GROWTH, "the host grew by {} MiB", grown >> 20);
    // The budget is that of a call: the next one in the same instance has its own.
    assert_eq!(run(&server, "adds", 1).await.1, json!({ "added": 1, "refused": 0 }));
    server.stop();
}
