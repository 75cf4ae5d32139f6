//! Attacks of several jobs or requests, and attacks by files of the hostile tenant's app.

use futures_util::future::join_all;
use saggar_tests::client::job_path;
use saggar_tests::guests;
use serde_json::{Value, json};

use super::two_tenants::TwoTenants;

/// Jobs of the guest that makes random calls.
const RANDOM_SEEDS: u64 = 40;

/// Clients that read a large job at once.
const READERS: usize = 40;

/// Makes all of these attacks, one after the other.
pub(super) async fn run_all(host: &mut TwoTenants) {
    cancel_a_computing_guest(host).await;
    host.withstood(&[2], "a cancellation").await;
    wait_behind_guests_that_time_out(host).await;
    host.withstood(&[5], "jobs that wait").await;
    compete_for_instances(host).await;
    host.withstood(&[10], "two tasks that compete").await;
    look_at_the_machine(host).await;
    host.withstood(&[17, 18, 19, 20, 35], "a guest that asks for everything").await;
    replace_instances(host).await;
    host.withstood(&[21, 22], "traps between other jobs").await;
    search_memory_of_another_tenant(host).await;
    host.withstood(&[27], "memory full of data").await;
    make_random_calls(host).await;
    host.withstood(&[29], "random calls").await;
    fail_in_handlers(host).await;
    host.withstood(&[31, 47], "handlers that never end").await;
    read_clocks(host).await;
    host.withstood(&[32], "a guest that reads clocks").await;
    reload_during_a_run(host).await;
    host.withstood(&[38], "reloads during a run").await;
    configure_the_host(host).await;
    host.withstood(&[43], "a configuration in the app").await;
    read_with_many_clients(host).await;
    host.withstood(&[44], "many readers").await;
    use_tasks_of_another_tenant(host).await;
    host.withstood(&[46], "a guest that uses tasks of another tenant").await;
    spin_in_many_slots(host).await;
    host.withstood(&[48], "many guests that compute").await;
    leave_lines_open(host).await;
    host.withstood(&[49], "lines without an end").await;
    leak_a_little(host).await;
    host.withstood(&[50], "leaks").await;
}

/// Asserts that a job has succeeded with this response.
#[track_caller]
fn check_response(job: &Value, expected: &Value) {
    assert_eq!((&job["status"], &job["response"]), (&json!("SUCCESS"), expected), "{job}");
}

/// Adds jobs of the hostile tenant; returns their ids.
async fn add_many(host: &TwoTenants, task: &str, jobs: Vec<Value>) -> Vec<u64> {
    let jobs: Vec<_> = jobs.into_iter().map(|args| json!({ "args": args })).collect();
    let added = host.hostile().post(&format!("/v1/tasks/{task}/jobs/batch"), &json!({ "jobs": jobs })).await;
    assert_eq!(added.status, 201, "{added:?}");
    added.body["ids"].as_array().expect("a list").iter().map(|id| id.as_u64().expect("an id")).collect()
}

/// Cancels a running job of the hostile tenant, and waits for its end.
async fn cancel(host: &TwoTenants, task: &str, id: u64) {
    let cancelled = host.hostile().act(&format!("{}/cancel", job_path(task, id))).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    let job = host.hostile().ended(task, id).await;
    assert_eq!((&job["reason"], &job["problem"]["code"]), (&json!("cancelled"), &json!("cancelled")), "{job}");
}

async fn cancel_a_computing_guest(host: &TwoTenants) {
    let id = host.hostile().add("time-long", &json!(["spin"])).await;
    host.until("time-long", id, |job| job["status"] == "RUNNING").await;
    cancel(host, "time-long", id).await;
}

/// The last job waits for longer than its timeout, which begins with its attempt.
async fn wait_behind_guests_that_time_out(host: &TwoTenants) {
    let jobs = vec![json!(["spin"]), json!(["spin"]), json!(["ok"])];
    let ids = add_many(host, "time", jobs).await;
    check_response(&host.hostile().ended("time", ids[2]).await, &json!(["ok"]));
}

/// Each job needs a fresh instance, and both tasks have more slots than there are processors.
async fn compete_for_instances(host: &TwoTenants) {
    let left = add_many(host, "left", vec![json!(["ok"]); 200]).await;
    let right = add_many(host, "right", vec![json!(["ok"]); 200]).await;
    for (task, id) in left.iter().map(|id| ("left", *id)).chain(right.iter().map(|id| ("right", *id))) {
        check_response(&host.hostile().ended(task, id).await, &json!(["ok"]));
    }
}

async fn look_at_the_machine(host: &TwoTenants) {
    let expected = json!({
        "arguments": [], "environment": [], "directories": 0, "file": "entity not found", "input": "",
        "connect": "permission denied", "listen": "permission denied", "udp": "permission denied",
        "lookup": "permanent-resolver-failure", "http": "ErrorCode::HttpRequestDenied",
    });
    check_response(&host.run("environment", &json!([])).await, &expected);
}

async fn replace_instances(host: &TwoTenants) {
    for (task, counts) in [("ends", [1, 2, 3, 4]), ("thrice", [1, 2, 3, 1])] {
        assert_eq!(host.run(task, &json!(["trap"])).await["problem"]["code"], "trap");
        for count in counts {
            check_response(&host.run(task, &json!(["count_my_calls"])).await, &json!(count));
        }
    }
}

/// The hostile tenant fills its memory; new instances of the honest one find zeros.
async fn search_memory_of_another_tenant(host: &TwoTenants) {
    for _ in 0..8 {
        check_response(&host.run("writer", &json!(["fill_memory"])).await, &Value::Null);
        let id = host.honest().add("reader", &json!(["search_memory"])).await;
        check_response(&host.honest().ended("reader", id).await, &json!(0));
    }
}

async fn make_random_calls(host: &TwoTenants) {
    let jobs = (1..=RANDOM_SEEDS).map(|seed| json!([seed * 0x9e37_79b9])).collect();
    for id in add_many(host, "random", jobs).await {
        let job = host.hostile().ended("random", id).await;
        // Its guests may cancel jobs of their own task, too.
        assert!(job["reason"] != "lost" && job["problem"]["code"] != "host-panic", "{job}");
    }
}

/// Handlers that trap or never end change no job, and `next` refuses one.
async fn fail_in_handlers(host: &TwoTenants) {
    check_response(&host.run("loud", &json!(["well"])).await, &json!({ "message": "ok" }));
    let failed = host.run("loud", &json!(["fail"])).await;
    assert_eq!(failed["problem"]["code"], "as-asked", "{failed}");
    let refused = host.hostile().post("/v1/tasks/numbered/jobs", &json!({})).await;
    assert_eq!((refused.status, refused.code()), (502, "next-failed"), "{refused:?}");
}

/// On a host with several tenants, clocks show whole milliseconds.
async fn read_clocks(host: &TwoTenants) {
    check_response(&host.run("clocks", &json!([])).await, &json!([0, 0]));
}

/// A running job goes on with the code that it began with; the next job has the new one.
async fn reload_during_a_run(host: &TwoTenants) {
    let until_cancelled = json!(["until-cancelled"]);
    let id = host.hostile().add("changing", &until_cancelled).await;
    host.until("changing", id, |job| job["message"] == "begun").await;
    host.write("plugins/changing.wasm", std::fs::read(guests::ECHO).expect("the guests have been built"));
    host.hostile().reload().await;
    host.until("changing", id, |job| job["status"] == "RUNNING").await;
    cancel(host, "changing", id).await;
    check_response(&host.run("changing", &until_cancelled).await, &until_cancelled);
    host.write("plugins/changing.wasm", std::fs::read(guests::CONTEXT).expect("the guests have been built"));
    host.hostile().reload().await;
}

/// The app names a directory for compiled code, and gives itself rights.
async fn configure_the_host(host: &TwoTenants) {
    host.write("saggar.toml", "cache_dir = \"stolen\"\nharden = \"off\"\nenv_allow = \"*\"\n");
    let warnings = host.hostile().reload().await["warnings"].to_string();
    assert!(warnings.contains("saggar.toml") && warnings.contains("ignored"), "{warnings}");
    assert!(!host.operator.path("hostile/stolen").exists(), "the app has set the directory of compiled code");
    host.remove("saggar.toml");
    host.hostile().reload().await;
}

/// Each reader gets the whole job or a refusal.
async fn read_with_many_clients(host: &TwoTenants) {
    let args = json!(["x".repeat(1 << 20)]);
    let id = host.hostile().add("echo", &args).await;
    check_response(&host.hostile().ended("echo", id).await, &args);
    let path = job_path("echo", id);
    let reading = (0..READERS).map(|_| {
        let (hostile, path) = (host.hostile(), path.clone());
        async move { hostile.get(&path).await }
    });
    for answer in join_all(reading).await {
        match answer.status {
            200 => assert_eq!(answer.body["response"], args),
            _ => assert_eq!(answer.code(), "overloaded", "{answer:?}"),
        }
    }
    let deleted = host.hostile().delete(&path).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
}

async fn use_tasks_of_another_tenant(host: &TwoTenants) {
    let refused = json!({ "ids": [], "refused": "unknown-task" });
    check_response(&host.run("adder", &json!(["own", 1, []])).await, &refused);
    assert_eq!(host.honest().get("/v1/tasks/own").await.body["counts"]["added"], 0);
}

/// While 32 guests compute, jobs of the honest tenant end one after the other.
async fn spin_in_many_slots(host: &TwoTenants) {
    let ids = add_many(host, "many", vec![json!(["spin"]); 32]).await;
    host.until("many", ids[31], |job| job["status"] != "WAITING").await;
    for _ in 0..5 {
        host.honest().assert_echoes("echo").await;
    }
    for id in ids {
        assert_eq!(host.hostile().ended("many", id).await["reason"], "timeout");
    }
}

async fn leave_lines_open(host: &TwoTenants) {
    for word in ["secret", "public"] {
        let job = host.run("murmuring", &json!([word, false])).await;
        let path = format!("{}/logs", job_path("murmuring", job["id"].as_u64().expect("an id")));
        let log = host.hostile().get(&path).await.body;
        let lines: Vec<_> = log["lines"].as_array().expect("lines").iter().map(|line| &line["text"]).collect();
        assert_eq!(lines, [&json!(format!("process {word}"))]);
    }
}

/// An eighth of the task's memory has room for 26 of these leaks.
async fn leak_a_little(host: &TwoTenants) {
    let ids = add_many(host, "leaking", vec![json!(["memory", 20_000]); 60]).await;
    for id in ids {
        let job = host.hostile().ended("leaking", id).await;
        assert_eq!(job["status"], "SUCCESS", "{job}");
    }
}
