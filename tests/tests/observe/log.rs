//! The log: its default content, and its JSON format.

use saggar_tests::app::App;
use saggar_tests::client::send;
use saggar_tests::guests;
use saggar_tests::memory::Growth;
use saggar_tests::server::Server;
use saggar_tests::timeout::within;
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Returns the first line with this `message`.
fn line_with<'a>(log: &'a [Value], message: &str) -> &'a Value {
    log.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("`{message}` is not in {log:#?}"))
}

/// Parses the line as JSON.
fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Adds a job in the trace [`TRACE`].
async fn add_traced(server: &Server, task: &str, args: Value) {
    let add = server.request(reqwest::Method::POST, &format!("/v1/tasks/{task}/jobs")).json(&json!({ "args": args }));
    let added = send(add.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))).await;
    assert_eq!(added.status, 201, "{added:?}");
}

/// These lines are logged at the default level.
#[tokio::test(flavor = "multi_thread")]
async fn final_failures_are_logged_with_their_trace() {
    let failing = json!({ "process": "plugins.failing", "attempts": 1, "attempt_after": 1 });
    let deaf = json!({ "process": "plugins.echo", "event": { "success": "plugins.faulty#problem" } });
    let app = App::new()
        .simple_task("echo", guests::ECHO)
        .plugin("failing", guests::FAILING)
        .plugin("faulty", guests::FAULTY)
        .task("failing", &failing)
        .task("deaf", &deaf);
    let server = Server::start(&app, &["--log-format", "json", "--store", "memory"]);
    add_traced(&server, "echo", json!([1])).await;
    add_traced(&server, "failing", json!(["retry", 1, 0])).await;
    add_traced(&server, "failing", json!(["retry", 9, 0])).await;
    assert_eq!(server.ended("failing", 2).await["status"], "FAILURE");
    // A cancelled job is not logged because a client requested its end.
    server.add("echo", &json!({ "delay_ms": 3_600_000 })).await;
    assert_eq!(server.act("/v1/tasks/echo/jobs/2/cancel").await.status, 200);
    add_traced(&server, "deaf", json!([])).await;
    server.log().until("a handler has failed");
    let log: Vec<Value> = server.stop().iter().map(|line| parsed(line)).collect();
    let of_failures = log.iter().filter(|line| line["target"] == "saggar_worker::failures");
    assert_eq!(of_failures.map(|line| &line["level"]).collect::<Vec<_>>(), ["WARN", "WARN"], "{log:#?}");
    let fields = |line: &Value, keys: &[&str]| keys.iter().map(|key| line[key].clone()).collect::<Vec<_>>();
    let job = fields(line_with(&log, "a job has failed"), &["task", "id", "attempt", "reason", "code", "trace_id"]);
    assert_eq!(Value::from(job), json!(["default/failing", "2", 2, "failed", "not-yet", TRACE]));
    let line = line_with(&log, "a handler has failed and is tried again later");
    let handler = fields(line, &["task", "id", "handler", "tries", "code", "trace_id"]);
    assert_eq!(Value::from(handler), json!(["default/deaf", "1", "event.success", 3, "deaf", TRACE]));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_attempts_and_stopped_jobs_are_logged() {
    let app = App::new().simple_task("gated", guests::GATED).simple_task("keys", guests::ECHO);
    let running = async |server: &Server| server.until("gated", 1, |job| job["message"] == "at the gate").await;
    let server = Server::start(&app, &["--log-format", "json"]);
    add_traced(&server, "gated", json!(["keys", 1])).await;
    running(&server).await;
    // Kills the host, like a crash; the job is requeued.
    drop(server);
    let server = Server::start(&app, &["--log-format", "json", "--drain", "0"]);
    let lost = parsed(&server.log().until("attempts that ran when the host died are lost"));
    let (task, one, none) = (json!("default/gated"), json!(1), json!(0));
    assert_eq!((&lost["task"], &lost["attempts"], &lost["jobs_failed"]), (&task, &one, &none), "{lost}");
    running(&server).await;
    let log: Vec<Value> = server.stop().iter().map(|line| parsed(line)).collect();
    let stopped = line_with(&log, "was stopped and requeued; the attempt does not count");
    assert_eq!((&stopped["job"], &stopped["trace_id"]), (&json!("default/gated#1"), &json!(TRACE)), "{stopped}");
}

/// Waits for the line about callbacks of `task` without a handler; returns how many jobs were released from their hold, and
/// how many ended ones no handler will be called of.
async fn settled(server: &Server, task: &str) -> (u64, u64) {
    let is_it = |line: &Value| {
        let message = line["message"].as_str().unwrap_or_default();
        message.starts_with("callbacks were pending for handlers that the task no longer has") && line["task"] == task
    };
    within("the line about settled callbacks", async {
        loop {
            if let Some(line) = server.log().lines().iter().map(|line| parsed(line)).find(is_it) {
                assert_eq!(line["level"], "WARN");
                let number = |name: &str| line[name].as_u64().unwrap_or_else(|| panic!("no `{name}`: {line}"));
                return (number("released"), number("ended"));
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_without_a_handler_are_logged_at_the_start_and_in_a_reload() {
    let stuck = |event: &str| {
        json!({
            "process": "plugins.echo",
            "event": { event: "plugins.faulty#spin" },
            "sandbox": { "event_timeout": 3600 },
        })
    };
    let without = json!({ "process": "plugins.echo" });
    let arguments = ["--log-format", "json", "--drain", "0"];
    let app = App::new().plugin("echo", guests::ECHO).plugin("faulty", guests::FAULTY);
    let app = app
        .task("on-hold", &stuck("add"))
        .task("succeeded", &stuck("success"))
        .task("failed", &stuck("error"))
        .task("reloaded", &stuck("add"));
    let server = Server::start(&app, &arguments);
    for _ in 0..3 {
        server.add("on-hold", &json!({})).await;
        server.add("reloaded", &json!({})).await;
        let id = server.add("succeeded", &json!({})).await;
        server.ended("succeeded", id).await;
        let id = server.add("failed", &json!({ "delay_ms": 3_600_000 })).await;
        assert_eq!(server.act(&format!("/v1/tasks/failed/jobs/{id}/cancel")).await.status, 200);
    }
    server.stop();
    let app = app.task("on-hold", &without).task("succeeded", &without).task("failed", &without);
    let server = Server::start(&app, &arguments);
    assert_eq!(settled(&server, "default/on-hold").await, (3, 0));
    assert_eq!(settled(&server, "default/succeeded").await, (0, 3));
    assert_eq!(settled(&server, "default/failed").await, (0, 3));
    app.write("tasks/reloaded.json", without.to_string());
    assert_eq!(server.act("/v1/reload").await.status, 200);
    let (released, ended) = settled(&server, "default/reloaded").await;
    // The handler of the earlier definition may be running for one of the three jobs.
    assert!((2..=3).contains(&released) && ended == 0, "{released} released, {ended} ended");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_is_a_json_object_with_the_trace_of_its_job() {
    let app = App::new().simple_task("echo", guests::ECHO).file("tasks/odd.json", "{");
    let server = Server::start_as(&app, |command| {
        command.args(["--log-format", "json"]).env("RUST_LOG", "info,saggar_worker=debug")
    });
    add_traced(&server, "echo", json!([1])).await;
    server.post("/v1/tasks/echo/jobs", &json!({"args": [2]})).await;
    for id in 1..=2 {
        let job = server.get(&format!("/v1/tasks/echo/jobs/{id}?wait=30s")).await;
        assert_eq!(job.body["status"], "SUCCESS", "{job:?}");
    }
    let log: Vec<Value> = server.stop().iter().map(|line| parsed(line)).collect();
    for line in &log {
        for key in ["timestamp", "level", "message", "target"] {
            assert!(line[key].is_string(), "no {key}: {line}");
        }
    }
    let problem = line_with(&log, "problem found");
    assert_eq!(problem["level"], "ERROR");
    assert!(problem["problem"].as_str().is_some_and(|text| text.contains("tasks/odd.json")), "{problem}");
    let listening = line_with(&log, "listening");
    assert!(listening["url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{listening}");
    let over: Vec<_> = log.iter().filter(|line| line["message"] == "an attempt has ended").collect();
    let found = over.iter().map(|line| (&line["task"], &line["id"], &line["outcome"], &line["trace_id"]));
    let (task, success, trace) = (json!("default/echo"), json!("success"), json!(TRACE));
    let expected = [(&task, &json!("1"), &success, &trace), (&task, &json!("2"), &success, &Value::Null)];
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn a_failed_start_is_logged_in_the_same_format() {
    let app = App::new().file("tasks/odd.json", "{");
    let mut command = saggar_tests::program::command();
    command.arg("serve").arg(app.path()).args(["--listen", "192.0.2.1:7717", "--log-format", "json"]);
    command.args(["--token", "read:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"]);
    let said = saggar_tests::program::output(&mut command);
    assert_eq!(said.code, Some(1));
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", said.err));
    let lines: Vec<Value> = said.err.lines().map(read).collect();
    let line = lines.last().expect("a line");
    assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("command failed")));
    assert!(line["error"].as_str().is_some_and(|error| error.contains("192.0.2.1:7717")), "{line}");
}

#[test]
fn errors_in_the_configuration_are_logged_in_the_same_format() {
    let app = App::new();
    let mut command = saggar_tests::program::command();
    command.arg("serve").arg(app.path()).args(["--log-format", "json", "--drain", "soon"]);
    let said = saggar_tests::program::output(&mut command);
    assert_eq!(said.code, Some(2));
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", said.err));
    let lines: Vec<Value> = said.err.lines().map(read).collect();
    let line = lines.last().expect("a line");
    assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("problem found")));
    assert!(line["problem"].as_str().is_some_and(|problem| problem.contains("soon")), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_about_a_task_are_limited_and_counted() {
    flood("pooling").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_about_a_task_are_limited_and_counted_on_demand() {
    flood("on-demand").await;
}

/// The limit of what 500 failures of `next` leave behind: 16 KiB for each. An instance has 64 KiB at least.
const LEFT: u64 = 8 << 20;

/// Adds a job of a task whose `next` fails.
async fn fail_next(server: &Server, task: &str) {
    assert_eq!(server.post(&format!("/v1/tasks/{task}/jobs"), &json!({})).await.status, 502);
}

/// Asserts that a `next` that fails in a loop leaves nothing in memory.
async fn fail_without_growth(server: &Server, task: &str, allocator: &str) {
    // From then on all sandboxes exist, and the limit of lines is reached.
    for _ in 0..50 {
        fail_next(server, task).await;
    }
    let growth = Growth::watch_settled(server.pid(), async || fail_next(server, task).await).await;
    for _ in 0..500 {
        fail_next(server, task).await;
    }
    let after = growth.bytes_within(LEFT, async || fail_next(server, task).await).await;
    assert!(after <= LEFT, "{allocator}: {after} bytes are left of failures of `next`");
}

/// Asserts that a `next`, jobs and handlers that fail in a loop cause a limited number of lines per task, then only their
/// count, in bounded memory.
async fn flood(allocator: &str) {
    let failing = |next: &str| json!({ "process": "plugins.echo", "event": { "next": next } });
    let app = App::new()
        .plugin("echo", guests::ECHO)
        .plugin("failing", guests::FAILING)
        .plugin("faulty", guests::FAULTY)
        .task("noisy", &failing("plugins.faulty#problem"))
        .task("quiet", &failing("plugins.faulty#problem"))
        .task("again", &failing("plugins.faulty#problem"))
        .task("failing", &json!({ "process": "plugins.failing" }))
        .task("deaf", &json!({ "process": "plugins.echo", "event": { "success": "plugins.faulty#problem" } }));
    let server = Server::start(&app, &["--log-format", "json", "--store", "memory", "--allocator", allocator]);
    fail_without_growth(&server, "again", allocator).await;
    for _ in 0..100 {
        server.add("deaf", &json!({})).await;
    }
    let mut growth = None;
    for number in 0..500 {
        fail_next(&server, "noisy").await;
        server.add("failing", &json!({ "args": ["reject", 9, 0] })).await;
        if number == 50 {
            // All sandboxes exist, and the limit of lines is reached.
            growth = Some(Growth::watch_other(server.pid()));
        }
    }
    let growth = growth.expect("it is watched");
    fail_next(&server, "quiet").await;
    server.ended("failing", 500).await;
    for id in 1..=100 {
        // After three tries there is a line.
        server.until("deaf", id, |job| job["callbacks"][0]["tries"] == 3).await;
    }
    let peak = growth.peak_bytes() >> 10;
    assert!(peak < 16 * 1024, "{allocator}: by {peak} KiB");
    let log: Vec<Value> = server.stop().iter().map(|line| parsed(line)).collect();
    let lines = |message: &str, task: &str| {
        let of_kind = |line: &&Value| line["message"] == message && line["task"] == format!("default/{task}");
        log.iter().filter(of_kind).count() as u64
    };
    let suppressed = |message: &str, task: &str| -> u64 {
        let says = |line: &&Value| {
            line["target"] == "saggar::log_limit"
                && line["task"].as_str().is_some_and(|of| of.ends_with(&format!("default/{task}")))
                && line["message"]
                    .as_str()
                    .is_some_and(|text| text.starts_with(message) && text.contains(" more in the last 10 s"))
        };
        log.iter().filter(says).map(|line| line["lines"].as_u64().expect("a number")).sum()
    };
    for (message, task, all, most) in [
        ("next failed", "noisy", 500, 100),
        ("a job has failed", "failing", 500, 100),
        ("a handler has failed and is tried again later", "deaf", 100, 80),
    ] {
        let (written, counted) = (lines(message, task), suppressed(message, task));
        assert!(written <= most, "{message}: {written} lines");
        assert_eq!(written + counted, all, "{message}");
    }
    assert_eq!(lines("next failed", "quiet"), 1, "another task's lines are not suppressed");
}
