//! Which tasks a guest may add jobs to: by default to every task of the app, as a client may.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::TestHost;
use serde_json::{Value, json};

/// Adds jobs in two ways; each answers the id, 0 if it was refused, or the code of an error.
const SCRIPT: &str = "
function code(call) { try { return call(); } catch (error) { return error.code; } }
function add(task) { return code(() => Process(`tasks.${task}.add`, 1)); }
function later(task) { return code(() => Process(`tasks.${task}.addLater`, 1000)); }
function both(id, task) { return [add(task), later(task)]; }
function next() { console.log(`next ${add('other')}`); }
function added() { console.log(`added ${add('other')}`); }
function ended() { console.log(`ended ${add('mail.send')}`); }
";

fn task(function: &str, add: &Value) -> Value {
    let mut task = json!({ "process": format!("scripts.it.{function}") });
    if !add.is_null() {
        task["sandbox"] = json!({ "tasks": { "add": add } });
    }
    task
}

/// Returns an app with the tasks `mail.send` and `other`, and `it`, which may add jobs to these.
fn app(add: &Value) -> App {
    App::new()
        .script("it", SCRIPT)
        .task("it", &task("both", add))
        .plugin("echo", guests::ECHO)
        .task("other", &json!({ "process": "plugins.echo" }))
        .task("mail.send", &json!({ "process": "plugins.echo" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_adds_to_the_tasks_of_its_patterns() {
    for (add, to_mail, to_other) in [
        (json!(null), true, true),
        (json!(["*"]), true, true),
        (json!(["mail.*"]), true, false),
        (json!(["MAIL.Send"]), true, false),
        (json!(["mail"]), false, false),
        (json!(["other", "mail.send.*"]), false, true),
        (json!([]), false, false),
    ] {
        let host = TestHost::start(app(&add)).await;
        for (task, is_allowed) in [("mail.send", to_mail), ("Mail.SEND", to_mail), ("other", to_other)] {
            let answer = host.response("it", json!([task])).await;
            let ids: Vec<u64> = serde_json::from_value(answer).expect("two ids");
            assert!(ids.len() == 2 && ids.iter().all(|id| (*id > 0) == is_allowed), "{add} {task}: {ids:?}");
        }
        host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_what_is_allowed() {
    let host = TestHost::start(app(&json!(["mail.*"]))).await;
    let job = host.run("it", json!(["other"])).await;
    let log = host.log("it", job.id).await;
    let warning = log.first().expect("a warning");
    for part in ["the task `it` may not add jobs to `other`", "mail.*", r#""tasks": {"add": […]}"#, "(not-granted)"] {
        assert!(warning.contains(part), "no {part} in: {warning}");
    }
    host.shutdown().await;
}

/// Each kind of handler has the access of its task.
#[tokio::test(flavor = "multi_thread")]
async fn handlers_and_next_have_the_access_of_their_task() {
    let mut it = task("both", &json!(["mail.*"]));
    it["event"] = json!({ "next": "scripts.it.next", "add": "scripts.it.added", "success": "scripts.it.ended" });
    let host = TestHost::start(app(&json!(null)).task("it", &it)).await;
    let job = host.run("it", json!(["mail.send"])).await;
    host.idle().await;
    let log = host.log("it", job.id).await;
    for line in ["next 0", "added 0"] {
        assert!(log.iter().any(|logged| logged == line), "no {line} in {log:?}");
    }
    let ended = log.iter().find_map(|line| line.strip_prefix("ended ")).expect("the line of the handler");
    assert!(ended.parse::<u64>().is_ok_and(|id| id > 0), "a handler adds to what is allowed: {log:?}");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_not_affected() {
    let host = TestHost::start(app(&json!([]))).await;
    for task in ["other", "mail.send", "it"] {
        host.try_add(task, json!(["x"])).await.unwrap_or_else(|code| panic!("{task}: {code}"));
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn components_have_the_same_access_as_scripts() {
    let task = |add: &[&str]| json!({ "process": "plugins.it#unknown", "sandbox": { "tasks": { "add": add } } });
    let app =
        App::new().plugin("it", guests::CONFORMANCE).task("narrow", &task(&["x"])).task("wide", &task(&["nowhere"]));
    let host = TestHost::start(app).await;
    // The function adds a job to the task `nowhere`.
    assert_eq!(host.response("narrow", json!([])).await, "not-granted");
    assert_eq!(host.response("wide", json!([])).await, "unknown-task");
    host.shutdown().await;
}
