//! The host of the soak: its start, what it has used, and the removal of the hostile tenants.

use std::fmt;
use std::time::{Duration, Instant};

use reqwest::Method;
use saggar_tests::memory::{resident_bytes, settled_bytes};
use saggar_tests::server::Server;
use saggar_tests::timeout::{TIMEOUT, within};
use serde_json::Value;

use super::apps::{self, HONEST, HOSTILE, OPERATOR, honest, hostile};
use super::stage::{Client, Operator, with};
use super::usage::Usage;

/// How often the host is asked whether it has reached a state.
const POLL: Duration = Duration::from_millis(250);

/// The quotas of which an idle tenant uses nothing.
const IDLE_QUOTAS: [&str; 6] = ["running", "connections", "streams", "request_bytes", "response_bytes", "compilations"];

/// Ticks of the kernel's clock for processor times.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) struct SoakHost {
    pub(super) server: Server,
    /// Its directory is removed after the server has ended.
    pub(super) operator: Operator,
    pub(super) started: Instant,
}

/// What must come back after the hostile tenants were removed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resources {
    pub(super) memory: u64,
    pub(super) files: u64,
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB of memory and {} open files", self.memory as f64 / f64::from(1 << 20), self.files)
    }
}

impl SoakHost {
    /// Starts the host with all tenants. It retains few events, because retained events would count as lost memory.
    pub(super) fn start() -> Self {
        let operator = Operator::new(&[]);
        apps::write(&operator);
        operator.write_configuration(&apps::configuration(true));
        let mut serve = operator.command("serve");
        serve.args(["--log-format", "json", "--events-keep", "256"]);
        let started = Instant::now();
        Self { server: Server::start_by(serve), operator, started }
    }

    fn client(&self) -> Client<'_> {
        with(&self.server, OPERATOR)
    }

    /// Returns all tenants, as the operator sees them.
    async fn tenants(&self) -> Vec<Value> {
        let answer = self.client().get("/v1/tenants").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["tenants"].as_array().expect("a list").clone()
    }

    /// Returns the metrics as text.
    pub(super) async fn metrics(&self) -> String {
        let request = self.server.request(Method::GET, "/metrics").bearer_auth(OPERATOR);
        within("the metrics", async { request.send().await.expect("an answer").text().await.expect("text") }).await
    }

    /// Returns what has been used so far.
    pub(super) async fn usage(&self) -> Usage {
        let (metrics, tenants) = (self.metrics().await, self.tenants().await);
        let at = Instant::now();
        let guests = tenants.iter().map(|tenant| {
            let name = tenant["name"].as_str().expect("a name").to_owned();
            // The quota is of compilers, too, which are not among what tenants share by turns.
            let computed = used(tenant, "cpu_seconds_per_hour").cast_signed() - compiled(&metrics, &name);
            (name, computed)
        });
        Usage { at, guests: guests.collect(), process: self.processor_seconds() }
    }

    fn processor_seconds(&self) -> f64 {
        let path = format!("/proc/{}/stat", self.server.pid());
        let text = std::fs::read_to_string(path).expect("a running process");
        let (_, fields) = text.rsplit_once(')').expect("the name of the command");
        // After the name: the state, ten numbers, and the ticks in the program and in the kernel.
        let ticks = fields.split_whitespace().skip(11).take(2);
        ticks.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS_PER_SECOND
    }

    fn memory(&self) -> u64 {
        resident_bytes(self.server.pid()).expect("a running process")
    }

    /// Returns how many files and sockets are open, besides the connection of the request.
    async fn files(&self) -> u64 {
        let metrics = self.metrics().await;
        let line = metrics.lines().find_map(|line| line.strip_prefix("process_open_fds "));
        line.and_then(|number| number.parse::<f64>().ok()).expect("the metric") as u64
    }

    /// Removes the hostile tenants and their data while they have jobs, adds them again as they were at the start, and
    /// waits until the host is idle. So the host is in the same state each time.
    pub(super) async fn renew(&self) {
        self.operator.write_configuration(&apps::configuration(false));
        self.reload().await;
        for tenant in (0..HOSTILE).map(hostile) {
            loop {
                let removed = self.client().delete(&format!("/v1/tenants/{tenant}")).await;
                assert_eq!(removed.status, 200, "{removed:?}");
                if removed.body["more"] == false {
                    break;
                }
            }
            apps::restore(&self.operator, &tenant);
        }
        self.operator.write_configuration(&apps::configuration(true));
        self.reload().await;
        self.until_idle().await;
    }

    /// Reloads the configuration, and waits until the reload has ended.
    async fn reload(&self) {
        let answer = self.client().act("/v1/reload").await;
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
        let mut is_running = answer.status == 202;
        let deadline = Instant::now() + TIMEOUT;
        while is_running {
            assert!(Instant::now() < deadline, "the reload has not ended");
            tokio::time::sleep(POLL).await;
            is_running = self.client().get("/v1/reload").await.body["running"] == true;
        }
    }

    /// Waits until no tenant does anything, and all tasks of all tenants can run.
    async fn until_idle(&self) {
        let deadline = Instant::now() + TIMEOUT;
        while let Some(what) = self.find_work().await {
            assert!(Instant::now() < deadline, "the host does not become idle: {what}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Returns what a tenant still does; `None` if all are idle.
    async fn find_work(&self) -> Option<String> {
        let tenants = self.tenants().await;
        if tenants.len() != HONEST + HOSTILE {
            return Some(format!("{} tenants", tenants.len()));
        }
        for tenant in tenants {
            let counts = &tenant["counts"];
            let is_idle = counts["waiting"] == 0 && counts["running"] == 0 && tenant["state"] == "ready";
            if !is_idle || IDLE_QUOTAS.iter().any(|quota| used(&tenant, quota) > 0) {
                return Some(tenant.to_string());
            }
        }
        for tenant in (0..HONEST).map(honest).chain((0..HOSTILE).map(hostile)) {
            let tasks = with(&self.server, &tenant).get("/v1/tasks").await;
            assert_eq!(tasks.status, 200, "{tasks:?}");
            let tasks = tasks.body["tasks"].as_array().expect("a list").clone();
            if let Some(task) = tasks.into_iter().find(|task| task["state"] != "ready") {
                return Some(task.to_string());
            }
        }
        None
    }

    /// Returns the memory and the files of an idle host, when the memory has settled.
    pub(super) async fn settled(&self) -> Resources {
        let memory = settled_bytes(self.server.pid(), async || drop(self.metrics().await)).await;
        Resources { memory, files: self.files().await }
    }

    /// Waits until an idle host has no more memory and files than this; returns what it has then, or after some time.
    pub(super) async fn until_within(&self, limit: Resources) -> Resources {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let now = Resources { memory: self.memory(), files: self.files().await };
            let is_within = now.memory <= limit.memory && now.files <= limit.files;
            if is_within || Instant::now() > deadline {
                return now;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Returns for how many seconds code of tenants of this name was compiled.
fn compiled(metrics: &str, tenant: &str) -> i64 {
    let series = format!("saggar_tenant_compile_cpu_seconds_total{{tenant=\"{tenant}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
    line.unwrap_or_else(|| panic!("no {series}")).parse().expect("a number")
}

/// Returns how much of a quota a tenant uses.
fn used(tenant: &Value, quota: &str) -> u64 {
    let quotas = tenant["quotas"].as_array().expect("a list");
    let found = quotas.iter().find(|found| found["name"] == quota).unwrap_or_else(|| panic!("{quota}: {tenant}"));
    found["used"].as_u64().expect("a number")
}
