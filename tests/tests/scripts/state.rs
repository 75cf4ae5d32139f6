//! What lives from job to job: top-level state, and nothing that a script could do to the next job's calls.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use serde_json::json;

const COUNTER: &str = "let calls = 0; function count() { return ++calls; }";

#[tokio::test(flavor = "multi_thread")]
async fn top_level_state_lives_as_long_as_the_instance() {
    let host = super::start(COUNTER, &["count"]).await;
    for expected in 1..=3 {
        assert_eq!(host.response("count", json!([])).await, json!(expected));
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_reuse_1_each_job_starts_fresh() {
    let task = json!({ "process": "scripts.it.count", "sandbox": { "reuse": 1 } });
    let host = TestHost::start(App::new().script("it", COUNTER).task("count", &task)).await;
    for _ in 0..3 {
        assert_eq!(host.response("count", json!([])).await, json!(1));
    }
    host.shutdown().await;
}

/// What the first job does to the prototypes of the language, by the name of the case.
const POLLUTION: &str = "
const cases = {
    property: () => { Object.prototype.admin = true; },
    setter: () => Object.defineProperty(Object.prototype, 'code', { set() { throw new Error('trapped'); }, configurable: true }),
    json: () => { JSON.stringify = () => '\"stolen\"'; JSON.parse = () => ['stolen']; },
    toJSON: () => { Object.prototype.toJSON = () => 'stolen'; Array.prototype.toJSON = () => 'stolen'; },
    iterator: () => { Array.prototype[Symbol.iterator] = function* () { yield 'stolen'; }; },
    functions: () => { Function.prototype.call = Function.prototype.apply = () => 'stolen'; },
    promise: () => { Promise.prototype.then = () => 'stolen'; },
};
function pollute(id, name) { cases[name](); }
function use(id, value) {
    const child = Process('tasks.child.add', value);
    return Process('tasks.child.get', child).status + ' ' + child;
}
";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_does_to_prototypes_does_not_reach_the_next_jobs_calls() {
    for case in ["property", "setter", "json", "toJSON", "iterator", "functions", "promise"] {
        // One task with one slot: both jobs use one sandbox.
        let script = format!(
            "{POLLUTION} function both(id, ...args) {{ return args[0] === 'use' ? use(id, args[1]) : pollute(id, args[0]); }}"
        );
        let app =
            App::new().script("it", &script).task("both", &super::task("both")).simple_task("child", guests::ECHO);
        let host = TestHost::start(app).await;
        host.run("both", json!([case])).await;
        let answer = host.response("both", json!(["use", { "a": [1] }])).await;
        let answer = answer.as_str().unwrap_or_else(|| panic!("{case}: {answer}"));
        assert!(answer.ends_with(" 1"), "{case}: {answer}");
        assert_eq!(response(&host.end("child", 1).await), json!([{ "a": [1] }]), "{case}");
        host.shutdown().await;
    }
}
