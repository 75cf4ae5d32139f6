//! A copy of an example's app whose servers are those of the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use saggar_tests::app::App;
use saggar_tests::server::Server as Saggar;
use serde_json::{Value, json};
use xtask::guests::{self, Guest};

use crate::server::Server;

/// The origin in the files of the examples.
const ORIGIN: &str = "http://127.0.0.1:8089";

/// The tasks of each example.
pub(super) const TASKS: [&str; 2] = ["plugin", "script"];

/// The value of the variable that the grants name.
pub(super) const KEY: &str = "whsec_0123456789";

/// The plugins of all examples.
static PLUGINS: LazyLock<Vec<Guest>> = LazyLock::new(|| {
    let examples = examples();
    guests::build(&examples, &examples.join("target")).expect("the examples build")
});

/// An example's app, served with its grants.
pub(super) struct Example {
    saggar: Saggar,
    _app: App,
    _operator: App,
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// Reads a file of the examples, with the origin of a server.
fn text(path: &str, server: &Server) -> String {
    let path = examples().join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace(ORIGIN, &server.url("http", "127.0.0.1", ""))
}

impl Example {
    /// Serves the example with this name, which may send requests to this server. Its plugin and its script have its name.
    pub(super) fn start(name: &str, server: &Server) -> Self {
        let plugin = PLUGINS.iter().find(|guest| guest.name == name).expect("the example has a plugin");
        let component = fs::read(&plugin.path).expect("the component");
        let script = format!("scripts/{name}.js");
        let app =
            App::new().plugin_bytes(name, component).file(&script, text(&format!("apps/{name}/{script}"), server));
        let app = TASKS.into_iter().fold(app, |app, task| {
            let file = format!("tasks/{task}.yao");
            let definition = text(&format!("apps/{name}/{file}"), server);
            app.file(file, definition)
        });
        let operator = App::new().file("host.toml", text(&format!("grants/{name}.toml"), server));
        let saggar = Saggar::start_as(&app, |serve| {
            let serve = serve.args(["--store", "memory", "--config"]).arg(operator.path().join("host.toml"));
            serve.env("WEBHOOK_KEY", KEY)
        });
        Self { saggar, _app: app, _operator: operator }
    }

    /// Runs a job; returns it as it ended.
    pub(super) async fn run(&self, task: &str, args: Value) -> Value {
        let id = self.saggar.add(task, &json!({ "args": args })).await;
        self.saggar.ended(task, id).await
    }

    /// Adds a job, which need not end.
    pub(super) async fn add(&self, task: &str, args: Value) -> u64 {
        self.saggar.add(task, &json!({ "args": args })).await
    }

    /// Waits until the job has ended; returns it.
    pub(super) async fn ended(&self, task: &str, id: u64) -> Value {
        self.saggar.ended(task, id).await
    }

    /// Waits until `condition` is true for the job; returns it.
    pub(super) async fn until(&self, task: &str, id: u64, condition: impl Fn(&Value) -> bool) -> Value {
        self.saggar.until(task, id, condition).await
    }

    /// Returns the attempts of a job that have ended.
    pub(super) async fn attempts(&self, task: &str, id: u64) -> Value {
        self.saggar.get(&format!("/v1/tasks/{task}/jobs/{id}/attempts")).await.body
    }

    /// Returns the log of a job.
    pub(super) async fn log(&self, task: &str, id: u64) -> String {
        self.saggar.get(&format!("/v1/tasks/{task}/jobs/{id}/logs")).await.body.to_string()
    }

    /// Stops the host; returns its whole log.
    pub(super) fn stop(self) -> Vec<String> {
        self.saggar.stop()
    }
}
