//! The clients of the hostile tenants while they attack, and how their requests were answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;

use super::apps::{HOSTILE, hostile};
use super::host::SoakHost;
use super::requests::Attacker;

/// Clients of each hostile tenant.
const CLIENTS: usize = 2;

/// The longest pause between two requests of a client. The host shares what guests compute, not what requests cost: to bound
/// the rate of requests is the work of a proxy. So the clients ask for as much as some hundred requests a second can.
const PAUSE_MS: u64 = 400;

/// The longest list of errors that is kept.
const MOST_ERRORS: usize = 20;

/// How requests were answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// How often each kind of request got each status; 0 is none.
    counts: BTreeMap<(&'static str, u16), u64>,
    /// Answers that no client may get.
    pub(super) errors: Vec<String>,
}

/// The clients of all hostile tenants.
pub(super) struct Attack {
    stop: Arc<AtomicBool>,
    clients: JoinSet<Answers>,
}

impl Attack {
    /// Starts the attack. The same seed makes the same choices, though not at the same times.
    pub(super) fn start(host: &SoakHost, components: &Arc<Vec<Vec<u8>>>, seed: u64) -> Self {
        let (stop, mut clients) = (Arc::<AtomicBool>::default(), JoinSet::new());
        let mut seeds = Rng::with_seed(seed);
        for tenant in (0..HOSTILE).map(hostile) {
            for client in 0..CLIENTS {
                let rng = seeds.fork();
                // One client of a tenant changes its files.
                let components = if client == 0 { Arc::clone(components) } else { Arc::default() };
                let attacker = Attacker::new(host, &tenant, components, rng);
                clients.spawn(run(attacker, Arc::clone(&stop)));
            }
        }
        Self { stop, clients }
    }

    /// Waits for the requests in progress, and closes all connections.
    pub(super) async fn stop(mut self) -> Answers {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Answers::default();
        while let Some(answers) = self.clients.join_next().await {
            all.merge(answers.expect("a client does not panic"));
        }
        all
    }
}

async fn run(mut attacker: Attacker, stop: Arc<AtomicBool>) -> Answers {
    while !stop.load(Ordering::Relaxed) {
        attacker.attack().await;
        tokio::time::sleep(Duration::from_millis(attacker.rng.u64(..PAUSE_MS))).await;
    }
    attacker.answers
}

impl Answers {
    pub(super) fn count(&mut self, request: &'static str, status: u16) {
        *self.counts.entry((request, status)).or_default() += 1;
    }

    pub(super) fn error(&mut self, error: String) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(error);
        }
    }

    fn merge(&mut self, other: Self) {
        for (key, count) in other.counts {
            *self.counts.entry(key).or_default() += count;
        }
        other.errors.into_iter().for_each(|error| self.error(error));
    }

    /// Prints how often each kind of request was sent, and its answers.
    pub(super) fn print(&self) {
        let mut lines = BTreeMap::<&str, (u64, String)>::new();
        for ((request, status), count) in &self.counts {
            let (total, statuses) = lines.entry(request).or_default();
            *total += count;
            statuses.push_str(&format!(" {count} x {status}"));
        }
        println!("requests of the hostile tenants, and the statuses of the answers (0: none)");
        for (request, (total, statuses)) in lines {
            println!("  {request:16} {total:>8}:{statuses}");
        }
    }
}
