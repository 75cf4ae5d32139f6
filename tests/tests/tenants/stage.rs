//! The stage: an operator's configuration, the apps of tenants, and clients with their tokens.

use std::path::PathBuf;
use std::process::Command;

use reqwest::Method;
use saggar::api::Token;
use saggar_tests::app::App;
use saggar_tests::client::{ApiResponse, job_path, send};
use saggar_tests::guests;
use saggar_tests::program::command;
use saggar_tests::server::Server;
use serde_json::{Value, json};

/// The directory of an operator: `host.toml`, and the app of each tenant in a directory of its name.
pub(super) struct Operator(App);

/// A client with a token.
#[derive(Clone, Copy)]
pub(super) struct Client<'a> {
    server: &'a Server,
    token: &'a str,
}

impl Operator {
    /// Creates tenants whose apps have the task `echo`, each with a token of the role admin, which is called like the
    /// tenant, and the operator's token `operator`.
    pub(super) fn new(tenants: &[&str]) -> Self {
        let operator = Self(App::new());
        tenants.iter().for_each(|tenant| operator.write_echo(tenant, "echo"));
        operator.configure(tenants, "");
        operator
    }

    /// Writes the configuration of these tenants, followed by `more`.
    pub(super) fn configure(&self, tenants: &[&str], more: &str) {
        let tenants: String = tenants.iter().map(|tenant| table(tenant)).collect();
        self.write_configuration(&format!("{}{tenants}{more}", token("token", "operator", "operator")));
    }

    pub(super) fn write_configuration(&self, text: &str) {
        self.0.write("host.toml", text);
    }

    /// Adds a task that answers with its arguments, and its plugin.
    pub(super) fn write_echo(&self, tenant: &str, task: &str) {
        self.write_plugin(tenant, "echo", guests::ECHO);
        self.write(tenant, &format!("tasks/{task}.json"), json!({ "process": "plugins.echo" }).to_string());
    }

    pub(super) fn write_plugin(&self, tenant: &str, name: &str, guest: &str) {
        let bytes = std::fs::read(guest).unwrap_or_else(|error| panic!("{guest}: {error}"));
        self.write(tenant, &format!("plugins/{name}.wasm"), bytes);
    }

    /// Adds or replaces a file of a tenant's app.
    pub(super) fn write(&self, tenant: &str, path: &str, content: impl AsRef<[u8]>) {
        self.0.write(format!("{tenant}/{path}"), content);
    }

    /// Returns a path in the directory.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Returns `saggar COMMAND --config host.toml`.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut saggar = command();
        saggar.arg(name).arg("--config").arg(self.path("host.toml"));
        saggar
    }

    /// Serves the tenants from a SQLite store, and waits until all plugins are loaded.
    pub(super) fn serve(&self) -> Server {
        Server::start_by(self.command("serve"))
    }
}

/// Returns a table of a tenant with its token. Its tasks may request access to all of its jobs.
pub(super) fn table(tenant: &str) -> String {
    let token = token("tenant.token", tenant, "admin");
    format!("[[tenant]]\nname = \"{tenant}\"\ndir = \"{tenant}\"\n{token}[tenant.grants]\ntasks = \"all\"\n")
}

/// Returns a table of a token, whose name is also its text.
pub(super) fn token(key: &str, name: &str, role: &str) -> String {
    let sha256 = Token::digest_of(name);
    format!("[[{key}]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{sha256}\"\n")
}

/// Returns a client with this token.
pub(super) fn with<'a>(server: &'a Server, token: &'a str) -> Client<'a> {
    Client { server, token }
}

impl Client<'_> {
    pub(super) async fn ask(&self, method: Method, path: &str) -> ApiResponse {
        send(self.server.request(method, path).bearer_auth(self.token)).await
    }

    pub(super) async fn get(&self, path: &str) -> ApiResponse {
        self.ask(Method::GET, path).await
    }

    pub(super) async fn act(&self, path: &str) -> ApiResponse {
        self.ask(Method::POST, path).await
    }

    pub(super) async fn delete(&self, path: &str) -> ApiResponse {
        self.ask(Method::DELETE, path).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> ApiResponse {
        send(self.server.request(Method::POST, path).bearer_auth(self.token).json(body)).await
    }

    /// Requests a reload, which must succeed.
    pub(super) async fn reload(&self) -> Value {
        let answer = self.act("/v1/reload").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Adds a job, which must succeed.
    pub(super) async fn add(&self, task: &str, args: &Value) -> u64 {
        let added = self.post(&format!("/v1/tasks/{task}/jobs"), &json!({ "args": args })).await;
        assert_eq!(added.status, 201, "{added:?}");
        added.body["id"].as_u64().unwrap_or_else(|| panic!("{added:?} has no id"))
    }

    /// Waits until a job has ended.
    pub(super) async fn ended(&self, task: &str, id: u64) -> Value {
        let job = self.get(&format!("{}?wait=60s", job_path(task, id))).await;
        assert!(matches!(job.body["status"].as_str(), Some("SUCCESS" | "FAILURE")), "{job:?}");
        job.body
    }

    /// Runs a job of a task that answers with its arguments.
    pub(super) async fn assert_echoes(&self, task: &str) {
        let id = self.add(task, &json!([self.token])).await;
        assert_eq!(self.ended(task, id).await["response"], json!([self.token]));
    }

    /// Returns the ids of all listed jobs.
    pub(super) async fn listed(&self) -> Vec<u64> {
        let page = self.get("/v1/jobs?limit=100").await;
        assert_eq!(page.status, 200, "{page:?}");
        page.body["jobs"].as_array().expect("jobs").iter().map(|job| job["id"].as_u64().expect("an id")).collect()
    }

    /// Returns what the operator is shown of a tenant; null if there is none.
    pub(super) async fn tenant(&self, name: &str) -> Value {
        let all = self.get("/v1/tenants").await;
        assert_eq!(all.status, 200, "{all:?}");
        let tenants = all.body["tenants"].as_array().expect("tenants");
        tenants.iter().find(|tenant| tenant["name"] == name).cloned().unwrap_or_default()
    }
}
