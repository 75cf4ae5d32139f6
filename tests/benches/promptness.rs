//! How promptly a busy host stops overdue attempts and serves short jobs: 8 slots spin forever, each attempt is stopped
//! at its timeout, and meanwhile ordinary jobs of another task run one by one. Prints how late the stops were, relative
//! to the adding of the job plus the timeout, and how long the ordinary jobs took from adding to their end.
//!
//! For comparison, the same ordinary jobs run on the same host while it is otherwise idle.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::time::{Duration, Instant};

use saggar::Host;
use saggar_tests::app::App;
use saggar_tests::guests;
use serde_json::json;
use tokio::task::JoinSet;

const SLOTS: usize = 8;
const TIMEOUT: Duration = Duration::from_millis(200);
const ROUNDS: usize = 75;
const ORDINARY: usize = 2_000;

fn main() -> anyhow::Result<()> {
    let app = App::new()
        .plugin("time", guests::HOSTILE_TIME)
        .plugin("empty", guests::EMPTY)
        .task("spin", &json!({"process": "plugins.time", "worker_nums": SLOTS, "timeout": TIMEOUT.as_secs_f64()}))
        .task("short", &json!({"process": "plugins.empty", "worker_nums": 1}));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let host = Host::builder(app.path()).build().await?;
        let mut alone = short_jobs(host.clone()).await?;
        let mut stops = JoinSet::new();
        for _ in 0..SLOTS {
            stops.spawn(spin(host.clone()));
        }
        let mut busy = short_jobs(host.clone()).await?;
        let mut late = Vec::new();
        while let Some(of_slot) = stops.join_next().await {
            late.extend(of_slot??);
        }
        println!("{SLOTS} slots spin, {} threads", std::thread::available_parallelism()?);
        print("delay of a stop after its deadline", &mut late);
        print("an ordinary job takes meanwhile", &mut busy);
        print("an ordinary job takes alone", &mut alone);
        host.shutdown(Duration::ZERO).await;
        Ok(())
    })
}

/// Runs the endless jobs of one slot; returns how late each was stopped.
async fn spin(host: Host) -> anyhow::Result<Vec<Duration>> {
    let mut late = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let id = host.add("spin", r#"["spin"]"#).await?;
        let job = host.wait("spin", id).await?;
        anyhow::ensure!(job.reason == Some(saggar::FailureKind::Timeout), "the spinning job did not time out: {job:?}");
        late.push(began.elapsed().saturating_sub(TIMEOUT));
    }
    Ok(late)
}

/// Runs ordinary jobs, one by one, at times unrelated to the ticks; returns how long each took. Must run on the
/// blocking thread, like a caller outside of the host's own threads.
async fn short_jobs(host: Host) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    for number in 0..ORDINARY {
        std::thread::sleep(Duration::from_micros(3_000 + (number * 7_919 % 2_000) as u64));
        let began = Instant::now();
        let id = host.add("short", "[]").await?;
        let job = host.wait("short", id).await?;
        anyhow::ensure!(job.status == saggar::Status::Success, "the ordinary job failed: {job:?}");
        took.push(began.elapsed());
    }
    Ok(took)
}

fn print(what: &str, durations: &mut [Duration]) {
    durations.sort_unstable();
    let ms = |share: f64| {
        let at = (durations.len() as f64 * share) as usize;
        durations[at.min(durations.len() - 1)].as_secs_f64() * 1000.0
    };
    let (p50, p99, max) = (ms(0.5), ms(0.99), ms(1.0));
    println!("{what}: p50 {p50:.2} ms, p99 {p99:.2} ms, max {max:.2} ms ({} measured)", durations.len());
}
