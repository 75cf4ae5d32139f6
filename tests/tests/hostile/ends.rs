//! Guests that end incorrectly, and the state of the instances after them.

use saggar::FailureKind;
use saggar_tests::app::App;
use saggar_tests::host::{TestHost, problem_code};
use saggar_tests::{foreach_behaviour_of_ends, guests};
use serde_json::json;

use super::assert_tests_exist;
use super::withstand::{Attack, Ended, arena, start};

foreach_behaviour_of_ends!(assert_tests_exist);

async fn end(behaviour: &'static str) -> Ended {
    Attack::by_guest(guests::HOSTILE_ENDS, behaviour).withstand().await
}

#[tokio::test(flavor = "multi_thread")]
async fn trap() {
    end("trap").await.by(FailureKind::Trap, "trap");
}

#[tokio::test(flavor = "multi_thread")]
async fn panic_with_a_message() {
    let ended = end("panic_with_a_message").await;
    ended.by(FailureKind::Trap, "trap");
    assert!(ended.log.iter().any(|line| line.contains("this guest panics")), "{:?}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_zero() {
    end("exit_zero").await.by(FailureKind::Trap, "exit");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_one() {
    end("exit_one").await.by(FailureKind::Trap, "exit");
}

/// An instance is reused while its calls succeed, and is replaced after a trap.
#[tokio::test(flavor = "multi_thread")]
async fn count_my_calls() {
    let _arena = arena().await;
    let host = TestHost::start_as(App::new().simple_task("counting", guests::HOSTILE_ENDS), start()).await;
    let count = async || host.response("counting", json!(["count_my_calls"])).await;
    assert_eq!([count().await, count().await], [1, 2]);
    for (behaviour, code) in [("trap", "trap"), ("exit_zero", "exit"), ("panic_with_a_message", "trap")] {
        assert_eq!(problem_code(&host.run("counting", json!([behaviour])).await), code);
        assert_eq!([count().await, count().await], [1, 2], "after {behaviour}");
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_serves_as_many_jobs_as_configured() {
    let _arena = arena().await;
    let task = |reuse: u32| json!({ "process": "plugins.counting", "sandbox": { "reuse": reuse } });
    let app = App::new().plugin("counting", guests::HOSTILE_ENDS).task("once", &task(1)).task("thrice", &task(3));
    let host = TestHost::start_as(app, start()).await;
    for (task, expected) in [("once", [1, 1, 1, 1]), ("thrice", [1, 2, 3, 1])] {
        let mut counts = Vec::new();
        for _ in 0..4 {
            counts.push(host.response(task, json!(["count_my_calls"])).await);
        }
        assert_eq!(counts, expected, "{task}");
    }
    host.shutdown().await;
}
