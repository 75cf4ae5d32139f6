//! Guests that leak a little in each call: jobs do not fail because of earlier leaks.

use saggar::Allocator;
use saggar_tests::app::App;
use saggar_tests::crafted::component_with_own_handles;
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost, problem_code, response};
use serde_json::{Value, json};

const JOBS: u64 = 9_000;

/// Starts a host whose task `it` leaks in an instance that may serve all of the jobs, without retries.
async fn host(memory: &str) -> TestHost {
    // An instance whose failures are to be recorded is also replaced when its earlier calls fill the journal.
    let sandbox = json!({ "reuse": 10_000, "memory": memory, "record": "off" });
    let task = json!({ "process": "plugins.it", "size": JOBS, "attempts": 0, "sandbox": sandbox });
    TestHost::start(App::new().plugin("it", guests::LEAKING).task("it", &task)).await
}

/// Asserts that all jobs succeed; returns the number of instances.
async fn all_succeed(memory: &str, args: Value) -> u64 {
    let host = host(memory).await;
    for _ in 0..JOBS {
        host.add("it", args.clone()).await;
    }
    host.idle().await;
    let counts = host.inner().counts("it").expect("the task is there");
    assert_eq!((counts.success as u64, counts.failure), (JOBS, 0));
    let mut instances = 0;
    for id in 1..=JOBS {
        instances += u64::from(response(&host.job("it", id).await) == 1);
    }
    host.shutdown().await;
    instances
}

#[tokio::test(flavor = "multi_thread")]
async fn leaked_memory_does_not_fail_jobs() {
    let instances = all_succeed("4MiB", json!(["memory", 20_000])).await;
    // An eighth of 4 MiB has space for 26 leaks of 20 kB.
    assert!((200..1_000).contains(&instances), "{instances} instances");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_leaked_in_large_pieces_does_not_fail_jobs() {
    let instances = all_succeed("16MiB", json!(["memory", 500_000])).await;
    assert!((1_000..6_000).contains(&instances), "{instances} instances");
}

#[tokio::test(flavor = "multi_thread")]
async fn leaked_handles_do_not_fail_jobs() {
    let instances = all_succeed("16MiB", json!(["handle", 0])).await;
    assert!((JOBS / 130..JOBS / 100).contains(&instances), "{instances} instances");
}

/// The engine counts handles of a component's own resources, not the host.
#[tokio::test(flavor = "multi_thread")]
async fn leaked_handles_of_own_resources_do_not_fail_jobs() {
    let plugin = component_with_own_handles().expect("a component");
    let task = json!({ "process": "plugins.it", "attempts": 0, "sandbox": { "reuse": 10_000 } });
    for allocator in [Allocator::Pooling, Allocator::OnDemand] {
        let app = App::new().plugin_bytes("it", &plugin).task("it", &task);
        let host = TestHost::start_as(app, Start { allocator, ..Start::default() }).await;
        // The component leaks a handle for each of the 100 bytes.
        let args = json!(["x".repeat(96)]);
        let mut instances = 0;
        for _ in 0..200 {
            let job = host.run("it", args.clone()).await;
            assert_eq!(response(&job), args, "{allocator:?}");
            let attempts = host.inner().attempts("it", job.id).await.expect("the job is there");
            instances += u32::from(attempts[0].cost.as_ref().expect("the attempt ended by itself").fresh);
        }
        // Half of 1024 handles are exceeded by six calls.
        assert!((30..40).contains(&instances), "{allocator:?}: {instances} instances");
        host.shutdown().await;
    }
}

/// An instance with data behind handles on the host is not reused at all.
#[tokio::test(flavor = "multi_thread")]
async fn leaked_data_behind_handles_costs_an_instance_each_time() {
    assert_eq!(all_succeed("16MiB", json!(["fields", 0])).await, JOBS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_without_leaks_keeps_its_instance() {
    assert_eq!(all_succeed("4MiB", json!(["nothing", 0])).await, 1);
}

/// If a job fails nevertheless, the problem says that the instance was not fresh, and the next job gets a fresh one.
#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory_in_a_used_instance_names_its_earlier_calls() {
    let host = host("8MiB").await;
    for served in 1..=3 {
        assert_eq!(host.response("it", json!(["memory", 1_000])).await, served);
    }
    let failed = host.run("it", json!(["memory", 100 << 20])).await;
    assert_eq!(problem_code(&failed), "out-of-memory");
    let message = &failed.problem.as_ref().unwrap().message;
    assert!(message.contains("had served 3 calls before") && message.contains("fresh"), "{message}");
    let failed = host.run("it", json!(["memory", 100 << 20])).await;
    let message = &failed.problem.as_ref().unwrap().message;
    assert!(!message.contains("had served"), "this instance was fresh: {message}");
    host.shutdown().await;
}

/// The retry of the same job gets a fresh instance, too, in which it has the memory that it lacked.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_out_of_memory_in_a_used_instance_succeeds_in_a_fresh_one() {
    let sandbox = json!({ "reuse": 10_000, "memory": "16MiB" });
    let task = json!({ "process": "plugins.it", "attempts": 1, "attempt_after": 1, "sandbox": sandbox });
    for allocator in [Allocator::Pooling, Allocator::OnDemand] {
        let app = App::new().plugin("it", guests::LEAKING).task("it", &task);
        let host = TestHost::start_as(app, Start { allocator, ..Start::default() }).await;
        // What the first call needs does not count as growth, so the instance is used again.
        assert_eq!(host.response("it", json!(["memory", 8 << 20])).await, 1);
        let job = host.run("it", json!(["memory", 10 << 20])).await;
        assert_eq!((response(&job), job.attempt), (json!(1), 2), "{allocator:?}: the first call of its instance");
        let attempts = host.inner().attempts("it", job.id).await.expect("the job is there");
        let fresh: Vec<_> = attempts.iter().map(|attempt| attempt.cost.as_ref().map(|cost| cost.fresh)).collect();
        assert_eq!(fresh, [Some(false), Some(true)], "{allocator:?}");
        assert_eq!([attempts[0].ending.name(), attempts[1].ending.name()], ["out-of-memory", "success"]);
        let message = &attempts[0].problem.as_ref().expect("why it failed").message;
        assert!(message.contains("had served 1 call before, and the next attempt gets a fresh one"), "{message}");
        host.shutdown().await;
    }
}
