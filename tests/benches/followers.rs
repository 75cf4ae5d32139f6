//! The cost of many subscribers: a thousand clients that follow idle jobs and an idle task, and two hundred that read
//! all events, but slowly, while durable jobs run at full speed. Rounds with and without them alternate on one host;
//! the clients are a separate process on the same processors. Fails if the throughput of jobs falls below the promised
//! share, or if a client is refused or disconnected.
//!
//! `cargo bench --workspace --bench followers`; the directory for temporary files should be on a real disk.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use saggar::api::{Bound, Limits, Listener, Tokens};
use saggar::{Host, NewJob};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::builder;
use serde_json::json;
use tokio::task::JoinSet;

#[path = "followers/clients.rs"]
mod clients;
#[path = "../../host/crates/store-sqlite/benches/floor/mod.rs"]
#[expect(dead_code, reason = "another benchmark measures the floor itself")]
mod floor;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use floor::{ARGS, resident_mb};

/// Slots of the task.
const SLOTS: u64 = 64;
const ADDERS: u64 = 512;
const IN_FLIGHT: u64 = 4 * ADDERS;
/// As many events as `saggar serve` retains.
const RETAINED_EVENTS: usize = 65_536;
/// Files that each of the two processes may need.
const FILES: u64 = 8_192;
/// Rounds with followers, and as many without.
const ROUNDS: usize = 5;
/// The time until a change of followers has taken effect.
const SETTLED: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(4);
/// The promised share of the throughput while all clients follow.
const PROMISED_SHARE: f64 = 0.9;

fn main() -> anyhow::Result<()> {
    raise_open_files()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == clients::ROLE) {
        Some(at) => runtime.block_on(clients::run(arguments[at + 1].parse()?)),
        None => runtime.block_on(measure()),
    }
}

fn raise_open_files() -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < FILES) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(FILES), maximum })
            .context("1,200 clients need more files")?;
    }
    Ok(())
}

async fn measure() -> anyhow::Result<()> {
    let app = App::new()
        .plugin("empty", guests::EMPTY)
        .task("bulk", &json!({"process": "plugins.empty", "worker_nums": SLOTS, "size": 100_000}))
        .task(clients::QUIET, &json!({"process": "plugins.empty"}));
    let host = builder(&app).store("sqlite".parse()?).keep_events(RETAINED_EVENTS);
    let host = host.build().await?;
    let later = NewJob::new("[]").with_delay_ms(3_600_000);
    host.add_jobs(clients::QUIET, vec![later; clients::OF_A_JOB]).await?;
    let listener = listen(&host).await?;
    let mut clients = Clients::start(listener.address())?;
    let over = Arc::new(AtomicBool::new(false));
    let load = load(&host, &over);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    rate(&host).await;
    for _ in 0..ROUNDS {
        without.push(round(&host, "no followers").await);
        clients.say("connect")?;
        with.push(round(&host, "1,200 followers").await);
        println!("  {}", clients.say("disconnect")?);
    }
    over.store(true, Ordering::Relaxed);
    for adder in load.join_all().await {
        adder?;
    }
    clients.end()?;
    listener.stop(Duration::from_secs(5)).await;
    host.shutdown(Duration::from_secs(30)).await;
    let (without, with) = (median(without), median(with));
    println!("medians: {without:.0} jobs/s without followers, {with:.0} with 1,200");
    let share = with / without;
    println!("ratio: {share:.3}; promised: at least {PROMISED_SHARE}");
    anyhow::ensure!(share >= PROMISED_SHARE, "the promise is not kept");
    Ok(())
}

async fn listen(host: &Host) -> anyhow::Result<Listener> {
    let bound = Bound::new("127.0.0.1:0".parse()?, &Tokens::default())?;
    Ok(bound.listen(saggar::service(host, Tokens::default()), Limits::default())?)
}

/// Keeps enough jobs waiting or running that the host is busy.
fn load(host: &Host, over: &Arc<AtomicBool>) -> JoinSet<anyhow::Result<()>> {
    let mut adders = JoinSet::new();
    for _ in 0..ADDERS {
        let (host, over) = (host.clone(), Arc::clone(over));
        adders.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let counts = host.counts("bulk").context("the task is there")?;
                if ((counts.waiting + counts.running) as u64) < IN_FLIGHT {
                    host.add("bulk", ARGS).await?;
                } else {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            anyhow::Ok(())
        });
    }
    adders
}

async fn round(host: &Host, what: &str) -> f64 {
    let rate = rate(host).await;
    println!("{what:>15}: {rate:>8.0} jobs/s, the host's process uses {} MB", resident_mb(std::process::id()));
    rate
}

/// Measures jobs per second.
async fn rate(host: &Host) -> f64 {
    let ended = || host.rates("bulk").map_or(0, |rates| rates.succeeded.total);
    tokio::time::sleep(SETTLED).await;
    let (began, before) = (Instant::now(), ended());
    tokio::time::sleep(MEASURED).await;
    (ended() - before) as f64 / began.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// The process of the clients.
struct Clients {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Clients {
    fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let mut clients = Command::new(std::env::current_exe()?);
        clients.args([clients::ROLE, &address.to_string()]);
        let mut child = clients.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let orders = child.stdin.take().context("a pipe was asked for")?;
        let answers = BufReader::new(child.stdout.take().context("a pipe was asked for")?);
        Ok(Self { child, orders, answers })
    }

    /// Sends a command; returns the clients' reply when they have carried it out.
    fn say(&mut self, order: &str) -> anyhow::Result<String> {
        writeln!(self.orders, "{order}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        anyhow::ensure!(!answer.is_empty(), "the clients are gone");
        Ok(answer.trim_end().to_owned())
    }

    fn end(self) -> anyhow::Result<()> {
        let Self { mut child, orders, .. } = self;
        drop(orders);
        anyhow::ensure!(child.wait()?.success(), "the clients failed");
        Ok(())
    }
}
