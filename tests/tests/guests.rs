//! Every guest does what it documents, so that a test that uses it fails for its own reasons only.

use saggar::{JobId, NewJob};
use saggar_tests::app::App;
use saggar_tests::foreach_guest;
use saggar_tests::guests as built;
use saggar_tests::host::{TestHost, problem_code, response};
use serde_json::{Value, json};

/// Imports every test that must exist: this file does not compile if a guest has no test.
macro_rules! assert_tests_exist {
    ($($name:ident)*) => { $(
        #[expect(unused_imports, reason = "only its existence matters")]
        use self::$name as _;
    )* };
}

foreach_guest!(assert_tests_exist);

/// Runs one job of a task that has `guest` as its processor; returns its response.
async fn answer(guest: &str, args: Value) -> Value {
    let host = TestHost::start(App::new().simple_task("it", guest)).await;
    let answer = host.response("it", args).await;
    host.shutdown().await;
    answer
}

#[tokio::test]
async fn empty() {
    assert_eq!(answer(built::EMPTY, json!([1, 2])).await, Value::Null);
}

#[tokio::test]
async fn echo() {
    assert_eq!(answer(built::ECHO, json!(["ünï", 2.5, null])).await, json!(["ünï", 2.5, null]));
}

/// The bits are the same on every machine, so that a replay anywhere has the same memory.
#[tokio::test]
async fn nans() {
    let double = "7ff8000000000000";
    assert_eq!(answer(built::NANS, json!([])).await, json!([double, double, double, double, "7fc00000"]));
}

#[tokio::test]
async fn progress() {
    assert_eq!(answer(built::PROGRESS, json!([3, "baking"])).await, json!({ "id": 1, "word": "baking" }));
}

#[tokio::test]
async fn recorder() {
    assert_eq!(answer(built::RECORDER, json!([])).await, json!({ "message": "ok" }));
}

#[tokio::test]
async fn failing() {
    assert_eq!(answer(built::FAILING, json!(["retry", 0, 0])).await, 1);
}

#[tokio::test]
async fn slow() {
    assert_eq!(answer(built::SLOW, json!([5])).await, 5);
}

#[tokio::test]
async fn chain() {
    let host = TestHost::start(App::new().simple_task("it", built::CHAIN)).await;
    let first = host.add("it", json!(["it", 2, "x"])).await;
    assert_eq!(response(&host.end("it", first).await), json!(["it", 2, "x"]));
    assert_eq!(response(&host.end("it", 3).await), json!(["it", 0, "x"]));
    assert!(host.try_job("it", 4).await.is_err());
    host.shutdown().await;
}

#[tokio::test]
async fn gated() {
    let host = TestHost::start(App::new().simple_task("it", built::GATED).simple_task("keys", built::ECHO)).await;
    let waiting = host.add("it", json!(["keys", 1])).await;
    host.until("it", waiting, |job| job.message == "at the gate").await;
    host.add("keys", json!([])).await;
    assert_eq!(response(&host.end("it", waiting).await), "through");
    host.shutdown().await;
}

#[tokio::test]
async fn adder() {
    let host = TestHost::start(App::new().simple_task("it", built::ADDER).simple_task("echo", built::ECHO)).await;
    assert_eq!(host.response("it", json!(["echo", 2, ["x"]])).await, json!({ "ids": [1, 2], "refused": null }));
    assert_eq!(host.response("it", json!(["none", 2, []])).await, json!({ "ids": [], "refused": "unknown-task" }));
    assert_eq!(response(&host.end("echo", 2).await), json!(["x"]));
    host.shutdown().await;
}

#[tokio::test]
async fn context() {
    let task = json!({ "process": "plugins.it#whole", "attempts": 4, "timeout": 30 });
    let host = TestHost::start(App::new().plugin("it", built::CONTEXT).task("a.b", &task)).await;
    let mut reported = host.response("A.B", json!([])).await;
    let remaining_ms = reported["remaining_ms"].take().as_u64();
    assert!(remaining_ms.is_some_and(|ms| ms > 20_000 && ms <= 30_000), "{remaining_ms:?}");
    let expected = json!({
        "argument": 1, "id": 1, "task": "a.b", "attempt": 1, "max_attempts": 5, "handler": "whole",
        "is_cancelled": false, "trace_parent": null, "remaining_ms": null,
    });
    assert_eq!(reported, expected);
    host.shutdown().await;
}

#[tokio::test]
async fn printing() {
    let host = TestHost::start(App::new().simple_task("it", built::PRINTING)).await;
    host.response("it", json!(["ä"])).await;
    let mut log = host.log("it", 1).await;
    log.sort_unstable();
    assert_eq!(log, ["Level::Debug ä", "Level::Error ä", "Level::Info ä", "Level::Warn ä", "err ä", "out ä"]);
    host.shutdown().await;
}

/// A guest cannot observe anything of its machine.
#[tokio::test]
async fn environment() {
    let found = answer(built::ENVIRONMENT, json!([])).await;
    let expected = json!({
        "arguments": [], "environment": [], "directories": 0, "file": "entity not found", "input": "",
        "connect": "permission denied", "listen": "permission denied", "udp": "permission denied",
        "lookup": "permanent-resolver-failure", "http": "ErrorCode::HttpRequestDenied",
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn ids() {
    let task = json!({ "process": "plugins.echo", "event": { "next": "plugins.ids#from-1024" } });
    let app = App::new().plugin("echo", built::ECHO).plugin("ids", built::IDS).task("it", &task);
    let host = TestHost::start(app).await;
    assert_eq!(host.add("it", json!([])).await, 1025);
    host.shutdown().await;
}

#[tokio::test]
async fn faulty() {
    let task = json!({ "process": "plugins.echo", "event": { "next": "plugins.faulty#problem" } });
    let app = App::new().plugin("echo", built::ECHO).plugin("faulty", built::FAULTY).task("it", &task);
    let host = TestHost::start(app).await;
    assert_eq!(host.try_add("it", json!([])).await, Err("next-failed".into()));
    host.shutdown().await;
}

#[tokio::test]
async fn output_of_next_is_in_the_log_of_the_job_that_got_its_id() {
    let task = json!({ "process": "plugins.echo", "event": { "next": "plugins.faulty#problem-once" } });
    let app = App::new().plugin("echo", built::ECHO).plugin("faulty", built::FAULTY).task("it", &task);
    let host = TestHost::start(app).await;
    assert_eq!(host.try_add("it", json!([])).await, Err("next-failed".into()));
    let numbered = NewJob { id: Some(JobId(7)), ..NewJob::new("[]") };
    let added = host.inner().add_jobs("it", vec![numbered, NewJob::new("[]")]).await.expect("there is room");
    let [numbered, other] = added[..] else { panic!("two jobs were added: {added:?}") };
    let count = |log: Vec<String>| log.iter().filter(|line| line.contains("heard this time")).count();
    assert_eq!(count(host.log("it", numbered.id.0).await), 0);
    assert_eq!(count(host.log("it", other.id.0).await), 1);
    host.shutdown().await;
}

#[tokio::test]
async fn reentrant() {
    let host =
        TestHost::start(App::new().simple_task("it", built::REENTRANT).simple_task("journal", built::ECHO)).await;
    assert_eq!(host.response("it", json!([])).await, Value::Null);
    assert_eq!(host.journal().await, ["process: own job Status::Running, parked job cancelled"]);
    host.shutdown().await;
}

/// The guarantees of the SDK: typed arguments by position, named processors, `?` as a retry, errors that name the
/// argument.
#[tokio::test]
async fn typed() {
    let named = |name: &str| json!({ "process": format!("plugins.typed#{name}"), "attempts": 3, "attempt_after": 1 });
    let app = App::new().plugin("typed", built::TYPED);
    let app = app.task("sum", &named("sum")).task("repeat", &named("repeat")).task("width", &named("width"));
    let host = TestHost::start(app.task("none", &named("none"))).await;
    assert_eq!(host.response("sum", json!([20, 22])).await, 42);
    assert_eq!(host.response("repeat", json!(["ab"])).await, "abab");
    assert_eq!(host.response("repeat", json!(["ab", 3])).await, "ababab");
    let refused = host.run("repeat", json!(["ab", "often"])).await;
    assert!(refused.problem.as_ref().unwrap().message.contains("times"), "{refused:?}");
    assert_eq!((problem_code(&host.run("repeat", json!(["ab", 101])).await), refused.attempt), ("too-often", 1));
    let width = host.run("width", json!(["wide"])).await;
    assert_eq!((response(&width), width.attempt), (json!(640), 3));
    let unknown = host.run("none", json!([])).await;
    assert!(unknown.problem.as_ref().unwrap().message.contains("none"), "{unknown:?}");
    host.shutdown().await;
}

async fn behaves(guest: &str) {
    assert_eq!(answer(guest, json!(["ok"])).await, json!(["ok"]));
}

#[tokio::test]
async fn hostile_time() {
    behaves(built::HOSTILE_TIME).await;
}

#[tokio::test]
async fn hostile_memory() {
    behaves(built::HOSTILE_MEMORY).await;
}

#[tokio::test]
async fn hostile_words() {
    behaves(built::HOSTILE_WORDS).await;
}

#[tokio::test]
async fn hostile_floods() {
    behaves(built::HOSTILE_FLOODS).await;
}

#[tokio::test]
async fn hostile_ends() {
    behaves(built::HOSTILE_ENDS).await;
}

#[tokio::test]
async fn hostile_handles() {
    behaves(built::HOSTILE_HANDLES).await;
}

#[tokio::test]
async fn leaking() {
    assert_eq!(answer(built::LEAKING, json!(["memory", 1000])).await, 1);
}

#[tokio::test]
async fn ending() {
    assert_eq!(answer(built::ENDING, json!(["answer-bytes", 4])).await, "aa");
}

/// The first number after 1 is known.
#[tokio::test]
async fn computing() {
    assert_eq!(answer(built::COMPUTING, json!([0])).await, 1);
    assert_eq!(answer(built::COMPUTING, json!([1])).await, 1_082_269_761);
}

/// On a host with one app, clocks are precise.
#[tokio::test]
async fn clocks() {
    let beyond = answer(built::CLOCKS, json!([])).await;
    assert!(beyond.as_array().is_some_and(|both| both.iter().all(|ns| ns.as_u64() > Some(0))), "{beyond}");
}

#[tokio::test]
async fn murmuring() {
    assert_eq!(answer(built::MURMURING, json!(["hm", false])).await, "hm");
}

#[tokio::test]
async fn children() {
    let host = TestHost::start(App::new().simple_task("it", built::CHILDREN).simple_task("journal", built::ECHO)).await;
    assert_eq!(host.response("it", json!(["at-once"])).await, json!([1, 2]));
    host.shutdown().await;
}

#[tokio::test]
async fn key_values() {
    assert_eq!(answer(built::KEY_VALUES, json!(["get", "a"])).await, "not-granted");
}

/// `languages.rs` has the whole table.
#[tokio::test]
async fn conformance() {
    assert_eq!(answer(built::CONFORMANCE, json!([["ünï", 2.5, null]])).await, json!(["ünï", 2.5, null]));
}

/// `random_calls.rs` has hundreds of seeds.
#[tokio::test]
async fn random_calls() {
    let task = json!({ "process": "plugins.it", "timeout": 1, "attempts": 0 });
    let host = TestHost::start(App::new().plugin("it", built::RANDOM_CALLS).task("it", &task)).await;
    let (mut responses, mut problems) = (Vec::new(), Vec::new());
    for seed in 1..=20_u64 {
        let id = host.add("it", json!([seed * 0x9e37_79b9])).await;
        let job = host.end("it", id).await;
        responses.extend(job.response);
        problems.extend(job.problem.map(|problem| (problem.code, problem.message)));
    }
    assert!(responses.iter().any(|response| &**response == "200"), "no seed made all calls: {problems:?}");
    host.shutdown().await;
}

#[tokio::test]
async fn files() {
    let steps = json!([["dirs"], ["vars"], ["env", "HOME"], ["write", "/a", "x"]]);
    let results = answer(built::FILES, json!([steps])).await;
    let results = results.as_array().expect("results");
    assert_eq!(results[..3], [json!(""), json!(""), json!("not set")]);
    assert_ne!(results[3], "done", "it has no directory: {results:?}");
}

#[tokio::test]
async fn fetching() {
    for how in ["own", "wasi"] {
        let denied = answer(built::FETCHING, json!([how, "GET", "http://127.0.0.1:9/", {}, ""])).await;
        assert!(denied["error"].is_string(), "{how}: {denied}");
    }
}
