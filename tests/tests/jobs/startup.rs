//! Starts and reloads: no job or handler runs before jobs can be added to every task of the app.

use std::time::Duration;

use saggar::{NewJob, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use saggar_tests::timeout::within;
use serde_json::{Value, json};

const JOBS: usize = 400;

/// Adds tasks between `a` and `zeta`; a host opens tasks in alphabetical order.
fn others(app: App) -> App {
    let definition = json!({ "process": "plugins.echo" });
    (0..200).fold(app.plugin("echo", guests::ECHO), |app, n| app.task(&format!("between{n}"), &definition))
}

/// Starts a host with waiting jobs of `a`, whose only slot is occupied; returns the id of the job that occupies it.
async fn start_with_waiting_jobs() -> (TestHost, u64) {
    let app = App::new().simple_task("a", guests::GATED).simple_task("keys", guests::ECHO);
    let host = TestHost::start_durable(app).await;
    let blocker = host.close_gate("a").await;
    let jobs = vec![NewJob::new(r#"["zeta", 1, ["from a"]]"#); JOBS];
    host.inner().add_jobs("a", jobs).await.expect("the queue has space");
    (host, blocker)
}

/// Extends the app so that the jobs of `a` add jobs to `zeta`.
fn adding(app: App, slots: u32) -> App {
    let definition = json!({ "process": "plugins.a", "worker_nums": slots });
    others(app).plugin("a", guests::ADDER).task("a", &definition).simple_task("zeta", guests::ECHO)
}

async fn assert_all_added(host: &TestHost, blocker: u64) {
    for id in blocker + 1..=blocker + JOBS as u64 {
        let added = response(&host.end("a", id).await);
        assert_eq!(added["refused"], Value::Null, "job {id}");
    }
    for id in 1..=JOBS as u64 {
        assert_eq!(response(&host.end("zeta", id).await), json!(["from a"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_runs_at_the_start_before_all_tasks_are_open() {
    let (host, blocker) = start_with_waiting_jobs().await;
    host.inner().cancel("a", blocker).await.unwrap();
    let app = host.into_app().await;
    let host = TestHost::start_durable(adding(app, 1)).await;
    assert_all_added(&host, blocker).await;
    host.shutdown().await;
}

/// Delayed jobs and retries are due at the start if their time has come while no host ran.
#[tokio::test(flavor = "multi_thread")]
async fn no_delayed_job_and_no_retry_runs_at_the_start_before_all_tasks_are_open() {
    const EACH: usize = 20;
    const DELAY_MS: u64 = 1_000;
    let definition = json!({ "process": "plugins.a", "attempts": 100, "attempt_after": DELAY_MS });
    let host = TestHost::start_durable(App::new().plugin("a", guests::FAILING).task("a", &definition)).await;
    // The arguments are for the other guest that the task gets; this one traps, and is retried after the delay.
    let jobs = |delay_ms| vec![NewJob { delay_ms, ..NewJob::new(r#"["zeta", 1, ["from a"]]"#) }; EACH];
    host.inner().add_jobs("a", jobs(0)).await.expect("the queue has space");
    host.inner().add_jobs("a", jobs(DELAY_MS)).await.expect("the queue has space");
    for id in 1..=EACH as u64 {
        host.until("a", id, |job| job.status == Status::Waiting && job.attempt > 0).await;
    }
    let app = host.into_app().await;
    // However long the host took to stop: now the time of all jobs has come.
    tokio::time::sleep(Duration::from_millis(2 * DELAY_MS)).await;
    let host = TestHost::start_durable(adding(app, 4)).await;
    for id in 1..=2 * EACH as u64 {
        let job = host.end("a", id).await;
        assert_eq!(response(&job)["refused"], Value::Null, "job {id}");
        assert!(job.attempt > 1 || id > EACH as u64, "{job:?}");
    }
    for id in 1..=2 * EACH as u64 {
        assert_eq!(response(&host.end("zeta", id).await), json!(["from a"]));
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_runs_in_a_reload_before_all_tasks_are_open() {
    let (host, blocker) = start_with_waiting_jobs().await;
    // The app's directory is temporary, so it is changed in place.
    let change = |path: &str, content: Vec<u8>| host.app().write(path, content);
    change("plugins/a.wasm", std::fs::read(guests::ADDER).unwrap());
    change("plugins/zeta.wasm", std::fs::read(guests::ECHO).unwrap());
    for n in 0..40 {
        change(&format!("tasks/between{n}.json"), br#"{ "process": "plugins.zeta" }"#.into());
    }
    change("tasks/zeta.json", br#"{ "process": "plugins.zeta" }"#.into());
    change("tasks/a.json", br#"{ "process": "plugins.a", "worker_nums": 8 }"#.into());
    host.reload().await.unwrap();
    host.open_gate().await;
    assert_all_added(&host, blocker).await;
    assert_eq!(host.end("a", blocker).await.status, Status::Success, "it ended under its old definition");
    host.shutdown().await;
}

fn with(event: &str, handler: &str) -> Value {
    json!({ "process": "plugins.echo", "event": { event: handler }, "sandbox": { "event_timeout": 3600 } })
}

/// Starts a host with 20 jobs of `a.on-hold` on hold until their add handler has run, and 20 ended jobs of `a.ended` whose
/// success callbacks are pending.
async fn start_with_pending_callbacks() -> TestHost {
    let stuck = "plugins.faulty#spin";
    let app = App::new().plugin("echo", guests::ECHO).plugin("faulty", guests::FAULTY);
    let app = app.task("a.on-hold", &with("add", stuck)).task("a.ended", &with("success", stuck));
    let host = TestHost::start_durable(app).await;
    for task in ["a.on-hold", "a.ended"] {
        host.inner().add_jobs(task, vec![NewJob::new("[]"); 20]).await.expect("the queue has space");
    }
    for id in 1..=20 {
        host.end("a.ended", id).await;
    }
    host
}

/// The handlers add jobs; some are called for jobs on hold, some for ended jobs.
#[tokio::test(flavor = "multi_thread")]
async fn no_handler_is_called_at_the_start_before_all_tasks_are_open() {
    let host = start_with_pending_callbacks().await;
    let recorder = "plugins.recorder";
    let app = others(host.into_app().await).plugin("recorder", guests::RECORDER).simple_task("journal", guests::ECHO);
    let app = app.task("a.on-hold", &with("add", recorder)).task("a.ended", &with("success", recorder));
    let host = TestHost::start_durable(app).await;
    let mut notes = host.journal().await;
    notes.sort();
    notes.dedup();
    assert_eq!(notes.len(), 40, "{notes:?}");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_on_hold_run_when_the_definition_loses_their_handler() {
    let without = json!({ "process": "plugins.echo" });
    let app = start_with_pending_callbacks().await.into_app().await;
    let host = TestHost::start_durable(app.task("a.on-hold", &without).task("a.ended", &without)).await;
    for id in 1..=20 {
        assert_eq!(host.end("a.on-hold", id).await.status, Status::Success);
    }
    host.idle().await;
    host.inner().retry("a.ended", 7).await.expect("no callback is pending");
    assert_eq!(host.end("a.ended", 7).await.status, Status::Success);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_removes_handlers_releases_the_jobs_on_hold() {
    let host = start_with_pending_callbacks().await;
    host.app().write("tasks/a/on-hold.json", br#"{ "process": "plugins.echo" }"#);
    host.app().write("tasks/a/ended.json", br#"{ "process": "plugins.echo" }"#);
    host.reload().await.unwrap();
    // The handler of the earlier definition is running for the first job, and never returns.
    for id in 2..=20 {
        assert_eq!(host.end("a.on-hold", id).await.status, Status::Success);
    }
    let is_settled = async {
        while host.inner().counts("a.ended").expect("an open task").callbacks > 1 {
            tokio::task::yield_now().await;
        }
    };
    within("the callbacks being settled", is_settled).await;
    host.inner().retry("a.ended", 20).await.expect("no callback is pending");
    assert_eq!(host.end("a.ended", 20).await.status, Status::Success);
    host.shutdown_within(Duration::ZERO).await;
}
