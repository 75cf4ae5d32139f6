//! What recording costs: the throughput of whole jobs in tasks that record nothing, failures only, and everything, measured
//! in turns on one host. The aims are 1 % for failures, of which there are none here, and 5 % for everything.
//!
//! `cargo bench --workspace --bench recording`; `SAGGAR_TURNS` sets another number of turns.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use saggar::{Host, StoreChoice};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::builder;
use serde_json::json;
use tokio::task::JoinSet;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Slots of each task, and Tokio tasks that add jobs: those of the benchmark of durable jobs.
const SLOTS: u64 = 192;
const ADDERS: u64 = 512;
const IN_FLIGHT: u64 = 2_048;
/// The pause of an adder when enough jobs are in flight.
const PAUSE: Duration = Duration::from_millis(2);
/// Enough for all jobs that end, so that none is evicted.
const KEEP_BYTES: u64 = 16 << 30;
/// So short that the process does not keep the jobs of all turns.
const RETENTION: &str = "5s";
const WARM_UP: Duration = Duration::from_millis(500);
const TURN: Duration = Duration::from_secs(2);
/// The machine's speed varies more within a minute than the tasks differ.
const TURNS: usize = 15;

/// The values of `sandbox.record`; the first is the baseline.
const POLICIES: [&str; 3] = ["off", "failures", "all"];

/// Guests with their arguments: one that asks its host nothing, and one that reports its progress ten times.
const GUESTS: [(&str, &str, &str); 2] =
    [("empty", guests::EMPTY, "[\"ada@example.org\"]"), ("progress", guests::PROGRESS, "[10,\"baking\"]")];

fn main() -> anyhow::Result<()> {
    let turns = match std::env::var_os("SAGGAR_TURNS") {
        Some(text) => text.to_str().and_then(|text| text.parse().ok()).context("SAGGAR_TURNS is a number")?,
        None => TURNS,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for (store, choice) in [("memory", StoreChoice::Memory), ("sqlite", "sqlite".parse()?)] {
        for (name, guest, args) in GUESTS {
            println!("{name}, jobs in {store}:");
            runtime.block_on(compare(guest, args, choice.clone(), turns))?;
        }
    }
    Ok(())
}

fn app(guest: &str) -> App {
    POLICIES.iter().fold(App::new().plugin("it", guest), |app, policy| {
        let (sandbox, retention) = (json!({ "record": policy }), json!({ "success": RETENTION }));
        let task = json!({
            "process": "plugins.it", "worker_nums": SLOTS, "size": 1_000_000, "keep_bytes": KEEP_BYTES, "sandbox": sandbox,
            "retention": retention,
        });
        app.task(policy, &task)
    })
}

/// Measures the tasks in turns, and prints the medians.
async fn compare(guest: &str, args: &'static str, store: StoreChoice, turns: usize) -> anyhow::Result<()> {
    let app = app(guest);
    let host = builder(&app).store(store).keep_bytes(KEEP_BYTES).build().await?;
    let mut rates: [Vec<f64>; POLICIES.len()] = Default::default();
    for turn in 0..turns {
        // Each is the first, the second and the third equally often.
        for place in 0..POLICIES.len() {
            let at = (turn + place) % POLICIES.len();
            let rate = load(&host, POLICIES[at], args).await?;
            rates[at].push(rate);
        }
    }
    for (policy, rates_of_policy) in POLICIES.iter().zip(&rates) {
        // Of each turn, because the speed of the machine is the same in it.
        let shares = rates_of_policy.iter().zip(&rates[0]).map(|(rate, off)| rate / off).collect();
        let (rate, share) = (median(rates_of_policy.clone()), median(shares));
        println!("  {policy:<8} {rate:>8.0} jobs/s, {:>5.1} % less (p50 of {turns} turns)", (1.0 - share) * 100.0);
    }
    host.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

/// Returns jobs per second: adders add one whenever one has ended.
async fn load(host: &Host, task: &'static str, args: &'static str) -> anyhow::Result<f64> {
    let over = Arc::new(AtomicBool::new(false));
    let mut adders = JoinSet::new();
    for _ in 0..ADDERS {
        let (host, over) = (host.clone(), Arc::clone(&over));
        adders.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                if in_flight(&host, task) < IN_FLIGHT {
                    host.add(task, args).await?;
                } else {
                    tokio::time::sleep(PAUSE).await;
                }
            }
            anyhow::Ok(())
        });
    }
    tokio::time::sleep(WARM_UP).await;
    let (began, before) = (Instant::now(), ended(host, task));
    tokio::time::sleep(TURN).await;
    let rate = (ended(host, task) - before) as f64 / began.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    while let Some(adder) = adders.join_next().await {
        adder??;
    }
    host.idle().await;
    let failed = host.counts(task).map_or(0, |counts| counts.failure);
    ensure!(failed == 0, "{failed} jobs failed");
    Ok(rate)
}

fn in_flight(host: &Host, task: &str) -> u64 {
    host.counts(task).map_or(0, |counts| (counts.waiting + counts.running) as u64)
}

/// Returns how many jobs have succeeded since the host started.
fn ended(host: &Host, task: &str) -> u64 {
    host.rates(task).map_or(0, |rates| rates.succeeded.total)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
