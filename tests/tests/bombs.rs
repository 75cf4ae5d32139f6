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
use saggar_tests::memory::{peak_bytes, resident_bytes};
use saggar_tests::program::{command, start};
use saggar_tests::server::Server;
use serde_json::{Value, json};

/// The limit of peak memory of a start with all bombs: the files, of which two are read at a time, and the host itself.
const HOST_MIB: u64 = 192;

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

/// Returns an app with a valid task and a task for each bomb.
fn app() -> App {
    let app = App::new().simple_task("good", guests::ECHO);
    BOMBS.iter().fold(app, |app, name| {
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

/// Asserts that a host with all bombs serves the valid task, and the limit of its memory during and after loading.
fn serves_beside_bombs(allocator: &str) {
    let app = app();
    // A cold start, with an empty cache.
    let server = Server::start_as(&app, |serve| {
        serve.args(["--store", "memory", "--allocator", allocator]).arg("--cache-dir").arg(app.path().join("cache"))
    });
    let peak_mib = peak_bytes(server.pid()).expect("it runs") >> 20;
    let after_mib = resident_bytes(server.pid()).expect("it runs") >> 20;
    let mut add = command();
    add.args(["add", "good", "1", "--wait", "--url", &server.url("")]);
    let said = saggar_tests::program::output(&mut add);
    assert_eq!((said.code, said.out.trim()), (Some(0), "[1]"), "{said:?}");
    let log = server.stop();
    for name in BOMBS {
        assert!(log.iter().any(|line| line.contains(&format!("plugins/{name}.wasm"))), "{name} is not reported");
    }
    assert!(after_mib <= peak_mib && peak_mib <= HOST_MIB, "{peak_mib} MiB at the peak, {after_mib} MiB afterwards");
}

#[test]
fn a_pooling_host_works_beside_bombs() {
    serves_beside_bombs("pooling");
}

#[test]
fn an_on_demand_host_works_beside_bombs() {
    serves_beside_bombs("on-demand");
}

/// The scan also protects an embedder that compiles in its own process.
#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_refused_by_an_in_process_compiler_too() {
    let why = TestHost::try_start(app(), Start { cache_dir: None, ..Start::default() }).await.err().expect("bombs");
    for name in BOMBS {
        assert!(why.contains(&format!("plugins/{name}.wasm")), "{name} is not reported");
    }
}
