//! The honest tenants: each has a few clients that add a job, wait for its end, and add the next one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder};
use saggar_tests::client::{client, job_path, send};
use saggar_tests::server::Server;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::apps::{HONEST, MEASURED, SLOTS, honest};

/// Clients of each tenant, each with one job at a time.
const CLIENTS: usize = SLOTS;

/// How long the guest of one job computes.
const WORK_MS: f64 = 2.0;

/// The processor time of one job in this many is looked up.
const SAMPLED: u64 = 8;

/// The work of all jobs, and its result.
#[derive(Debug, Clone)]
pub(super) struct Work {
    rounds: u64,
    result: Value,
}

/// A job that has succeeded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finished {
    pub(super) at: Instant,
    /// From its adding to the answer of the client that waits for it.
    pub(super) took: Duration,
}

/// What the clients of a tenant have measured.
#[derive(Debug, Default)]
pub(super) struct Measurements {
    pub(super) finished: Vec<Finished>,
    /// The processor time of some jobs, in milliseconds, and when it was looked up.
    pub(super) cpu_ms: Vec<(Instant, f64)>,
}

/// A tenant, as its clients see it.
#[derive(Debug)]
struct HonestTenant {
    name: String,
    url: String,
    client: Client,
    measurements: Mutex<Measurements>,
}

/// The clients of all honest tenants while they work.
pub(super) struct HonestClients {
    tenants: Vec<Arc<HonestTenant>>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Work {
    /// Finds the work that takes as long as it should on this machine.
    pub(super) async fn calibrate(server: &Server) -> Self {
        let tenant = HonestTenant::new(server, 0);
        let mut rounds = 100_000;
        // The first measurements include the creation of the instance.
        for _ in 0..4 {
            let mut cpu_ms = Vec::new();
            for _ in 0..9 {
                let (id, _) = tenant.run(rounds).await;
                cpu_ms.push(tenant.cpu_ms(id).await);
            }
            cpu_ms.sort_by(f64::total_cmp);
            rounds = (rounds as f64 * WORK_MS / cpu_ms[cpu_ms.len() / 2].max(0.001)) as u64;
        }
        let (_, result) = tenant.run(rounds).await;
        println!("a job computes {rounds} rounds, some {WORK_MS} ms");
        Self { rounds, result }
    }
}

impl HonestClients {
    pub(super) fn start(server: &Server, work: &Work) -> Self {
        let tenants: Vec<_> = (0..HONEST).map(|number| Arc::new(HonestTenant::new(server, number))).collect();
        let (stop, mut clients) = (Arc::<AtomicBool>::default(), JoinSet::new());
        for tenant in &tenants {
            for _ in 0..CLIENTS {
                clients.spawn(Arc::clone(tenant).work(work.clone(), Arc::clone(&stop)));
            }
        }
        Self { tenants, stop, clients }
    }

    /// Waits for the jobs in progress; returns what was measured of each tenant. No job may have failed.
    pub(super) async fn stop(mut self) -> Vec<Measurements> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.expect("all jobs of honest tenants succeed");
        }
        let measured = |tenant: &Arc<HonestTenant>| std::mem::take(&mut *tenant.measurements());
        self.tenants.iter().map(measured).collect()
    }
}

impl HonestTenant {
    fn new(server: &Server, number: usize) -> Self {
        Self { name: honest(number), url: server.url(""), client: client(), measurements: Mutex::default() }
    }

    fn measurements(&self) -> std::sync::MutexGuard<'_, Measurements> {
        self.measurements.lock().expect("no client panicked with it")
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.name)
    }

    /// Runs jobs one after the other.
    async fn work(self: Arc<Self>, work: Work, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let (id, result) = self.run(work.rounds).await;
            let finished = Finished { at: Instant::now(), took: begun.elapsed() };
            assert_eq!(result, work.result, "{} has got another result", self.name);
            self.measurements().finished.push(finished);
            if id.is_multiple_of(SAMPLED) {
                let cpu_ms = self.cpu_ms(id).await;
                self.measurements().cpu_ms.push((Instant::now(), cpu_ms));
            }
        }
    }

    /// Runs a job, which must succeed; returns its id and its response.
    async fn run(&self, rounds: u64) -> (u64, Value) {
        let add = self.request(Method::POST, &format!("/v1/tasks/{MEASURED}/jobs"));
        let added = send(add.json(&json!({ "args": [rounds] }))).await;
        assert_eq!(added.status, 201, "{}: {added:?}", self.name);
        let id = added.body["id"].as_u64().expect("an id");
        let ended = send(self.request(Method::GET, &format!("{}?wait=60s", job_path(MEASURED, id)))).await;
        assert_eq!(ended.body["status"], "SUCCESS", "{}: {ended:?}", self.name);
        (id, ended.body["response"].clone())
    }

    /// Returns for how long the guest of a job has computed, in milliseconds.
    async fn cpu_ms(&self, id: u64) -> f64 {
        let found = send(self.request(Method::GET, &format!("{}/attempts", job_path(MEASURED, id)))).await;
        let cpu_ms = found.body["attempts"][0]["cost"]["cpu_ms"].as_f64();
        cpu_ms.unwrap_or_else(|| panic!("{}: {found:?}", self.name))
    }
}
