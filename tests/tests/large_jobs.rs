//! Hundreds of clients that read one large job, or wait for it: the host's memory stays within its limit, and other
//! jobs run.

#![expect(clippy::print_stdout, reason = "the test prints its measurements")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use saggar_tests::app::App;
use saggar_tests::client::job_path;
use saggar_tests::guests;
use saggar_tests::memory::Growth;
use saggar_tests::server::Server;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CLIENTS: usize = 400;

/// Almost 4 MiB of arguments, which are also the response.
const TEXT: usize = (4 << 20) - 100;

/// The documented memory for responses, and the buffers of 400 connections.
const BOUND: u64 = (256 << 20) + (64 << 20);

/// The limit of what the clients leave behind: pages that allocators keep, the response of a job that has ended meanwhile,
/// and small jobs. The responses of the two dozen clients that are served at least are three times as much.
const LEFT: u64 = 64 << 20;

/// The limit of the latency of other jobs meanwhile, on a busy machine in an unoptimised build.
const PROMPT: Duration = Duration::from_secs(5);

fn app() -> App {
    App::new().simple_task("large", guests::ECHO).simple_task("other", guests::ECHO)
}

/// Sends a request and reads the whole response; returns its status and its length.
async fn read(address: std::net::SocketAddr, path: String) -> (u16, usize) {
    let mut stream = TcpStream::connect(address).await.expect("the host accepts connections");
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("the host reads");
    let (mut buffer, mut start, mut length) = (vec![0; 64 << 10], Vec::new(), 0);
    loop {
        let read = stream.read(&mut buffer).await.expect("an answer to its end");
        if read == 0 {
            break;
        }
        if start.len() < 12 {
            start.extend_from_slice(&buffer[..read.min(64)]);
        }
        length += read;
    }
    let start = String::from_utf8_lossy(&start).into_owned();
    let status =
        start.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {start}"));
    (status, length)
}

/// Reads with all clients at once, and adds and awaits other jobs meanwhile. Returns how many clients were served, and
/// the longest latency of another job.
async fn all_read(server: &Arc<Server>, path: &str, meanwhile: impl Future<Output = ()>) -> (usize, Duration) {
    let is_over = Arc::new(AtomicBool::new(false));
    let mut others = JoinSet::new();
    others.spawn({
        let (server, is_over) = (Arc::clone(server), Arc::clone(&is_over));
        async move {
            let mut longest = Duration::ZERO;
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                run_other(&server).await;
                longest = longest.max(began.elapsed());
            }
            longest
        }
    });
    let mut reading = JoinSet::new();
    for _ in 0..CLIENTS {
        reading.spawn(read(server.address(), path.to_owned()));
    }
    meanwhile.await;
    let mut served = 0;
    while let Some(answer) = reading.join_next().await {
        let (status, length) = answer.expect("a client does not panic");
        assert!(status == 503 || (status == 200 && length > 2 * TEXT), "{status} {length}");
        served += usize::from(status == 200);
    }
    is_over.store(true, Ordering::Relaxed);
    let longest = others.join_next().await.expect("the task was spawned");
    (served, longest.expect("other jobs are served"))
}

fn large() -> serde_json::Value {
    json!({ "args": ["x".repeat(TEXT)] })
}

/// Starts a host on which a large job has ended and been read, so that everything that the host keeps exists. Returns the
/// job's id, too.
async fn start(app: &App, store: &[&str]) -> (Arc<Server>, u64) {
    let server = Arc::new(Server::start(app, store));
    let id = server.add("large", &large()).await;
    server.ended("large", id).await;
    (server, id)
}

/// Adds and awaits another job.
async fn run_other(server: &Server) {
    let id = server.add("other", &json!({ "args": [1] })).await;
    server.ended("other", id).await;
}

async fn readers_stay_within_the_bound(store: &[&str]) {
    // The app's directory contains the store.
    let app = app();
    let (server, id) = start(&app, store).await;
    let growth = Growth::watch_settled(server.pid(), async || run_other(&server).await).await;
    let (served, longest) = all_read(&server, &job_path("large", id), async {}).await;
    check("readers", store, &server, &growth, served, longest).await;
}

async fn waiters_stay_within_the_bound(store: &[&str]) {
    // The app's directory contains the store.
    let app = app();
    let (server, _) = start(&app, store).await;
    assert!(server.act("/v1/tasks/large/pause").await.status < 300);
    let id = server.add("large", &large()).await;
    let growth = Growth::watch_settled(server.pid(), async || run_other(&server).await).await;
    let resume = async {
        // Waits until all clients wait.
        while server.text("/metrics").await.lines().all(|line| !is_waiting(line)) {}
        assert!(server.act("/v1/tasks/large/resume").await.status < 300);
    };
    let (served, longest) = all_read(&server, &format!("{}?wait=60s", job_path("large", id)), resume).await;
    check("waiters", store, &server, &growth, served, longest).await;
}

/// Returns whether this line of metrics shows that all clients wait.
fn is_waiting(line: &str) -> bool {
    let streams = line.strip_prefix("process_open_fds ").and_then(|files| files.parse::<f64>().ok());
    streams.is_some_and(|files| files > CLIENTS as f64)
}

/// Checks how many clients were served, the host's memory during and after it, and the latency of other jobs.
async fn check(what: &str, store: &[&str], server: &Server, growth: &Growth, served: usize, longest: Duration) {
    let during = growth.peak_bytes();
    let after = growth.bytes_within(LEFT, async || run_other(server).await).await;
    println!(
        "{CLIENTS} {what} {store:?}: {served} served, {} MiB more at the peak, {} MiB afterwards; other jobs took {longest:?} at most",
        during >> 20,
        after >> 20
    );
    assert!(served >= 24, "{served}");
    assert!(during < BOUND, "{during}");
    assert!(after <= LEFT, "{after} bytes are left");
    assert!(longest < PROMPT, "{longest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_readers_of_a_job_of_8_mib_in_memory() {
    readers_stay_within_the_bound(&["--store", "memory"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_readers_of_a_job_of_8_mib_on_disk() {
    readers_stay_within_the_bound(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_waiters_for_a_job_of_8_mib_in_memory() {
    waiters_stay_within_the_bound(&["--store", "memory"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_waiters_for_a_job_of_8_mib_on_disk() {
    waiters_stay_within_the_bound(&[]).await;
}
