//! The problem of each exceeded limit and each kind of ending: what happened, the number, and what to do.

use saggar::{FailureKind, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code};
use serde_json::{Value, json};

/// How a guest ends, and what its problem must contain.
struct Case {
    how: &'static str,
    number: u64,
    reason: FailureKind,
    code: &'static str,
    says: &'static [&'static str],
}

const fn case(
    how: &'static str,
    number: u64,
    reason: FailureKind,
    code: &'static str,
    says: &'static [&'static str],
) -> Case {
    Case { how, number, reason, code, says }
}

async fn host() -> TestHost {
    let task = json!({ "process": "plugins.it", "timeout": 20, "sandbox": { "memory": "32MiB" } });
    TestHost::start(App::new().plugin("it", guests::ENDING).task("it", &task)).await
}

async fn assert_problems(cases: &[Case]) {
    let host = host().await;
    for Case { how, number, reason, code, says } in cases {
        let job = host.run("it", json!([how, number])).await;
        assert_eq!((problem_code(&job), job.reason), (*code, Some(*reason)), "{how} {number}: {job:?}");
        let message = &job.problem.as_ref().expect("it fails").message;
        says.iter().for_each(|part| assert!(message.contains(part), "{how} {number}: no `{part}` in: {message}"));
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_responses_name_their_fault() {
    assert_problems(&[
        case("answer-levels", 129, FailureKind::Trap, "invalid-response", &["more than 128 levels deep"]),
        case("answer-levels", 100_000, FailureKind::Trap, "invalid-response", &["more than 128 levels deep"]),
        case("answer-text", 0, FailureKind::Trap, "invalid-response", &["not JSON", "line 1"]),
        case(
            "answer-bytes",
            (4 << 20) + 1,
            FailureKind::Trap,
            "response-too-large",
            &["the response", "4194304 bytes", "elsewhere"],
        ),
        case("log-bytes", (4 << 20) + 1, FailureKind::Trap, "argument-too-large", &["import", "4194304 bytes", "less"]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_at_a_limit_are_accepted() {
    let host = host().await;
    for (how, number) in [("answer-levels", 128), ("answer-bytes", 4 << 20), ("log-bytes", 4 << 20), ("random", 65_536)]
    {
        let job = host.run("it", json!([how, number])).await;
        assert_eq!(job.status, Status::Success, "{how} {number}: {:?}", job.problem);
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_is_a_trap_and_its_code_is_not_invented() {
    assert_problems(&[
        case("exit", 0, FailureKind::Trap, "exit", &["exit(0)", "instead of returning"]),
        case("exit", 3, FailureKind::Trap, "exit", &["exit with a failure", "does not pass on its number"]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exceeded_limits_name_their_number_and_what_to_do() {
    assert_problems(&[
        case("recurse", 0, FailureKind::Trap, "stack-overflow", &["stack", "deep recursion", "recurse less"]),
        case("recurse-lightly", 0, FailureKind::Trap, "stack-overflow", &["512 KiB", "recurse less"]),
        case("handles", 1_000, FailureKind::Trap, "handle-limit", &["256 resources", "drop"]),
        case("random", 65_537, FailureKind::Trap, "random-limit", &["65536 random bytes", "in pieces"]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory_names_the_requested_and_the_allowed_bytes() {
    assert_problems(&[
        case(
            "use-up-memory",
            64 << 20,
            FailureKind::OutOfMemory,
            "out-of-memory",
            &["33554432", "raise `sandbox.memory`"],
        ),
        case("abort-when-refused", 64, FailureKind::OutOfMemory, "out-of-memory", &["bytes in all", "33554432"]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_names_the_seconds_and_the_keys() {
    let task = json!({ "process": "plugins.it", "timeout": 0.25 });
    let host = TestHost::start(App::new().plugin("it", guests::ENDING).task("it", &task)).await;
    let job = host.run("it", json!(["spin", 0])).await;
    assert_eq!((problem_code(&job), job.reason), ("timeout", Some(FailureKind::Timeout)));
    let message = &job.problem.as_ref().expect("it fails").message;
    for part in ["0.25 s", "do less", "raise `timeout`", "`sandbox.event_timeout`"] {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
    host.shutdown().await;
}

/// The last event is the reason: a guest that handles a refusal and fails later is not out of memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_trap_after_a_handled_refusal_is_not_out_of_memory() {
    assert_problems(&[
        case("cope-then-panic", 64, FailureKind::Trap, "trap", &["aborted", "unreachable"]),
        case("cope-then-divide", 64, FailureKind::Trap, "trap", &["integer overflow"]),
        case("cope-then-log-then-abort", 64, FailureKind::Trap, "trap", &["aborted"]),
        case("cope-then-print-then-abort", 64, FailureKind::Trap, "trap", &["aborted"]),
        case("cope-then-read-the-clock-then-abort", 64, FailureKind::Trap, "trap", &["aborted"]),
        case("cope-then-draw-then-abort", 64, FailureKind::Trap, "trap", &["aborted"]),
    ])
    .await;
}

/// Many runtimes report an exception only in the last lines of standard error.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_lines_of_standard_error_are_in_the_details() {
    let host = host().await;
    let details = async |how: &str, number: u64| {
        let job = host.run("it", json!([how, number])).await;
        let problem = job.problem.expect("it fails");
        let details: Value = serde_json::from_str(problem.details.as_deref().expect("details")).expect("JSON");
        (problem.message, details)
    };
    let (message, panicked) = details("panic", 7).await;
    let lines: Vec<_> = panicked["stderr"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(lines[0], "first words");
    assert!(lines.contains(&"the last words of 7"), "{lines:?}");
    assert!(message.contains("standard error"), "{message}");
    assert!(panicked["backtrace"].as_array().is_some_and(|frames| !frames.is_empty()), "{panicked}");
    let (_, out) = details("use-up-memory", 64 << 20).await;
    assert!(out["stderr"][0].as_str().is_some_and(|line| line.contains("memory allocation of")), "{out}");
    host.shutdown().await;
}

/// The details of a problem do not contain output of an earlier job.
#[tokio::test(flavor = "multi_thread")]
async fn details_contain_output_of_one_call_only() {
    let host = host().await;
    assert_eq!(problem_code(&host.run("it", json!(["panic", 1])).await), "trap");
    let job = host.run("it", json!(["exit", 0])).await;
    assert!(!format!("{job:?}").contains("last words"), "{job:?}");
    host.shutdown().await;
}
