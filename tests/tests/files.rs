//! Variables, directories and scratch directories of guests, with the real binary, which is hardened.

use std::path::PathBuf;
use std::process::Command;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::{Value, json};

mod files {
    mod bounds;
    mod crash;
    mod granted;
    mod hostile;
    mod scratch;
}

/// A host with the task `it`, whose guest uses files, and the directory of its operator.
struct Fixture {
    server: Server,
    operator: App,
    _app: App,
}

impl Fixture {
    /// Starts a host. `data` is a directory of the operator; the state directory is one of its own.
    fn start(task: &Value, grants: &str) -> Self {
        Self::start_as(task, grants, |command| command)
    }

    fn start_as(task: &Value, grants: &str, with: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let operator = App::new().file("data/there.txt", "was there").file("host.toml", grants);
        let app = app(task);
        let server = serve(&app, &operator, with);
        Self { server, operator, _app: app }
    }

    /// Runs a job with these steps; returns their results.
    async fn run(&self, steps: Value) -> Vec<String> {
        let job = self.job(steps).await;
        let results = job["response"].as_array().unwrap_or_else(|| panic!("{job:#}"));
        results.iter().map(|result| result.as_str().expect("a text").to_owned()).collect()
    }

    /// Runs a job with these steps; returns it as it ended.
    async fn job(&self, steps: Value) -> Value {
        let id = self.server.add("it", &json!({ "args": [steps] })).await;
        self.server.ended("it", id).await
    }

    /// Returns the log of a job.
    async fn log(&self, job: &Value) -> String {
        self.server.get(&format!("/v1/tasks/it/jobs/{}/logs", job["id"])).await.body.to_string()
    }

    /// Returns the path of something in the directory `data`.
    fn data(&self, name: &str) -> PathBuf {
        self.operator.path().join("data").join(name)
    }

    /// Returns the scratch directories that exist.
    fn scratch_dirs(&self) -> Vec<PathBuf> {
        scratch_dirs(&self.operator)
    }
}

fn app(task: &Value) -> App {
    let mut task = task.clone();
    task["process"] = json!("plugins.files");
    App::new().plugin("files", guests::FILES).task("it", &task)
}

/// Serves an app with the configuration of an operator.
fn serve(app: &App, operator: &App, with: impl FnOnce(&mut Command) -> &mut Command) -> Server {
    Server::start_as(app, |serve| {
        serve.args(["--store", "sqlite", "--config"]).arg(operator.path().join("host.toml"));
        with(serve.env("XDG_STATE_HOME", operator.path().join("state")))
    })
}

/// Returns the scratch directories below an operator's state directory.
fn scratch_dirs(operator: &App) -> Vec<PathBuf> {
    let below = |dir: PathBuf| -> Vec<PathBuf> {
        std::fs::read_dir(dir).map_or_else(|_| Vec::new(), |found| found.flatten().map(|entry| entry.path()).collect())
    };
    below(operator.path().join("state/saggar/scratch")).into_iter().flat_map(below).collect()
}
