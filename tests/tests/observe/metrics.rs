//! Metrics of a host that has run jobs with every outcome.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Method;
use saggar_tests::app::App;
use saggar_tests::client::{client, send};
use saggar_tests::follower::follow;
use saggar_tests::guests;
use saggar_tests::server::Server;
use saggar_tests::timeout::within;
use serde_json::{Value, json};

fn app() -> App {
    let again = json!({ "process": "plugins.failing", "attempts": 1, "attempt_after": 1, "timeout": 1 });
    let deaf = "plugins.faulty#problem";
    let with_handlers = json!({ "process": "plugins.failing", "event": { "add": deaf, "error": deaf } });
    let memory = json!({ "process": "plugins.memory", "sandbox": { "memory": "8MiB" } });
    App::new()
        .simple_task("echo", guests::ECHO)
        .simple_task("time", guests::HOSTILE_TIME)
        .plugin("failing", guests::FAILING)
        .plugin("faulty", guests::FAULTY)
        .plugin("memory", guests::HOSTILE_MEMORY)
        .task("again", &again)
        .task("deaf", &with_handlers)
        .task("memory", &memory)
}

/// The metrics of a host, in text format.
pub(super) struct Metrics(String);

impl Metrics {
    pub(super) async fn of(server: &Server) -> Self {
        let answer = client().get(server.url("/metrics")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        Self(answer.text().await.expect("text"))
    }

    /// Returns the value of the only series of `name` with these labels, or `None` if it does not exist.
    fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: Vec<_> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        let is_it = |line: &&str| {
            let series = line.rsplit_once(' ').map_or(*line, |(series, _)| series);
            series.split('{').next() == Some(name) && wanted.iter().all(|label| series.contains(label))
        };
        let mut found = self.0.lines().filter(is_it);
        let line = found.next()?;
        assert_eq!(found.next(), None, "{name}{labels:?} is not one series");
        line.rsplit_once(' ')?.1.parse().ok()
    }

    pub(super) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).unwrap_or_else(|| panic!("{name}{labels:?} is not in:\n{}", self.0))
    }
}

pub(super) async fn add(server: &Server, task: &str, args: Value) -> u64 {
    let added = server.post(&format!("/v1/tasks/{task}/jobs"), &json!({ "args": args })).await;
    assert_eq!(added.status, 201, "{added:?}");
    added.body["id"].as_u64().expect("an id")
}

pub(super) async fn ended(server: &Server, task: &str, id: u64) -> Value {
    let job = server.get(&format!("/v1/tasks/{task}/jobs/{id}?wait=30s")).await;
    assert!(job.body["ended_at"].is_string(), "{job:?}");
    job.body
}

/// Waits until a job runs.
async fn running(server: &Server, task: &str, id: u64) {
    let path = format!("/v1/tasks/{task}/jobs/{id}");
    within("a running job", async {
        while server.get(&path).await.body["status"] != "RUNNING" {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Waits until a metric has a value.
async fn until(server: &Server, name: &str, labels: &[(&str, &str)], value: f64) -> Metrics {
    within(name, async {
        loop {
            let metrics = Metrics::of(server).await;
            if metrics.find(name, labels) == Some(value) {
                return metrics;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

/// Starts a host and runs jobs with every outcome.
async fn experienced(app: &App) -> Server {
    let mut server = Server::start(app, &[]);
    let lost = add(&server, "time", json!(["sleep_an_hour"])).await;
    for _ in 0..3 {
        running(&server, "time", lost).await;
        // Kills the host, like a crash. The job is requeued after the first two crashes.
        drop(server);
        server = Server::start(app, &[]);
    }
    assert_eq!(ended(&server, "time", lost).await["reason"], "lost");
    let cancelled = add(&server, "time", json!(["sleep_an_hour"])).await;
    running(&server, "time", cancelled).await;
    server.post(&format!("/v1/tasks/time/jobs/{cancelled}/cancel"), &json!({})).await;
    ended(&server, "time", cancelled).await;
    for (task, args, reason) in [
        ("echo", json!([1]), Value::Null),
        ("echo", json!([2]), Value::Null),
        ("again", json!(["retry", 1, 0]), Value::Null),
        ("again", json!(["retry", 9, 0]), json!("failed")),
        ("again", json!(["reject", 9, 0]), json!("rejected")),
        ("again", json!(["trap", 9, 0]), json!("trap")),
        ("again", json!(["spin", 9, 0]), json!("timeout")),
        ("again", json!(["retry-after", 9, 1]), json!("failed")),
        ("memory", json!(["leak_forever"]), json!("out-of-memory")),
        ("deaf", json!(["reject", 9, 0]), json!("rejected")),
    ] {
        let id = add(&server, task, args).await;
        assert_eq!(ended(&server, task, id).await["reason"], reason, "{task} {id}");
    }
    assert_eq!(server.post("/v1/tasks/echo/pause", &json!({})).await.status, 204);
    add(&server, "echo", json!([3])).await;
    let later = json!({ "args": [4], "delay_ms": 3_600_000 });
    assert_eq!(server.post("/v1/tasks/echo/jobs", &later).await.status, 201);
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_is_counted_and_promtool_accepts_the_metrics() {
    let app = app();
    let server = experienced(&app).await;
    let failures = [("task", "deaf"), ("event", "error")];
    let metrics = until(&server, "saggar_handler_failures_total", &failures, 3.0).await;
    check_with_promtool(&metrics.0);
    check_documented(&metrics);
    check_outcomes(&metrics);
    check_levels(&metrics);
    for route in ["/v1/tasks/{task}/jobs", "/metrics"] {
        assert!(metrics.0.contains(&format!("route=\"{route}\"")), "no requests of {route}:\n{}", metrics.0);
    }
    let of_one_job = ["again/jobs/3", "leak_forever", "nothing was heard"];
    assert!(!of_one_job.iter().any(|text| metrics.0.contains(text)), "labels are not bounded");
    server.stop();
}

/// Asserts that each documented metric exists, and that each existing metric is documented.
fn check_documented(metrics: &Metrics) {
    let documentation = include_str!("../../../docs/observability.md");
    let rows = documentation.lines().filter(|line| line.starts_with("| `saggar_"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let documented: BTreeSet<&str> =
        cells.flat_map(|cell| cell.split(',')).map(|name| name.trim_matches([' ', '`'])).collect();
    let types = metrics.0.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names = types.filter_map(|line| line.split(' ').next());
    let found: BTreeSet<&str> = names.filter(|name| name.starts_with("saggar_")).collect();
    assert_eq!(found, documented);
}

fn check_outcomes(metrics: &Metrics) {
    let jobs = [
        ("echo", "success", 2.0),
        ("again", "success", 1.0),
        ("again", "failed", 2.0),
        ("again", "rejected", 1.0),
        ("again", "trap", 1.0),
        ("again", "timeout", 1.0),
        ("memory", "out-of-memory", 1.0),
        ("time", "cancelled", 1.0),
        ("time", "lost", 1.0),
        ("echo", "lost", 0.0),
    ];
    for (task, outcome, count) in jobs {
        assert_eq!(
            metrics.value("saggar_jobs_total", &[("task", task), ("outcome", outcome)]),
            count,
            "{task} {outcome}"
        );
    }
    let attempts = [
        ("again", "success", 1.0),
        ("again", "failed", 5.0),
        ("again", "rejected", 1.0),
        ("again", "trap", 2.0),
        ("again", "timeout", 2.0),
        ("memory", "out-of-memory", 1.0),
        ("time", "cancelled", 1.0),
        ("time", "lost", 1.0),
    ];
    for (task, outcome, count) in attempts {
        let found = metrics.value("saggar_attempts_total", &[("task", task), ("outcome", outcome)]);
        assert_eq!(found, count, "{task} {outcome}");
    }
    assert_eq!(metrics.value("saggar_timeouts_total", &[("task", "again"), ("role", "processor")]), 2.0);
    let failures = metrics.value("saggar_handler_failures_total", &[("task", "deaf"), ("event", "error")]);
    assert_eq!(failures, 3.0, "an end handler is deferred after three tries");
    let given_up = |event| metrics.value("saggar_handler_given_up_total", &[("task", "deaf"), ("event", event)]);
    assert_eq!((given_up("add"), given_up("error")), (1.0, 0.0));
}

fn check_levels(metrics: &Metrics) {
    let echo = [("task", "echo")];
    for (state, jobs) in [("waiting", 1.0), ("delayed", 1.0), ("on-hold", 0.0), ("running", 0.0)] {
        assert_eq!(metrics.value("saggar_queue_jobs", &[("task", "echo"), ("state", state)]), jobs, "{state}");
    }
    assert!(metrics.value("saggar_queue_oldest_waiting_seconds", &echo) > 0.0);
    assert_eq!(metrics.value("saggar_queue_paused", &echo), 1.0);
    assert_eq!((metrics.value("saggar_slots", &echo), metrics.value("saggar_slots_busy", &echo)), (1.0, 0.0));
    assert_eq!(metrics.value("saggar_jobs_added_total", &echo), 4.0);
    assert_eq!(metrics.value("saggar_attempt_duration_seconds_count", &echo), 2.0);
    assert_eq!(metrics.value("saggar_job_start_delay_seconds_count", &echo), 2.0);
    let processor = [("task", "echo"), ("role", "processor")];
    assert_eq!(metrics.value("saggar_sandbox_instantiations_total", &processor), 1.0, "the instance stays warm");
    assert_eq!(metrics.value("saggar_sandbox_calls_total", &processor), 2.0);
    assert!(metrics.value("saggar_sandbox_memory_peak_bytes", &echo) > 0.0);
    for name in [
        "saggar_sandbox_memory_bytes",
        "saggar_store_commit_steps_count",
        "saggar_store_commit_seconds_count",
        "saggar_store_sync_seconds_count",
        "process_resident_memory_bytes",
        "saggar_build_info",
    ] {
        assert!(metrics.value(name, &[]) > 0.0, "{name}");
    }
}

fn check_with_promtool(text: &str) {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = promtool.unwrap_or_else(|error| {
        panic!("promtool cannot be started ({error}): install it with `apt-get install -y prometheus`")
    });
    promtool.stdin.take().expect("a pipe was asked for").write_all(text.as_bytes()).expect("promtool reads");
    let said = promtool.wait_with_output().expect("promtool ends");
    let complaints = [said.stdout, said.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(said.status.success() && complaints.is_empty(), "{complaints}\n{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gauges_count_running_jobs_and_open_streams() {
    let two = json!({ "process": "plugins.gated", "worker_nums": 2, "sandbox": { "tasks": "all" } });
    let app = App::new().plugin("gated", guests::GATED).task("gated", &two).simple_task("keys", guests::ECHO);
    let server = Server::start(&app, &["--store", "memory"]);
    let gated = [("task", "gated")];
    let id = server.close_gate("gated").await;
    let metrics = Metrics::of(&server).await;
    assert_eq!((metrics.value("saggar_slots", &gated), metrics.value("saggar_slots_busy", &gated)), (2.0, 1.0));
    for (state, jobs) in [("waiting", 0.0), ("running", 1.0)] {
        assert_eq!(metrics.value("saggar_queue_jobs", &[("task", "gated"), ("state", state)]), jobs, "{state}");
    }
    assert_eq!(metrics.value("saggar_event_followers", &[]), 0.0);
    let mut follower = follow(&client(), &server.url("/v1/events"), None).await;
    follower.until("reached").await;
    assert_eq!(Metrics::of(&server).await.value("saggar_event_followers", &[]), 1.0);
    drop(follower);
    until(&server, "saggar_event_followers", &[], 0.0).await;
    server.open_gate().await;
    server.ended("gated", id).await;
    let metrics = until(&server, "saggar_slots_busy", &gated, 0.0).await;
    assert!(metrics.value("saggar_attempt_duration_seconds_sum", &gated) > 0.0);
    let adding = [("route", "/v1/tasks/{task}/jobs"), ("method", "POST"), ("status", "201")];
    assert_eq!(metrics.value("saggar_http_requests_total", &adding), 2.0);
    server.stop();
}

/// Clients can invent any number of paths, tasks and methods.
#[tokio::test(flavor = "multi_thread")]
async fn names_invented_by_clients_do_not_become_labels() {
    let server = Server::start(&App::new().simple_task("echo", guests::ECHO), &["--store", "memory"]);
    let long = format!("{} /healthz", "M".repeat(1_000));
    let asked = [
        ("BREW /nonsense/123", ["none", "other", "404"]),
        ("GET /v1/tasks/made-up", ["/v1/tasks/{task}", "GET", "404"]),
        ("DELETE /v1/tasks/made-up/jobs/123456", ["/v1/tasks/{task}/jobs/{id}", "DELETE", "404"]),
        (long.as_str(), ["/healthz", "other", "405"]),
    ];
    for (line, _) in asked {
        server.raw(server.head(line, "content-length: 0\r\n"));
    }
    let metrics = Metrics::of(&server).await;
    for (line, [route, method, status]) in asked {
        let labels = [("route", route), ("method", method), ("status", status)];
        assert_eq!(metrics.value("saggar_http_requests_total", &labels), 1.0, "{line}");
    }
    for text in ["BREW", "nonsense", "made-up", "123456", "MMM"] {
        assert!(!metrics.0.contains(text), "{text} is in:\n{}", metrics.0);
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_need_a_read_token_if_tokens_are_configured() {
    let digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let app = App::new().simple_task("echo", guests::ECHO);
    let server = Server::start(&app, &["--token", &format!("read:{digest}")]);
    let without = server.get("/metrics").await;
    assert_eq!((without.status, without.code()), (401, "unauthorized"));
    let wrong = send(server.request(Method::GET, "/metrics").bearer_auth("secret?")).await;
    assert_eq!((wrong.status, wrong.code()), (401, "unauthorized"));
    let with = client().get(server.url("/metrics")).bearer_auth("secret").send().await.expect("an answer");
    assert_eq!(with.status(), 200);
    server.stop();
}

/// Many tasks, each with a handler.
const TASKS: usize = 3_000;

/// Serves many tasks, whose jobs are in this store.
fn serve_many(store: &str) -> (App, Server) {
    let task = json!({ "process": "plugins.echo", "event": { "success": "plugins.faulty#problem" } });
    let app = App::new().plugin("echo", guests::ECHO).plugin("faulty", guests::FAULTY);
    let app = (0..TASKS).fold(app, |app, number| app.task(&format!("many{number}"), &task));
    let server = Server::start(&app, &["--store", store]);
    (app, server)
}

/// Asserts that the metrics of many tasks are answered quickly; returns them.
#[expect(clippy::print_stdout, reason = "the test prints its measurements")]
async fn assert_fast(server: &Server) -> Metrics {
    let (mut took, mut last) = (Duration::MAX, None);
    for _ in 0..5 {
        let began = std::time::Instant::now();
        let metrics = Metrics::of(server).await;
        took = took.min(began.elapsed());
        assert_eq!(metrics.value("saggar_slots", &[("task", "many2999")]), 1.0);
        last = Some(metrics);
    }
    println!("/metrics of {TASKS} tasks: {took:?}");
    // The limit applies to an unoptimised build; a release build takes a fraction.
    assert!(took < Duration::from_secs(1), "{took:?}");
    last.expect("five answers")
}

/// Adds a delayed job to each task, and a job that succeeds to every hundredth.
async fn add_to_all(server: &Server) {
    let adding = (0..TASKS).map(|number| async move {
        let task = format!("many{number}");
        server.add(&task, &json!({ "delay_ms": 3_600_000 })).await;
        if number % 100 == 99 {
            let id = server.add(&task, &json!({})).await;
            server.ended(&task, id).await;
        }
    });
    futures_util::stream::iter(adding).buffer_unordered(32).collect::<Vec<()>>().await;
}

async fn assert_fast_with_jobs(store: &str) {
    let (_app, server) = serve_many(store);
    add_to_all(&server).await;
    let metrics = assert_fast(&server).await;
    for task in ["many0", "many1499", "many2999"] {
        assert_eq!(metrics.value("saggar_queue_jobs", &[("task", task), ("state", "delayed")]), 1.0, "{task}");
    }
    let success = [("task", "many2999"), ("outcome", "success")];
    until(&server, "saggar_jobs_total", &success, 1.0).await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_thousands_of_tasks_are_fast() {
    let (_app, server) = serve_many("memory");
    assert_fast(&server).await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_thousands_of_tasks_with_jobs_are_fast() {
    assert_fast_with_jobs("memory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_of_thousands_of_tasks_with_jobs_on_disk_are_fast() {
    assert_fast_with_jobs("sqlite").await;
}
