//! A guest that calls every interface of the host with random values, from many seeds: whatever it does ends its job, and
//! nothing else.

use std::fs;

use saggar::grant::{Access, Grants, KvGrant};
use saggar::{FailureKind, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost};
use serde_json::json;
use wasmparser::{ComponentExternName, Parser, Payload};

/// How many jobs run; each makes 200 calls.
const SEEDS: u64 = 400;

/// Ends that a guest brings on itself, or on another job by a call that cancels it. Anything else, such as a panic of the host,
/// is the host's.
const OWN_ENDS: [FailureKind; 5] =
    [FailureKind::Trap, FailureKind::Timeout, FailureKind::OutOfMemory, FailureKind::Failed, FailureKind::Cancelled];

fn app() -> App {
    // A guest may wait for something that never comes. Its calls about other jobs are not refused.
    let random = json!({
        "process": "plugins.random", "worker_nums": 4, "timeout": 1, "attempts": 0, "sandbox": { "tasks": "all", "kv": "write" },
    });
    App::new()
        .plugin("random", guests::RANDOM_CALLS)
        .plugin("echo", guests::ECHO)
        .task("random", &random)
        .task("sink", &json!({ "process": "plugins.echo" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn random_calls_end_only_the_job_that_makes_them() {
    let kv = Some(KvGrant { access: Access::Write, max_bytes: 1 << 20, max_keys: 50 });
    let grants = Grants { kv, ..Grants::of_single_app() };
    let host = TestHost::start_as(app(), Start { grants, ..Start::default() }).await;
    let mut ids = Vec::new();
    for seed in 1..=SEEDS {
        ids.push(host.add("random", json!([seed * 0x9e37_79b9])).await);
    }
    let mut ended_well = 0;
    for id in ids {
        let job = host.end("random", id).await;
        if job.status == Status::Success {
            ended_well += 1;
            continue;
        }
        let problem = job.problem.as_ref().map(|problem| problem.code.clone()).unwrap_or_default();
        assert!(job.reason.is_some_and(|reason| OWN_ENDS.contains(&reason)), "{job:?}");
        assert_ne!(problem, "host-panic", "{job:?}");
    }
    assert!(ended_well > 0, "no job came to its end, so most calls were not made");
    let id = host.add("sink", json!(["after"])).await;
    assert_eq!(host.end("sink", id).await.status, Status::Success);
    host.shutdown().await;
}

/// The interfaces of the host, without those that only define types.
const INTERFACES: [&str; 32] = [
    "saggar:task/context",
    "saggar:task/kv",
    "saggar:task/http",
    "saggar:task/log",
    "saggar:task/progress",
    "saggar:task/tasks",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

#[test]
fn the_guest_calls_every_interface() {
    let bytes = fs::read(guests::RANDOM_CALLS).expect("the guests have been built");
    let mut imported = Vec::new();
    for payload in Parser::new(0).parse_all(&bytes) {
        let Payload::ComponentImportSection(section) = payload.expect("a component") else { continue };
        for import in section {
            let ComponentExternName { name, .. } = import.expect("an import").name;
            imported.push(name.split('@').next().unwrap_or(name).to_owned());
        }
    }
    for interface in INTERFACES {
        assert!(imported.iter().any(|name| name == interface), "{interface} is not called: {imported:?}");
    }
}
