//! Hostile scripts end as ordinary failures with their reason, and the host goes on.

use saggar::{FailureKind, JobView};
use saggar_tests::app::App;
use saggar_tests::host::TestHost;
use saggar_tests::program::saggar_on;
use serde_json::{Value, json};

const SCRIPT: &str = "
function loop() { for (;;) {} }
function recursion(n) { return recursion(n + 1) + 1; }
function sort() { const by = () => [2, 1].sort(by); return by(); }
function repeat() { return 'x'.repeat(2 ** 30); }
function large() { return 'x'.repeat(2 ** 28).length; }
function fill() { const all = []; for (;;) all.push(new Array(1000).fill(all)); }
function cope() { let count = 0; try { const all = []; for (;;) count = all.push('x'.repeat(1e5) + count); } catch { return count > 10; } }
function copeAndFail() { try { 'x'.repeat(2 ** 28); } catch { console.log('no memory'); } throw new TypeError('mine'); }
function pretend() { throw new InternalError('out of memory'); }
function regex() { return /^(a+)+$/.test('a'.repeat(40) + 'b'); }
function flood() { let refused = 0; for (let i = 0; i < 1e6; i++) try { Process('tasks.full.get', 1); } catch { refused++; } return refused; }
function adds() { let refused = 0; for (let i = 0; i < 1e6; i++) if (Process('tasks.full.add') === 0) refused++; return refused; }
function print() { for (let i = 0; i < 1e5; i++) console.log(i); return 'done'; }
function throwUndefined() { throw undefined; }
function throwText() { throw 'a text'; }
function throwCycle() { const error = new Error('round'); error.cause = error; throw error; }
function cycle() { const value = {}; value.value = value; return value; }
function bigint() { return 1n; }
function unsettled() { return new Promise(() => {}); }
function deepParse() { return JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)); }
function deepEval() { return (0, eval)('('.repeat(1e5) + '1' + ')'.repeat(1e5)); }
function deepAnswer() { let value = []; for (let i = 0; i < 200; i++) value = [value]; return value; }
function largeAnswer() { return 'x'.repeat(5 * 1024 * 1024); }
function noProcess() { return Process('tasks.full.constructor'); }
function getter() { throw { get message() { throw new Error('inside'); }, get stack() { for (;;) {} } }; }
function fine() { return 'fine'; }
";

/// Starts a host with a task for each function. Those that never end by themselves are stopped after a second.
async fn start() -> TestHost {
    let functions = SCRIPT.lines().filter_map(|line| line.strip_prefix("function ")?.split_once('('));
    let task = |function: &str| {
        let timeout = if ["loop", "regex", "flood", "adds"].contains(&function) { 1 } else { 30 };
        json!({ "process": format!("scripts.it.{function}"), "timeout": timeout, "sandbox": { "memory": "16MiB" } })
    };
    let app = App::new().script("it", SCRIPT).script("later", "function later() {}");
    let full = json!({ "process": "scripts.later.later", "size": 1 });
    let app = app.task("full", &full);
    TestHost::start(functions.fold(app, |app, (function, _)| app.task(function, &task(function)))).await
}

/// How a job of each task fails: its reason, its code, and a part of its message.
const FAILURES: &[(&str, FailureKind, &str, &str)] = &[
    ("loop", FailureKind::Timeout, "timeout", "stopped after 1 s"),
    ("regex", FailureKind::Timeout, "timeout", "stopped after 1 s"),
    ("recursion", FailureKind::Failed, "exception", "Maximum call stack size exceeded (scripts/it.js:3:"),
    ("sort", FailureKind::Failed, "exception", "Maximum call stack size exceeded (scripts/it.js:4:"),
    ("repeat", FailureKind::Failed, "exception", "invalid string length"),
    ("large", FailureKind::OutOfMemory, "out-of-memory", "`sandbox.memory` allows 16777216"),
    ("fill", FailureKind::OutOfMemory, "out-of-memory", "`sandbox.memory` allows 16777216"),
    ("copeAndFail", FailureKind::Failed, "exception", "TypeError: mine"),
    ("pretend", FailureKind::Failed, "exception", "InternalError: out of memory"),
    ("throwUndefined", FailureKind::Failed, "exception", "threw undefined"),
    ("throwText", FailureKind::Failed, "exception", "a text"),
    ("throwCycle", FailureKind::Failed, "exception", "Error: round"),
    ("getter", FailureKind::Failed, "exception", "[Getter]"),
    ("cycle", FailureKind::Rejected, "invalid-response", "circular reference"),
    ("bigint", FailureKind::Rejected, "invalid-response", "BigInt"),
    ("unsettled", FailureKind::Rejected, "never-settled", "promise"),
    ("deepParse", FailureKind::Trap, "stack-overflow", "stack"),
    ("deepEval", FailureKind::Trap, "stack-overflow", "stack"),
    ("deepAnswer", FailureKind::Trap, "invalid-response", "more than 128 levels"),
    ("largeAnswer", FailureKind::Trap, "response-too-large", "4 MiB"),
    ("noProcess", FailureKind::Failed, "unknown-process", "there is no process `tasks.full.constructor`"),
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_scripts_fail_with_their_reason_and_the_host_goes_on() {
    let host = start().await;
    for (task, reason, code, message) in FAILURES {
        let job: JobView = host.run(task, json!([])).await;
        let problem = job.problem.unwrap_or_else(|| panic!("{task} did not fail: {:?}", job.response));
        assert_eq!((job.reason, problem.code.as_str()), (Some(*reason), *code), "{task}: {}", problem.message);
        assert!(problem.message.contains(message), "{task}: {}", problem.message);
        assert_eq!(host.response("fine", json!([])).await, json!("fine"), "after {task}");
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_calls_and_lines_are_bounded() {
    let host = start().await;
    assert_eq!(host.response("print", json!([])).await, json!("done"));
    let lines = host.log("print", 1).await;
    assert!((100..2_000).contains(&lines.len()), "{} lines are stored", lines.len());
    assert!(lines.iter().any(|line| line.contains("dropped")), "{:?}", lines.last());
    for task in ["flood", "adds"] {
        let job = host.run(task, json!([])).await;
        match job.response.as_deref() {
            Some(refused) => {
                assert!(refused.parse::<u64>().is_ok_and(|refused| refused > 800_000), "{task}: {refused}")
            }
            None => assert_eq!(job.reason, Some(FailureKind::Timeout), "{job:?}"),
        }
        assert_eq!(host.response("fine", json!([])).await, json!("fine"), "after {task}");
    }
    host.shutdown_within(std::time::Duration::ZERO).await;
}

/// The message says how much memory was asked for, and the details where.
#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_memory_says_how_much_and_where() {
    let host = start().await;
    let problem = host.run("large", json!([])).await.problem.expect("it failed");
    assert!(problem.message.starts_with("the guest ran out of memory: it asked for 2"), "{}", problem.message);
    let details = problem.details.expect("details");
    assert!(details.contains("out of memory (scripts/it.js:6:"), "{details}");
    assert_eq!(host.response("cope", json!([])).await, json!(true), "an allocation failure can be caught");
    host.shutdown().await;
}

const DEEP: usize = 100_000;

/// Sources that are hostile when they are compiled, with a part of the problem of each.
fn hostile_sources() -> Vec<(String, &'static str)> {
    let nested = |open: &str, close: &str| format!("function run() {{ {}1{} }}", open.repeat(DEEP), close.repeat(DEEP));
    let deep = "nested too deeply to be compiled";
    vec![
        (nested("(", ")"), deep),
        (nested("[", "]"), deep),
        (nested("(()=>", ")"), deep),
        (nested("!", ""), deep),
        (nested("{", "}"), "Maximum call stack size exceeded"),
        (format!("function run() {{ return /{}/; }}", "(".repeat(50_000)), "SyntaxError"),
    ]
}

/// A script that is hostile when it is compiled is an error of that file, and costs the other tasks nothing.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_source_is_an_error_of_its_file_and_other_tasks_run() {
    let sources = hostile_sources();
    let fine = App::new().script("fine", "function run() { return 1; }");
    let fine = fine.task("fine", &json!({ "process": "scripts.fine.run" }));
    let app = sources.iter().enumerate().fold(fine, |app, (number, (source, _))| {
        let task = json!({ "process": format!("scripts.bad{number}.run") });
        app.script(&format!("bad{number}"), source).task(&format!("bad{number}"), &task)
    });
    let host = saggar_tests::host::builder(&app).build().await.expect("one task can run");
    for (number, (_, part)) in sources.iter().enumerate() {
        let file = format!("scripts/bad{number}.js");
        let problems = host.app().problems.iter().map(|problem| problem.render(false)).collect::<Vec<_>>();
        let why = problems.iter().find(|why| why.contains(&file)).unwrap_or_else(|| panic!("none for {file}"));
        assert!(why.contains(part), "{file}: {}", why.chars().take(2_000).collect::<String>());
        assert!(why.contains(&format!("tasks/bad{number}.json:1:")), "{file}: the reference is not named");
    }
    let id = host.add("fine", "[]").await.expect("the task takes jobs");
    assert_eq!(host.wait("fine", id).await.expect("the job ends").response.as_deref(), Some("1"));
    host.shutdown(std::time::Duration::ZERO).await;
}

/// An imported file that cannot be compiled is named, not the one that imports it.
#[test]
fn check_names_the_file_that_is_nested_too_deeply() {
    let deep = format!("export const deep = {}1{};", "(".repeat(DEEP), ")".repeat(DEEP));
    let app = App::new().script("it", "import { deep } from './deep.js';\nexport function run() { return deep; }\n");
    let said = saggar_on("check", &app.script("deep", &deep).task("run", &super::task("run")), &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("--> scripts/deep.js"), "{}", said.err);
    assert!(said.err.contains("nested too deeply to be compiled") && said.err.contains("less deeply"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_a_broken_script_runs_its_other_tasks() {
    let app = App::new().script("it", "function run() { return 1; }").task("run", &super::task("run"));
    let app = app.script("bad", "function run( {").task("bad", &json!({ "process": "scripts.bad.run" }));
    let host = saggar_tests::host::builder(&app).build().await.expect("one task can run");
    let id = host.add("run", "[]").await.expect("the task takes jobs");
    assert_eq!(host.wait("run", id).await.expect("the job ends").response.as_deref(), Some("1"));
    let problems: Value = serde_json::to_value(&host.app().problems).expect("problems are JSON");
    assert_eq!(problems[0]["location"]["file"], json!("scripts/bad.js"), "{problems}");
    host.shutdown(std::time::Duration::ZERO).await;
}
