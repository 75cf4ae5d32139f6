//! The test: warm-up, the honest tenants alone, all tenants, and what is left afterwards.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::attack::Attack;
use super::components;
use super::figures::Figures;
use super::honest::{HonestClients, Work};
use super::host::{Resources, SoakHost};
use super::usage::{Phase, REMEMBERED};

/// Seconds of both phases, without the warm-up.
const SECONDS: u64 = 120;

/// The longest time that makes sense: see [`REMEMBERED`].
const MOST_SECONDS: u64 = 7_200;

/// Windows of the first phase, and of the second. One more window is at the beginning of the second phase, and is not measured.
const ALONE: u32 = 3;
const BESIDE: u32 = 8;

/// The longest warm-up.
const WARM_UP: Duration = Duration::from_secs(60);

/// Memory that the host may have more at the end, besides a twentieth: pages that allocators keep, and the pages of as many
/// sandboxes of the pool as were in use at once, which differs from run to run.
const SPARE_BYTES: u64 = 32 << 20;

/// Errors in the log that tenants cause: their files are wrong.
const ERRORS_OF_TENANTS: [&str; 2] = ["problem found", "the app was not reloaded"];

/// How long a run takes, and its random choices.
struct Plan {
    window: Duration,
    seed: u64,
}

impl Plan {
    fn from_environment() -> Self {
        let number = |name: &str| {
            let text = std::env::var_os(name)?;
            Some(text.to_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} is a number")))
        };
        let seconds = number("SAGGAR_SOAK_SECONDS").unwrap_or(SECONDS);
        assert!((1..=MOST_SECONDS).contains(&seconds), "SAGGAR_SOAK_SECONDS is at most {MOST_SECONDS}");
        let seed = number("SAGGAR_SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
        println!("{seconds} seconds; SAGGAR_SOAK_SEED={seed} repeats the random choices");
        Self { window: Duration::from_secs(seconds) / (ALONE + 1 + BESIDE), seed }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_tenants_get_their_share_beside_hostile_ones_and_nothing_is_left() {
    let plan = Plan::from_environment();
    let components = Arc::new(components::refused());
    let host = SoakHost::start();
    let work = Work::calibrate(&host.server).await;
    // What is created once and kept is not lost: pages of the pool, caches of the store, threads.
    let (honest, attack) = (HonestClients::start(&host.server, &work), Attack::start(&host, &components, !plan.seed));
    tokio::time::sleep(plan.window.min(WARM_UP)).await;
    attack.stop().await;
    honest.stop().await;
    host.renew().await;
    let before = host.settled().await;
    println!("before: {before}");

    let honest = HonestClients::start(&host.server, &work);
    let alone = measure(&host, plan.window, ALONE).await;
    let attack = Attack::start(&host, &components, plan.seed);
    tokio::time::sleep(plan.window).await;
    let beside = measure(&host, plan.window, BESIDE).await;
    let answers = attack.stop().await;
    let measured = honest.stop().await;
    print_outcomes(&host.metrics().await);
    answers.print();
    let figures = Figures::new(&alone, &beside, &measured, host.started + REMEMBERED);
    figures.print();

    host.renew().await;
    let limit = Resources { memory: before.memory + before.memory / 20 + SPARE_BYTES, files: before.files };
    let after = host.until_within(limit).await;
    println!("after: {after}");
    let SoakHost { server, .. } = host;
    let problems = [figures.problems(), left(&limit, &after), answers.errors, errors(&server.stop())].concat();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Lets the clients work for some windows.
async fn measure(host: &SoakHost, window: Duration, windows: u32) -> Phase {
    let mut borders = vec![host.usage().await];
    for _ in 0..windows {
        tokio::time::sleep(window).await;
        borders.push(host.usage().await);
    }
    Phase::new(borders)
}

/// Returns what did not come back.
fn left(limit: &Resources, after: &Resources) -> Vec<String> {
    let is_left = after.memory > limit.memory || after.files > limit.files;
    is_left.then(|| format!("the host has {after}; at most {limit} were expected")).into_iter().collect()
}

/// Returns the errors in a log, without those about the files of hostile tenants.
fn errors(log: &[String]) -> Vec<String> {
    let is_error = |line: &&String| match serde_json::from_str::<Value>(line) {
        Ok(entry) => {
            let message = entry["message"].as_str().unwrap_or_default();
            entry["level"] == "ERROR" && !ERRORS_OF_TENANTS.iter().any(|error| message.starts_with(error))
        }
        Err(_) => line.contains("panicked"),
    };
    log.iter().filter(is_error).cloned().collect()
}

/// Prints how the jobs of the hostile tenants have ended.
fn print_outcomes(metrics: &str) {
    let mut ended = std::collections::BTreeMap::<&str, f64>::new();
    for line in metrics.lines().filter(|line| line.starts_with("saggar_jobs_total{tenant=\"hostile")) {
        let outcome = line.split("outcome=\"").nth(1).and_then(|rest| rest.split('"').next());
        let count = line.rsplit_once(' ').and_then(|(_, count)| count.parse::<f64>().ok());
        if let (Some(outcome), Some(count)) = (outcome, count) {
            *ended.entry(outcome).or_default() += count;
        }
    }
    println!("jobs of the hostile tenants by their ends: {ended:?}");
}
