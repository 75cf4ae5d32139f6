//! Sixteen clients use a few keys through jobs in sixteen slots, and the host is killed again and again. The history of each key
//! has to be that of one entry which changes in steps.
//!
//! A job makes one operation, so the time of an operation is within that of its job. The host runs an interrupted attempt again;
//! so what such a job did may have been done once more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::{Client, RequestBuilder};
use saggar_tests::app::App;
use saggar_tests::client::client;
use saggar_tests::linearizability::{Answer, Call, Operation, is_linearizable};
use saggar_tests::server::Server;
use saggar_tests::timeout::within;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app;

const CLIENTS: u64 = 16;
/// Operations of each client.
const OPERATIONS: u64 = 60;
/// How often the host is killed.
const KILLS: u64 = 3;
const KEYS: [&str; 6] = ["r0", "r1", "r2", "n0", "n1", "n2"];

/// What all clients share.
struct Shared {
    client: Client,
    /// The URL of the host, which changes when it is killed.
    url: watch::Receiver<String>,
    /// Orders the begins and ends of all calls.
    time: AtomicU64,
    /// Operations that have ended.
    ended: watch::Sender<u64>,
}

impl Shared {
    fn tick(&self) -> u64 {
        self.time.fetch_add(1, Ordering::SeqCst)
    }

    /// Sends a request, again after the host was killed and started anew.
    async fn send(&self, request: impl Fn(&Client, &str) -> RequestBuilder) -> Value {
        let mut url = self.url.clone();
        loop {
            let current = url.borrow_and_update().clone();
            if let Ok(answer) = request(&self.client, &current).send().await
                && let Ok(body) = answer.json::<Value>().await
            {
                return body;
            }
            within("the next host", url.changed()).await.expect("the test goes on");
        }
    }

    /// Runs a job to its end, under a key, so that it is added once.
    async fn job(&self, name: &str, args: &Value) -> Value {
        let body = json!({ "args": args });
        let added = self
            .send(|client, url| {
                client.post(format!("{url}/v1/tasks/it/jobs")).header("Idempotency-Key", name).json(&body)
            })
            .await;
        let id = added["id"].as_u64().unwrap_or_else(|| panic!("{args}: {added}"));
        loop {
            let job = self.send(|client, url| client.get(format!("{url}/v1/tasks/it/jobs/{id}?wait=60s"))).await;
            match job["status"].as_str() {
                Some("SUCCESS" | "FAILURE") => return job,
                Some(_) => {}
                None => panic!("{args}: {job}"),
            }
        }
    }

    /// Makes one operation on a key; returns the calls that it stands for, and its answer.
    async fn call(&self, name: &str, key: &str, operation: Operation) -> (Vec<Call>, Option<Answer>) {
        let args = match operation {
            Operation::Get => json!(["get", key]),
            Operation::Set(value) => json!(["set", key, value]),
            Operation::Swap(expected, value) => json!(["swap", key, value, expected]),
            Operation::Increment(by) => json!(["increment", key, by]),
            Operation::Remove => json!(["remove", key]),
        };
        let began = self.tick();
        let job = self.job(name, &args).await;
        let ended = self.tick();
        let answer = (job["status"] == "SUCCESS").then(|| read(operation, &job["response"]));
        if answer.is_none() {
            assert_eq!(job["reason"], "lost", "{job}");
        }
        let attempts = job["attempt"].as_u64().expect("a number");
        // Each attempt but the last was interrupted, perhaps after it had its effect.
        let interrupted = attempts - u64::from(answer.is_some());
        let lost = Call { operation, began, answer: None };
        let mut calls = vec![lost; interrupted as usize];
        calls.extend(answer.map(|answer| Call { operation, began, answer: Some((ended, answer)) }));
        self.ended.send_modify(|ended| *ended += 1);
        (calls, answer)
    }
}

fn read(operation: Operation, response: &Value) -> Answer {
    match operation {
        Operation::Get if response.is_null() => Answer::Entry(None),
        Operation::Get => {
            let (value, version) = (response[0].as_i64(), response[1].as_u64());
            Answer::Entry(Some((
                value.unwrap_or_else(|| panic!("{response}")),
                version.unwrap_or_else(|| panic!("{response}")),
            )))
        }
        Operation::Set(_) => Answer::Version(response.as_u64().unwrap_or_else(|| panic!("{response}"))),
        Operation::Swap(..) => {
            assert!(response.is_null() || response.is_u64(), "{response}");
            Answer::Swapped(response.as_u64())
        }
        Operation::Increment(_) => Answer::Sum(response.as_i64().unwrap_or_else(|| panic!("{response}"))),
        Operation::Remove => Answer::Removed(response.as_bool().unwrap_or_else(|| panic!("{response}"))),
    }
}

/// One client: random operations, and at times a read and a swap of what was read.
async fn run(shared: Arc<Shared>, number: u64) -> Vec<(&'static str, Call)> {
    let mut random = fastrand::Rng::with_seed(number);
    let (mut calls, mut versions) = (Vec::new(), BTreeMap::new());
    for round in 0..OPERATIONS {
        let key = KEYS[random.usize(..KEYS.len())];
        // Each value is written by one job only.
        let value = i64::try_from(1_000_000 * (number + 1) + round).expect("a small number");
        let operation = match (key.starts_with('r'), random.u8(..8)) {
            (_, 0..=2) => Operation::Get,
            (true, 3 | 4) => Operation::Set(value),
            (true, 5 | 6) => Operation::Swap(versions.get(key).copied(), value),
            (false, 3..=6) => Operation::Increment(random.i64(1..5)),
            _ => Operation::Remove,
        };
        let name = format!("{number}/{round}");
        let (made, answer) = shared.call(&name, key, operation).await;
        calls.extend(made.into_iter().map(|call| (key, call)));
        match answer {
            Some(Answer::Entry(Some((_, version))) | Answer::Version(version) | Answer::Swapped(Some(version))) => {
                versions.insert(key, version);
            }
            Some(Answer::Entry(None) | Answer::Removed(_)) => {
                versions.remove(key);
            }
            Some(Answer::Sum(_) | Answer::Swapped(None)) | None => {}
        }
    }
    calls
}

fn serve(app: &App, operator: &App) -> Server {
    let config = operator.path().join("host.toml");
    Server::start_as(app, |serve| serve.args(["--store", "sqlite", "--config"]).arg(config))
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_in_sixteen_slots_are_linearizable_over_crashes() {
    let (app, operator) = (app(&json!("write")), App::new().file("host.toml", "[grants.kv]\naccess = \"write\"\n"));
    let mut server = serve(&app, &operator);
    let (send_url, url) = watch::channel(server.url(""));
    let (ended, mut progress) = watch::channel(0);
    let shared = Arc::new(Shared { client: client(), url, time: AtomicU64::new(0), ended });
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(run(Arc::clone(&shared), number));
    }
    for kill in 1..=KILLS {
        let enough = kill * CLIENTS * OPERATIONS / (KILLS + 1);
        within("operations", progress.wait_for(|ended| *ended >= enough)).await.expect("the clients go on");
        server.signal("KILL");
        server.end();
        server = serve(&app, &operator);
        send_url.send_replace(server.url(""));
    }
    let mut histories: BTreeMap<&str, Vec<Call>> = BTreeMap::new();
    for (key, call) in within("all operations", clients.join_all()).await.into_iter().flatten() {
        histories.entry(key).or_default().push(call);
    }
    // The last read of each key begins after everything else has ended.
    let mut lost = 0;
    for (key, calls) in &mut histories {
        calls.extend(shared.call(&format!("last/{key}"), key, Operation::Get).await.0);
        lost += calls.iter().filter(|call| call.answer.is_none()).count();
        assert!(is_linearizable(calls), "the history of {key} has no order: {calls:#?}");
    }
    assert_eq!(histories.len(), KEYS.len());
    assert!(lost > 0, "no operation was interrupted, so the crashes tested nothing");
    server.stop();
}
