//! The cost of a whole durable job: added, claimed, run by an empty Rust processor in a warm sandbox, and finished,
//! with each step committed to SQLite. It is compared with the floor: the three writes of a job by SQLite alone, on the
//! same disk in the same run. Then the latency of a single job in fsyncs of the disk, and the same host with a million
//! waiting and a million ended jobs.
//!
//! `cargo bench --workspace --bench durable`; the directory for temporary files should be on a real disk.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use saggar::{Host, ListQuery, NewJob, Status};
use saggar_tests::app::App;
use saggar_tests::host::builder;
use saggar_tests::server::Server;
use saggar_tests::{guests, program};
use serde_json::json;
use tokio::task::JoinSet;

#[path = "../../host/crates/store-sqlite/benches/floor/mod.rs"]
mod floor;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use floor::{ARGS, Probe, cpu_ms, floor, fsync, in_fsyncs, median, resident_mb};

/// Slots of the task: enough that some run while others wait for their commit, few enough that their sandboxes stay in
/// the caches.
const SLOTS: u64 = 192;
/// Tokio tasks that add jobs.
const ADDERS: u64 = 512;
/// The pause of an adder when enough jobs are in flight: short enough that slots never run out of jobs meanwhile.
const PAUSE: Duration = Duration::from_millis(2);
const BACKLOG: u64 = 1_000_000;
/// Enough for all jobs that end, so that none is evicted.
const KEEP_BYTES: u64 = 16 << 30;
/// Commits of the floor: a few seconds.
const FLOOR_BATCHES: u64 = 300;
const MEASURED: Duration = Duration::from_secs(6);
/// The duration of one round.
const TURN: Duration = Duration::from_secs(2);
/// Rounds in which the hosts with and without a backlog alternate: the speed of the machine varies more within a
/// minute than the hosts differ.
const TURNS: usize = 11;

fn main() -> anyhow::Result<()> {
    let app = app();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let fsync = fsync(&app.path().join("fsync"));
    println!("disk: one fsync of 4 KiB takes {fsync:?} (p50)");
    let host = runtime.block_on(start(&app))?;
    println!("alone: {} from add to SUCCESS", runtime.block_on(alone(&host, Probe::new(&app.path().join("probe"))))?);
    for in_flight in [ADDERS, 4 * ADDERS, 16 * ADDERS] {
        let before = floor(&app.path().join(format!("before-{in_flight}.db")), FLOOR_BATCHES);
        let rate = runtime.block_on(load(&host, in_flight, MEASURED))?;
        let after = floor(&app.path().join(format!("after-{in_flight}.db")), FLOOR_BATCHES);
        println!(
            "floor: {before:>8.0} jobs/s before and {after:.0} after: SQLite alone, insert + claim + finish, 3 durable commits for 512 jobs"
        );
        println!("whole: {rate:>8.0} jobs/s  {in_flight} in flight: {:.2} of the floor", rate * 2.0 / (before + after));
    }
    let crowded = self::app();
    runtime.block_on(with_backlog(&host, &crowded))?;
    runtime.block_on(host.shutdown(Duration::from_secs(30)));
    serve_backlog(&crowded);
    runtime.block_on(with_ended(&crowded))
}

fn app() -> App {
    App::new()
        .plugin("empty", guests::EMPTY)
        .task(
            "bulk",
            &json!({"process": "plugins.empty", "worker_nums": SLOTS, "size": 4 * BACKLOG, "keep_bytes": KEEP_BYTES}),
        )
        .task("alone", &json!({"process": "plugins.empty"}))
}

async fn start(app: &App) -> anyhow::Result<Host> {
    Ok(builder(app).store("sqlite".parse()?).keep_bytes(KEEP_BYTES).build().await?)
}

/// Measures one job at a time, added by a task of the runtime as by every client of a host, and fsyncs of the disk.
async fn alone(host: &Host, probe: Probe) -> anyhow::Result<String> {
    let (host, mut measuring) = (host.clone(), JoinSet::new());
    measuring.spawn(async move {
        let (mut times, mut fsyncs) = (Vec::new(), Vec::new());
        for at in 0..1_000 {
            fsyncs.push(probe.fsync(at));
            let began = Instant::now();
            let id = host.add("alone", ARGS).await?;
            let job = host.wait("alone", id).await?;
            times.push(began.elapsed());
            anyhow::ensure!(job.status == Status::Success, "the job failed: {job:?}");
        }
        anyhow::Ok(in_fsyncs(times, fsyncs))
    });
    measuring.join_next().await.context("nothing was measured")??
}

/// Returns jobs per second while `waiting` jobs wait or run: adders add one whenever one has ended.
async fn load(host: &Host, waiting: u64, measured: Duration) -> anyhow::Result<f64> {
    let over = Arc::new(AtomicBool::new(false));
    let mut adders = JoinSet::new();
    for _ in 0..ADDERS {
        let (host, over) = (host.clone(), Arc::clone(&over));
        adders.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                if in_flight(&host) < waiting {
                    host.add("bulk", ARGS).await?;
                } else {
                    tokio::time::sleep(PAUSE).await;
                }
            }
            anyhow::Ok(())
        });
    }
    // Warms up the sandboxes and the file's pages.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (began, before, cpu_before) = (Instant::now(), ended(host), cpu_ms());
    tokio::time::sleep(measured).await;
    let (jobs, cpu, time) = ((ended(host) - before) as f64, (cpu_ms() - cpu_before) as f64, began.elapsed());
    let rate = jobs / time.as_secs_f64();
    // On a shared machine, a low share means that other processes limit the rate.
    let share = cpu / time.as_millis() as f64;
    println!("       {rate:.0} jobs/s, {:.1} µs of processors a job, {share:.2} processors busy", cpu * 1_000.0 / jobs);
    over.store(true, Ordering::Relaxed);
    while let Some(adder) = adders.join_next().await {
        adder??;
    }
    let failed = host.counts("bulk").map_or(0, |counts| counts.failure);
    anyhow::ensure!(failed == 0, "{failed} jobs failed");
    Ok(rate)
}

fn in_flight(host: &Host) -> u64 {
    host.counts("bulk").map_or(0, |counts| (counts.waiting + counts.running) as u64)
}

/// Returns how many jobs have ended since the host started, whether they are still retained or not.
fn ended(host: &Host) -> u64 {
    host.rates("bulk").map_or(0, |rates| rates.succeeded.total)
}

/// Compares the throughput of a host with a million waiting jobs and of one with few, in turns.
async fn with_backlog(few: &Host, app: &App) -> anyhow::Result<()> {
    let many = start(app).await?;
    many.pause("bulk").await?;
    let began = Instant::now();
    while in_flight(&many) < BACKLOG {
        many.add_jobs("bulk", vec![NewJob::new(ARGS); 1_000]).await?;
    }
    println!("1 M added in batches of 1000: {:?}", began.elapsed());
    let mut ratios = Vec::new();
    for _ in 0..TURNS {
        let rate_few = load(few, 4 * ADDERS, TURN).await?;
        many.resume("bulk").await?;
        let rate_many = load(&many, BACKLOG + 4 * ADDERS, TURN).await?;
        many.pause("bulk").await?;
        ratios.push(rate_many / rate_few);
        println!("1 M waiting: {rate_many:.0} jobs/s, {:.2} of that with {}", rate_many / rate_few, 4 * ADDERS);
    }
    ratios.sort_by(f64::total_cmp);
    println!("1 M waiting: {:.2} of the throughput with {} (p50 of {TURNS} turns)", ratios[TURNS / 2], 4 * ADDERS);
    many.resume("bulk").await?;
    lookups(&many, "1 M waiting").await?;
    anyhow::ensure!(in_flight(&many) > BACKLOG * 9 / 10, "the backlog was used up");
    many.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

/// Measures the real binary on that backlog: the time until it is ready, its memory while it runs, and the time until
/// the jobs that ran are requeued after a kill.
fn serve_backlog(app: &App) {
    // Builds it and compiles its components before anything is measured.
    program::saggar_on("check", app, &[]);
    let began = Instant::now();
    let server = Server::start(app, &["--keep-bytes", &KEEP_BYTES.to_string()]);
    // The header of SQLite's WAL index contains a number that changes with every commit.
    let index = app.path().join(".saggar/saggar.db-shm");
    let commit =
        || std::fs::read(&index).ok().and_then(|index| index.get(8..12).map(<[u8]>::to_vec)).unwrap_or(vec![0; 4]);
    let before = commit();
    while commit() == before && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("1 M waiting: `saggar serve` works after {:?}", began.elapsed());
    let highest = (0..50).map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        resident_mb(server.pid())
    });
    println!("1 M waiting: `saggar serve` uses {} MB at most while it works", highest.max().unwrap_or(0));
    server.signal("KILL");
    assert_eq!(server.end().0, None, "a signal ended it");
    let began = Instant::now();
    // It listens when it has opened its tasks, which ends the interrupted attempts of the killed host.
    let server = Server::start(app, &["--keep-bytes", &KEEP_BYTES.to_string()]);
    println!("1 M waiting: the jobs that ran when it was killed are requeued after {:?}", began.elapsed());
    server.stop();
}

async fn with_ended(app: &App) -> anyhow::Result<()> {
    let host = start(app).await?;
    host.idle().await;
    let retained = host.counts("bulk").map_or(0, |counts| counts.success);
    println!("{retained} jobs have ended");
    lookups(&host, "1 M ended").await?;
    host.shutdown(Duration::from_secs(30)).await;
    Ok(())
}

async fn lookups(host: &Host, what: &str) -> anyhow::Result<()> {
    for status in [None, Some(Status::Waiting), Some(Status::Running), Some(Status::Success), Some(Status::Failure)] {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..20 {
            let query = ListQuery { statuses: status.into_iter().collect(), ..ListQuery::of_tenant("default") };
            let began = Instant::now();
            found = host.list(&query).await?.jobs.len();
            times.push(began.elapsed());
        }
        let slowest = times.iter().max().copied().unwrap_or_default();
        let which = status.map_or("all", |status| status.name());
        println!("{what}: a page of {found} ({which}) takes {:?} (p50), {slowest:?} at most", median(times));
    }
    let began = Instant::now();
    let counts = host.counts("bulk");
    println!("{what}: counts take {:?}: {counts:?}", began.elapsed());
    Ok(())
}
