//! Which jobs a guest may look up and cancel: by default its own, and those that its task added.

use saggar::{FailureKind, NewJob, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code, response};
use serde_json::{Value, json};

const HOUR_MS: u64 = 3_600_000;

/// Looks up and cancels jobs; returns the status, or the code of the problem.
const SCRIPT: &str = "
function code(call) { try { return call(); } catch (error) { return error.code; } }
function look(task, id) { return code(() => Process(`tasks.${task}.get`, id).status); }
function stop(task, id) { return code(() => Process(`tasks.${task}.cancel`, id) ?? 'cancelled'); }
function park() { return Process('tasks.parked.addLater', 3600000); }

const answers = {
  park,
  look: (id, task, other) => look(task, other),
  both: (id, task, other) => [look(task, other), stop(task, other)],
  own: (id) => look('ask', id),
  why: (id, task, other) => { try { Process(`tasks.${task}.cancel`, other); } catch (error) { return error.message; } },
};
function ask(id, what, ...args) { return answers[what](id, ...args); }

function retried() {
  const found = look('parked', 1);
  if (found === 'WAITING') return [found, stop('parked', 1)];
  park();
  throw new Error(found);
}

function endless(id) {
  Process('tasks.endless.cancel', id);
  for (;;) {}
}

function next() { console.log(`${look('parked', 1)} ${look('parked', 2)}`); }
function added(id) { console.log(`own ${look('handled', id)}`); }
function ended(id, child) { console.log(`${look('parked', child)} ${stop('parked', child)}`); }
function parked() {}
";

fn app() -> App {
    App::new().script("it", SCRIPT).task("ask", &task("ask")).task("parked", &task("parked"))
}

/// Returns a task whose processor is this function of the script.
fn task(function: &str) -> Value {
    json!({ "process": format!("scripts.it.{function}") })
}

/// Returns the task with access to all jobs.
fn with_all(mut task: Value) -> Value {
    task["sandbox"] = json!({ "tasks": "all" });
    task
}

/// Adds a job of `parked` as a client; it waits for an hour.
async fn park(host: &TestHost) {
    let job = NewJob { delay_ms: HOUR_MS, ..NewJob::new("[]") };
    host.inner().add_job("parked", job).await.expect("the job is added");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_the_task_has_not_added_are_refused() {
    let host = TestHost::start(app().task("other", &task("ask"))).await;
    park(&host).await;
    let refused = json!(["not-added", "not-added"]);
    assert_eq!(host.response("ask", json!(["both", "parked", 1])).await, refused);
    assert_eq!(host.response("ask", json!(["both", "ask", 1])).await, refused, "a job of the same task");
    assert_eq!(host.response("other", json!(["park"])).await, 2);
    assert_eq!(host.response("ask", json!(["both", "parked", 2])).await, refused, "a job that another task added");
    for id in [1, 2] {
        assert_eq!(host.job("parked", id).await.status, Status::Waiting);
    }

    let message = host.response("ask", json!(["why", "Parked", 1])).await;
    let message = message.as_str().expect("a message");
    for part in ["parked#1", "no job of the task `ask`", r#"`"sandbox": {"tasks": "all"}`"#, "definition of `ask`"] {
        assert!(message.contains(part), "no {part} in: {message}");
    }
    let unknown = json!(["unknown-job", "unknown-job"]);
    assert_eq!(host.response("ask", json!(["both", "parked", 99])).await, unknown);
    let unknown = json!(["unknown-task", "unknown-task"]);
    assert_eq!(host.response("ask", json!(["both", "nowhere", 1])).await, unknown);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_finds_itself_and_what_its_task_added() {
    let host = TestHost::start(app().task("endless", &task("endless"))).await;
    assert_eq!(host.response("ask", json!(["own"])).await, "RUNNING");
    assert_eq!(host.response("ask", json!(["park"])).await, 1);
    // Another job of the task than the parent.
    assert_eq!(host.response("ask", json!(["both", "parked", 1])).await, json!(["WAITING", "cancelled"]));
    assert_eq!(host.response("ASK", json!(["both", "PARKED", 1])).await, json!(["FAILURE", "ended"]));
    assert_eq!(host.run("endless", json!([])).await.reason, Some(FailureKind::Cancelled), "it cancels itself");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_attempt_finds_what_the_first_one_added() {
    let retried = json!({ "process": "scripts.it.retried", "attempts": 1, "attempt_after": 1 });
    let host = TestHost::start(app().task("retried", &retried)).await;
    let job = host.run("retried", json!([])).await;
    assert_eq!((response(&job), job.attempt), (json!(["WAITING", "cancelled"]), 2));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_find_their_job_and_what_it_added() {
    let mut handled = task("ask");
    handled["event"] = json!({ "add": "scripts.it.added", "success": "scripts.it.ended" });
    let host = TestHost::start(app().task("handled", &handled)).await;
    assert_eq!(host.response("handled", json!(["park"])).await, 1);
    host.idle().await;
    assert_eq!(host.log("handled", 1).await, ["own WAITING", "WAITING cancelled"]);
    host.shutdown().await;
}

/// A call of `next` is about no job, and finds what jobs of its task added.
#[tokio::test(flavor = "multi_thread")]
async fn next_finds_what_its_task_added() {
    let mut numbered = task("ask");
    numbered["event"] = json!({ "next": "scripts.it.next" });
    let host = TestHost::start(app().task("numbered", &numbered).task("trusted", &with_all(numbered.clone()))).await;
    park(&host).await;
    assert_eq!(host.response("numbered", json!(["park"])).await, 2);
    assert_eq!(host.log("numbered", 1).await, ["not-added unknown-job"]);
    host.run("numbered", json!(["look", "parked", 1])).await;
    assert_eq!(host.log("numbered", 2).await, ["not-added WAITING"]);
    host.run("trusted", json!(["look", "parked", 1])).await;
    assert_eq!(host.log("trusted", 1).await, ["WAITING WAITING"]);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_with_access_to_all_jobs_finds_every_job() {
    let host = TestHost::start(app().task("trusted", &with_all(task("ask")))).await;
    park(&host).await;
    assert_eq!(host.response("trusted", json!(["both", "parked", 1])).await, json!(["WAITING", "cancelled"]));
    assert_eq!(host.response("ask", json!(["own"])).await, "RUNNING");
    assert_eq!(host.response("trusted", json!(["look", "ask", 1])).await, "SUCCESS");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_access_of_later_calls() {
    let host = TestHost::start(app()).await;
    park(&host).await;
    for (definition, expected) in
        [(task("ask"), "not-added"), (with_all(task("ask")), "WAITING"), (task("ask"), "not-added")]
    {
        host.app().write("tasks/ask.json", definition.to_string());
        host.reload().await.expect("the changed app loads");
        assert_eq!(host.response("ask", json!(["look", "parked", 1])).await, expected, "{definition}");
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn components_have_the_same_access_as_scripts() {
    let task = |function: &str| json!({ "process": format!("plugins.it#{function}") });
    let app = App::new()
        .plugin("it", guests::CONFORMANCE)
        .task("lookup", &task("lookup"))
        .task("cancel", &task("cancel"))
        .task("trusted", &with_all(task("cancel")))
        .simple_task("parked", guests::ECHO);
    let host = TestHost::start(app).await;
    park(&host).await;
    assert_eq!(problem_code(&host.run("lookup", json!(["parked", 1])).await), "not-added");
    assert_eq!(host.response("cancel", json!(["parked", 1])).await, "not-added");
    assert_eq!(host.response("trusted", json!(["parked", 1])).await, "cancelled");
    host.shutdown().await;
}
