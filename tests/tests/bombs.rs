//! Components that are expensive to parse or compile. Each is refused with its reason, within limits of time and
//! memory, while the other tasks run. Then the compiler process, which is confined and never outlives its host.

#[path = "bombs/compiler.rs"]
mod compiler;
#[path = "bombs/mutations.rs"]
mod mutations;
#[path = "bombs/proposals.rs"]
mod proposals;

use saggar_tests::app::App;
use saggar_tests::crafted::{BOMBS, bomb};
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost};
use saggar_tests::memory::{bytes_within, peak_bytes, settled_bytes};
use saggar_tests::program::start;
use saggar_tests::server::Server;
use serde_json::{Value, json};

/// The limit of peak memory of a start with all bombs: the files, of which two are read at a time, and the host itself.
const HOST_MIB: u64 = 192;

/// The limit of what the bombs leave behind: pages that allocators keep, and the code that has refused the bombs. Compiled
/// in the host, the first of them alone would take 1.2 GiB.
const LEFT_BYTES: u64 = 80 << 20;

/// Returns the expected error of a bomb.
fn reason(name: &str) -> &'static str {
    match name {
        "sparse_memories" | "sparse_tables" => "its memories and tables need",
        "nested_loops" | "locals_by_loops" => "in one function",
        "nested_blocks" => "nested blocks in one function",
        "many_locals" => "more than 4000000 locals",
        "nested_component_types" | "nested_instance_types" => "more than 100 nested types",
        "nested_components" => "more than 100 nested components and modules",
        "modules_that_claim" => "not a valid component",
        "instances_of_instances" | "instances_by_alias" => "has 100000000000000000000 core instances; at most 100",
        "instances_of_an_argument" => "not defined in it",
        "instances_of_a_module" => "has 900 core instances; at most 100",
        "branches_with_results" | "branch_tables_with_results" | "calls_with_results" => {
            "values passed by branches and calls"
        }
        "fused_adapters" => "adapters",
        "types_by_reference" | "types_that_double" => "plugins/types_",
        other => panic!("no reason known for {other}"),
    }
}

/// Returns an app with a valid task only.
fn harmless_app() -> App {
    App::new().simple_task("good", guests::ECHO)
}

/// Returns an app with a valid task and a task for each bomb.
fn app() -> App {
    BOMBS.iter().fold(harmless_app(), |app, name| {
        let bytes = bomb(name).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        app.plugin_bytes(name, bytes).task(name, &json!({ "process": format!("plugins.{name}") }))
    })
}

#[test]
fn check_reports_each_bomb_with_its_reason_and_continues() {
    let app = app();
    let running = start(["check".as_ref(), app.path().as_os_str(), "--json".as_ref()]);
    let pid = running.pid();
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = peak_bytes(pid) {
            peak = now;
            std::thread::yield_now();
        }
        peak
    });
    let said = running.end();
    let peak_mib = watch.join().expect("the thread does not panic") >> 20;
    let document: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!(document["tasks"].as_array().map(Vec::len), Some(1), "the good task");
    let problems = document["problems"].as_array().expect("a list");
    for name in BOMBS {
        let of_it = problems.iter().find(|problem| problem["location"]["file"] == format!("tasks/{name}.json"));
        let message =
            of_it.and_then(|problem| problem["message"].as_str()).unwrap_or_else(|| panic!("{name} is not reported"));
        assert!(message.contains(reason(name)), "{name}: {message}");
    }
    assert!(peak_mib <= HOST_MIB, "the host used {peak_mib} MiB");
}

/// Starts a host of this app with an empty cache.
fn start_cold(app: &App, allocator: &str) -> Server {
    Server::start_as(app, |serve| {
        serve.args(["--store", "memory", "--allocator", allocator]).arg("--cache-dir").arg(app.path().join("cache"))
    })
}

/// Runs a job of the valid task.
async fn run_good_job(server: &Server) {
    let id = server.add("good", &json!({ "args": [1] })).await;
    assert_eq!(server.ended("good", id).await["response"], json!([1]));
}

/// Asserts that a host with all bombs serves the valid task, and the limit of its memory during and after loading.
/// Afterwards it has as much as a host without bombs.
#[expect(clippy::print_stdout, reason = "the test prints its measurements")]
async fn serves_beside_bombs(allocator: &str) {
    let harmless = harmless_app();
    let server = start_cold(&harmless, allocator);
    let without = settled_bytes(server.pid(), async || run_good_job(&server).await).await;
    server.stop();

    let app = app();
    let server = start_cold(&app, allocator);
    let peak_mib = peak_bytes(server.pid()).expect("it runs") >> 20;
    let limit = without + LEFT_BYTES;
    let after = bytes_within(server.pid(), limit, async || run_good_job(&server).await).await;
    let log = server.stop();
    for name in BOMBS {
        assert!(log.iter().any(|line| line.contains(&format!("plugins/{name}.wasm"))), "{name} is not reported");
    }
    let (without_mib, after_mib) = (without >> 20, after >> 20);
    println!("{allocator}: {peak_mib} MiB at the peak, {after_mib} MiB afterwards, {without_mib} MiB without bombs");
    assert!(peak_mib <= HOST_MIB, "{peak_mib} MiB at the peak");
    assert!(after <= limit, "{after_mib} MiB afterwards, {without_mib} MiB without bombs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooling_host_works_beside_bombs() {
    serves_beside_bombs("pooling").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_on_demand_host_works_beside_bombs() {
    serves_beside_bombs("on-demand").await;
}

/// The scan also protects an embedder that compiles in its own process.
#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_refused_by_an_in_process_compiler_too() {
    let why = TestHost::try_start(app(), Start { cache_dir: None, ..Start::default() }).await.err().expect("bombs");
    for name in BOMBS {
        assert!(why.contains(&format!("plugins/{name}.wasm")), "{name} is not reported");
    }
}
