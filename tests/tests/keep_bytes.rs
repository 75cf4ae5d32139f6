//! A host stores no more bytes than its limit, whatever its jobs do: the real binary, with its memory sampled.

use saggar_tests::app::App;
use saggar_tests::client::job_path;
use saggar_tests::guests;
use saggar_tests::memory::Growth;
use saggar_tests::server::Server;
use saggar_tests::timeout::within;
use serde_json::{Value, json};

/// Jobs of 4 MiB of arguments and as much of a response: 1.6 GB in all.
const JOBS: u64 = 200;
const TEXT: usize = (4 << 20) - 100;

const BOUND: u64 = 64 << 20;

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

/// Runs the chain to its end, and checks all reports of the bytes.
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
    let kept = bytes_of(server, "chain").await;
    // Running jobs may exceed the limit by their response.
    assert!(most.max(kept) <= BOUND + (5 << 20) && kept > BOUND / 2, "{most} {kept}");
    assert_eq!(server.get(&job_path("chain", 1)).await.status, 404);
    assert_eq!(metric(server, "saggar_jobs_kept_bytes{task=\"chain\"}").await, kept);
    assert_eq!(metric(server, "saggar_store_kept_bytes").await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_4_mib_that_adds_itself_stays_within_the_memory_bound() {
    let server = Server::start(&app(), &["--store", "memory"]);
    let growth = Growth::watch_other(server.pid());
    run_chain(&server).await;
    let (during, after) = (growth.peak_bytes(), growth.bytes());
    println!("memory store: {} MiB more at the worst moment, {} MiB afterwards", during >> 20, after >> 20);
    // The limit, an instance with some copies of the text, and the overhead of an allocator.
    assert!(during < BOUND + (192 << 20), "{during}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_4_mib_that_adds_itself_stays_within_the_bound_on_disk_over_a_restart() {
    let app = app();
    let server = Server::start(&app, &[]);
    let growth = Growth::watch_other(server.pid());
    run_chain(&server).await;
    let kept = bytes_of(&server, "chain").await;
    println!("SQLite store: {} MiB more at the worst moment", growth.peak_bytes() >> 20);
    assert!(growth.peak_bytes() < BOUND + (192 << 20), "{}", growth.peak_bytes());
    server.stop();
    let size = std::fs::metadata(app.path().join(".saggar/saggar.db")).expect("the store").len();
    println!("SQLite store: {} MiB of a file", size >> 20);
    assert!(size < 2 * BOUND, "{size}");
    let server = Server::start(&app, &[]);
    assert_eq!(bytes_of(&server, "chain").await, kept);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bound_of_the_host_holds_over_all_tasks() {
    let server = Server::start(&app(), &["--store", "memory", "--keep-bytes", "8MiB"]);
    let job = |n: u64| json!({ "args": [n, "x".repeat(1 << 20)] });
    for n in 0..8 {
        let task = if n % 2 == 0 { "chain" } else { "other" };
        // `chain` fails on such arguments; failed jobs are removed as well.
        let id = server.add(task, &job(n)).await;
        server.ended(task, id).await;
        // A response is added on top, until the next job is added.
        assert!(bytes_of(&server, "chain").await + bytes_of(&server, "other").await <= 10 << 20);
    }
    assert_eq!(server.get(&job_path("chain", 1)).await.status, 404, "it ended first");
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
    let refused = refused.unwrap_or_else(|| panic!("jobs that wait went beyond the bound"));
    assert_eq!((refused.status, refused.code()), (429, "keep-bytes-exceeded"));
    let detail: &Value = &refused.body["detail"];
    assert!(detail.as_str().is_some_and(|detail| detail.contains("the host")), "{detail}");
    server.stop();
}
