//! A host never stores more bytes than its limit, whatever its jobs do. Runs the real binary and samples its memory.

#![expect(clippy::print_stdout, reason = "the test prints its measurements")]

use saggar_tests::app::App;
use saggar_tests::client::job_path;
use saggar_tests::guests;
use saggar_tests::memory::Growth;
use saggar_tests::server::Server;
use saggar_tests::timeout::within;
use serde_json::{Value, json};

/// Jobs with 4 MiB of arguments and a response of the same size: 1.6 GB in total.
const JOBS: u64 = 200;
const TEXT: usize = (4 << 20) - 100;

const BOUND: u64 = 64 << 20;

/// The limit of what the chain leaves behind besides the stored bytes: its warm instance, which may have 64 MiB, and pages
/// that allocators keep. All its jobs together are twelve times as much.
const LEFT: u64 = 128 << 20;

fn app() -> App {
    App::new()
        .plugin("chain", guests::CHAIN)
        .plugin("echo", guests::ECHO)
        .task("chain", &json!({ "process": "plugins.chain", "keep_bytes": "64MiB" }))
        .task("other", &json!({ "process": "plugins.echo", "keep_bytes": "64MiB" }))
}

async fn bytes_of(server: &Server, task: &str) -> u64 {
    let counts = server.get(&format!("/v1/tasks/{task}")).await.body["counts"].clone();
    counts["bytes"].as_u64().unwrap_or_else(|| panic!("{counts}"))
}

async fn metric(server: &Server, line: &str) -> u64 {
    let text = server.text("/metrics").await;
    let value = text.lines().find_map(|found| found.strip_prefix(line)).unwrap_or_else(|| panic!("no {line}: {text}"));
    value.trim().parse().unwrap_or_else(|error| panic!("{error}: {value}"))
}

/// Runs the chain to its end, and checks all reports of stored bytes.
async fn run_chain(server: &Server) {
    let first = json!({ "args": ["chain", JOBS - 1, "x".repeat(TEXT)] });
    server.add("chain", &first).await;
    let mut most = 0;
    within("the last job of the chain", async {
        while server.get(&job_path("chain", JOBS)).await.status == 404 {
            most = most.max(bytes_of(server, "chain").await);
        }
    })
    .await;
    let last = server.ended("chain", JOBS).await;
    assert_eq!((&last["status"], last["response"][2].as_str().map(str::len)), (&json!("SUCCESS"), Some(TEXT)));
    let stored = bytes_of(server, "chain").await;
    // The response of a running job may exceed the limit.
    assert!(most.max(stored) <= BOUND + (5 << 20) && stored > BOUND / 2, "{most} {stored}");
    assert_eq!(server.get(&job_path("chain", 1)).await.status, 404);
    assert_eq!(metric(server, "saggar_jobs_kept_bytes{task=\"chain\"}").await, stored);
    assert_eq!(metric(server, "saggar_store_kept_bytes").await, stored);
}

/// Lets the host do a little that stores no bytes.
async fn look(server: &Server) {
    assert_eq!(server.get("/v1/tasks").await.status, 200);
}

/// Runs the chain, and asserts the limits of the host's memory meanwhile and afterwards.
async fn run_chain_in_bounded_memory(server: &Server, what: &str) {
    let growth = Growth::watch_settled(server.pid(), async || look(server).await).await;
    run_chain(server).await;
    let during = growth.peak_bytes();
    let after = growth.bytes_within(BOUND + LEFT, async || look(server).await).await;
    println!("{what}: {} MiB more at the peak, {} MiB afterwards", during >> 20, after >> 20);
    // The limit, an instance with a few copies of the text, and the overhead of the allocator.
    assert!(during < BOUND + (192 << 20), "{what}: {during}");
    assert!(after <= BOUND + LEFT, "{what}: {after} bytes are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_jobs_of_4_mib_stays_within_the_memory_limit() {
    let server = Server::start(&app(), &["--store", "memory"]);
    run_chain_in_bounded_memory(&server, "memory store").await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_jobs_of_4_mib_stays_within_the_memory_limit_with_instances_on_demand() {
    let server = Server::start(&app(), &["--store", "memory", "--allocator", "on-demand"]);
    run_chain_in_bounded_memory(&server, "memory store, instances on demand").await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_jobs_of_4_mib_stays_within_the_disk_limit_across_a_restart() {
    let app = app();
    let server = Server::start(&app, &[]);
    run_chain_in_bounded_memory(&server, "SQLite store").await;
    let stored = bytes_of(&server, "chain").await;
    server.stop();
    let size = std::fs::metadata(app.path().join(".saggar/saggar.db")).expect("the store").len();
    println!("SQLite store: {} MiB of a file", size >> 20);
    assert!(size < 2 * BOUND, "{size}");
    let server = Server::start(&app, &[]);
    assert_eq!(bytes_of(&server, "chain").await, stored);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_the_host_applies_to_all_tasks() {
    let server = Server::start(&app(), &["--store", "memory", "--keep-bytes", "8MiB"]);
    let job = |n: u64| json!({ "args": [n, "x".repeat(1 << 20)] });
    for n in 0..8 {
        let task = if n % 2 == 0 { "chain" } else { "other" };
        // `chain` fails with these arguments; failed jobs are evicted as well.
        let id = server.add(task, &job(n)).await;
        server.ended(task, id).await;
        // A response may exceed the limit until the next job is added.
        assert!(bytes_of(&server, "chain").await + bytes_of(&server, "other").await <= 10 << 20);
    }
    assert_eq!(server.get(&job_path("chain", 1)).await.status, 404, "the job that ended first is evicted first");
    assert_eq!(server.get(&job_path("other", 4)).await.status, 200);
    let mut refused = None;
    for n in 0..10 {
        let body = json!({ "args": [n, "x".repeat(1 << 20)], "delay_ms": 3_600_000 });
        let answer = server.post("/v1/tasks/other/jobs", &body).await;
        if answer.status != 201 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.unwrap_or_else(|| panic!("waiting jobs exceeded the limit"));
    assert_eq!((refused.status, refused.code()), (429, "keep-bytes-exceeded"));
    let detail: &Value = &refused.body["detail"];
    assert!(detail.as_str().is_some_and(|detail| detail.contains("the host")), "{detail}");
    server.stop();
}
