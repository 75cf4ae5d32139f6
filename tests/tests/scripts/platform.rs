//! What scripts have besides the language, in the host's own sandbox; and scripts that are stopped while they compute or wait.

use saggar::FailureKind;
use saggar_tests::app::App;
use saggar_tests::host::{TestHost, problem_code};
use serde_json::{Value, json};

const SCRIPT: &str = "
export async function timers() {
    const seen = [];
    await new Promise((done) => {
        setTimeout(() => { seen.push('late'); done(); }, 20);
        setTimeout((word) => seen.push(word), 1, 'early');
        clearTimeout(setTimeout(() => seen.push('never'), 2));
        queueMicrotask(() => seen.push('first'));
    });
    return seen;
}
export const texts = () => [
    [...new TextEncoder().encode('é')],
    new TextDecoder().decode(new Uint8Array([0xe2, 0x82, 0xac])),
    btoa('hi'),
    atob('aGk='),
    new URL('../b?q=a%20b#c', 'https://example.org/a/').href,
    String(new URLSearchParams({ q: 'a b' })),
];
export function clone() {
    const value = { when: new Date(5), seen: new Map([[1, new Set(['a'])]]), bytes: new Uint8Array([7]) };
    value.self = value;
    const copy = structuredClone(value);
    return [copy !== value, copy.self === copy, copy.when.getTime(), copy.seen.get(1).has('a'), copy.bytes[0]];
}
export const random = () => [crypto.randomUUID(), crypto.getRandomValues(new Uint32Array(4)).join()];
export function compute(id, rounds = Infinity) {
    Process('tasks.compute.progress', id, 0, 1, 'begun');
    for (let round = 0; round < rounds; round++);
    return 'done';
}
export async function wait(id, delay = 3_600_000) {
    Process('tasks.wait.progress', id, 0, 1, 'begun');
    await new Promise((done) => setTimeout(done, delay));
    return 'done';
}
";

/// A task for each of these functions. Attempts are stopped after this many seconds.
async fn start(functions: &[&str], sandbox: Value, timeout: f64) -> TestHost {
    let app = functions.iter().fold(App::new().script("it", SCRIPT), |app, function| {
        let process = format!("scripts.it.{function}");
        app.task(function, &json!({ "process": process, "timeout": timeout, "sandbox": sandbox }))
    });
    TestHost::start(app).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_globals_of_the_web_work() {
    let host = start(&["timers", "texts", "clone"], json!({}), 60.0).await;
    assert_eq!(host.response("timers", json!([])).await, json!(["first", "early", "late"]));
    let texts = json!([[0xc3, 0xa9], "€", "aGk=", "hi", "https://example.org/b?q=a%20b#c", "q=a+b"]);
    assert_eq!(host.response("texts", json!([])).await, texts);
    assert_eq!(host.response("clone", json!([])).await, json!([true, true, 5, true, 7]));
    host.shutdown().await;
}

/// Each instance begins as the same snapshot, which must not determine its random values.
#[tokio::test(flavor = "multi_thread")]
async fn each_instance_has_random_values_of_its_own() {
    let host = start(&["random"], json!({ "reuse": 1 }), 60.0).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        let values = host.response("random", json!([])).await;
        let uuid = values[0].as_str().expect("a text");
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
        for value in values.as_array().expect("two values") {
            assert!(!all.contains(value), "{value} occurs twice");
            all.push(value.clone());
        }
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_computes_or_waits_can_be_cancelled() {
    let host = start(&["compute", "wait"], json!({}), 60.0).await;
    for task in ["compute", "wait"] {
        let id = host.add(task, json!([])).await;
        host.until(task, id, |job| job.message == "begun").await;
        assert_eq!(host.cancel(task, id).await, Ok(()), "{task}");
        let job = host.end(task, id).await;
        assert_eq!((problem_code(&job), job.reason), ("cancelled", Some(FailureKind::Cancelled)), "{task}");
        assert_eq!(host.response(task, json!([1])).await, json!("done"), "{task}: the slot is free again");
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_computes_or_waits_is_stopped_at_its_timeout() {
    let host = start(&["compute", "wait"], json!({}), 0.5).await;
    for task in ["compute", "wait"] {
        let job = host.run(task, json!([])).await;
        assert_eq!((problem_code(&job), job.reason), ("timeout", Some(FailureKind::Timeout)), "{task}");
        assert_eq!(host.response(task, json!([1])).await, json!("done"), "{task}: the slot is free again");
    }
    host.shutdown().await;
}
