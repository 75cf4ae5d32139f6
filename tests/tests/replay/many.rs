//! Many attempts of all kinds on real hosts: whatever they are answered, and however they end, they do the same again.

use saggar::Allocator;
use saggar::grant::{Access, Grants, HttpGrant, KvGrant, Methods, Network, OriginPattern};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost};
use serde_json::{Value, json};

use super::rerun::is_same_again;
use crate::server::{Reply, Server};

/// Attempts that are made again; `SAGGAR_REPLAYS` sets another number, such as 10000.
const ATTEMPTS: u64 = 360;

/// Attempts of one host: their records are not more than it stores of a task.
const BATCH: u64 = 120;

/// A task of the app, with its guest.
const TASKS: [(&str, &str); 7] = [
    ("random", guests::RANDOM_CALLS),
    ("kv", guests::KEY_VALUES),
    ("files", guests::FILES),
    ("http", guests::FETCHING),
    ("failing", guests::FAILING),
    ("memory", guests::HOSTILE_MEMORY),
    ("clocks", guests::CLOCKS),
];

fn attempts() -> u64 {
    let given = std::env::var_os("SAGGAR_REPLAYS");
    given.map_or(ATTEMPTS, |text| text.to_str().and_then(|text| text.parse().ok()).expect("SAGGAR_REPLAYS is a number"))
}

fn app(origin: &str) -> App {
    let app = TASKS.iter().fold(App::new(), |app, (name, guest)| {
        let mut sandbox = json!({ "record": "all", "tasks": "all" });
        match *name {
            "random" | "kv" => sandbox["kv"] = json!("write"),
            "http" => sandbox["http"] = json!([origin]),
            "files" => {
                sandbox["env"] = json!(["REGION"]);
                sandbox["scratch"] = json!("1MiB");
            }
            "memory" => sandbox["memory"] = json!("16MiB"),
            _ => {}
        }
        let process = format!("plugins.{name}");
        let task = json!({ "process": process, "worker_nums": 4, "timeout": 1, "attempts": 0, "sandbox": sandbox });
        app.plugin(name, guest).task(name, &task)
    });
    app.plugin("echo", guests::ECHO).task("sink", &json!({ "process": "plugins.echo" }))
}

/// Returns the settings of a host: warm instances, or a hash of the memories of fresh ones, from a pool or without one.
fn start(batch: u64, origin: &str) -> Start {
    let http = Some(HttpGrant {
        origins: vec![OriginPattern::parse(origin).expect("an origin")],
        methods: Methods::ALL,
        networks: vec![Network::parse("127.0.0.1").expect("a network")],
    });
    let kv = Some(KvGrant { access: Access::Write, max_bytes: 1 << 20, max_keys: 50 });
    let (env, scratch) = (vec!["REGION".to_owned()], Some(1 << 20));
    let grants = Grants { http, kv, env, scratch, ..Grants::of_single_app() };
    let allocator = if batch % 3 == 2 { Allocator::OnDemand } else { Allocator::Pooling };
    let (hashes_memories, variables) = (!batch.is_multiple_of(3), vec![("REGION", "eu")]);
    Start { allocator, grants, variables, hashes_memories, ..Start::default() }
}

/// Returns the task and the arguments of a job.
fn job(number: u64, url: &str) -> (&'static str, Value) {
    let turn = number / 10;
    match number % 10 {
        0 => ("kv", key_values(turn)),
        1 => ("files", json!([files(turn)])),
        2 => ("http", request(turn, url)),
        3 => ("failing", failure(turn)),
        4 => ("memory", memory(turn)),
        5 if turn.is_multiple_of(4) => ("clocks", json!([])),
        _ => ("random", json!([(number + 1).wrapping_mul(0x9e37_79b9)])),
    }
}

fn key_values(turn: u64) -> Value {
    let key = format!("a{}", turn / 8 % 7);
    match turn % 8 {
        0 => json!(["set", key, [turn, "ü"]]),
        1 => json!(["get", key]),
        2 => json!(["swap", key, turn, 1]),
        3 => json!(["increment", "n", turn]),
        4 => json!(["increment", key]),
        5 => json!(["keys", ""]),
        6 => json!(["remove", key]),
        _ => json!(["fill", key, 20]),
    }
}

fn files(turn: u64) -> Value {
    json!([
        ["env", "REGION"],
        ["write", "/scratch/a", format!("text {turn}")],
        ["append", "/scratch/a", "x".repeat((turn * 977 % 5_000) as usize)],
        ["patch", "/scratch/a", "1", "NE"],
        ["mkdir", "/scratch/d"],
        ["rename", "/scratch/a", "/scratch/d/c"],
        ["list", "/scratch/d"],
        ["size", "/scratch/d/c"],
        ["read", "/scratch/missing"],
    ])
}

fn request(turn: u64, url: &str) -> Value {
    let body = "b".repeat((turn * 4_919 % 60_000) as usize);
    match turn % 6 {
        0 => json!(["own", "GET", url, {}, ""]),
        1 => json!(["own", "POST", url, { "x-turn": turn.to_string() }, body]),
        2 => json!(["wasi", "GET", url, {}, ""]),
        3 => json!(["wasi", "POST", url, {}, body]),
        4 => json!(["together", "GET", url, {}, "3"]),
        _ => json!(["own", "GET", "http://other.example/", {}, ""]),
    }
}

fn failure(turn: u64) -> Value {
    const WAYS: [&str; 7] = ["retry", "retry-after", "reject", "progress", "trap", "exit", "other"];
    // A timeout takes a second, and another one when it is made again.
    let how = if turn % 16 == 15 { "spin" } else { WAYS[(turn % 7) as usize] };
    json!([how, 9, 7])
}

fn memory(turn: u64) -> Value {
    const WAYS: [&str; 6] =
        ["grow_until_refused", "leak_forever", "allocate_a_gigabyte", "answer_5_mib", "fill_memory", "search_memory"];
    json!([WAYS[(turn % 6) as usize]])
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_of_all_kinds_do_the_same_again() {
    let server = Server::start(|received| Reply::ok(&received.body)).await;
    let url = server.url("http", "127.0.0.1", "/a");
    let origin = url.trim_end_matches("/a");
    let (wanted, mut replayed) = (attempts(), 0);
    for (batch, first) in (0..wanted).step_by(BATCH as usize).enumerate() {
        let host = TestHost::start_as(app(origin), start(batch as u64, origin)).await;
        let jobs: Vec<_> = (first..wanted.min(first + BATCH)).map(|number| job(number, &url)).collect();
        let mut added = Vec::new();
        for (task, args) in jobs {
            added.push((task, host.add(task, args).await));
        }
        for (task, id) in &added {
            host.end(task, *id).await;
        }
        let received = server.received().len();
        for (task, id) in added {
            replayed += u64::from(is_same_again(&host, task, id).await);
        }
        assert_eq!(server.received().len(), received, "a request was sent again");
        // Random calls may have added jobs of a later time, for which nobody waits.
        host.shutdown().await;
    }
    // An attempt that asks for more than 4 MiB has no record.
    assert!(replayed * 20 >= wanted * 19, "{replayed} of {wanted} attempts were recorded");
}
