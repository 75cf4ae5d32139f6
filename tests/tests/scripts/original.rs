//! The original's sample as it stands: its handlers with the documented arguments, and its loop over a restart.

use saggar::{LogLine, LogSource, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use serde_json::json;

/// The files of `examples/apps/yao`: the document's own, but for its `totla`.
pub(super) const TASK: &str = include_str!("../../../examples/apps/yao/tasks/test.yao");
pub(super) const SCRIPT: &str = include_str!("../../../examples/apps/yao/scripts/task.js");
const LOOP_TASK: &str = include_str!("../../../examples/apps/yao/tasks/loop.yao");
const LOOP_SCRIPT: &str = include_str!("../../../examples/apps/yao/scripts/loop.js");

fn app() -> App {
    let app = App::new().file("tasks/test.yao", TASK).script("task", SCRIPT);
    app.file("tasks/loop.yao", LOOP_TASK).script("loop", LOOP_SCRIPT)
}

/// Returns the lines of a job's log in the order of their times.
async fn log(host: &TestHost, task: &str, id: u64) -> Vec<LogLine> {
    let mut lines = host.inner().logs(task, id).await.expect("the job is there");
    lines.sort_by_key(|line| line.at);
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_have_the_documented_order_and_arguments() {
    let host = TestHost::start(app()).await;
    let job = host.run("test", json!(["进入任务1", { "a": 1 }])).await;
    assert_eq!((job.id, response(&job)), (1025, json!({ "message": "ok" })));
    assert_eq!((job.current, job.total, job.message.as_str()), (1, 100, "Progress 1/100"));
    host.idle().await;
    let lines = log(&host, "test", 1025).await;
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    let position = |text: &str| {
        let found = texts.iter().position(|line| *line == text);
        found.unwrap_or_else(|| panic!("no `{text}` in {texts:#?}"))
    };
    // Lines of one millisecond are stored when their call ends, so only their times have an order.
    let times = [
        "NextID: 1025",
        "OnAdd: #1025",
        "[ '进入任务1', { a: 1 } ]",
        "OnProgress: #1025 Progress 1/100 1/100 ",
        "OnSuccess: #1025 {\"message\":\"ok\"}",
    ]
    .map(|text| lines[position(text)].at);
    assert!(times.is_sorted(), "{texts:#?}");
    // `log.Error` in a handler.
    let entered = &lines[position("进入add")];
    assert_eq!(entered.source, LogSource::Log(saggar::LogLevel::Error));
    host.shutdown().await;
}

/// Lets each function of the document's script add a job with its name and its arguments before it does its work.
const RECORDING: &str = "
for (const name of ['NextID', 'Send', 'OnAdd', 'OnProgress', 'OnSuccess', 'OnError']) {
  const original = globalThis[name];
  globalThis[name] = (...args) => {
    Process('tasks.journal.add', name, ...args);
    return original(...args);
  };
}
";

/// The log does not show the order of calls within a millisecond. The ids of jobs do.
#[tokio::test(flavor = "multi_thread")]
async fn the_functions_are_called_in_the_documented_order() {
    let app = app().script("task", &format!("{SCRIPT}{RECORDING}"));
    let host = TestHost::start(app.simple_task("journal", guests::ECHO)).await;
    host.run("test", json!(["进入任务1", { "a": 1 }])).await;
    host.idle().await;
    let expected = [
        json!(["NextID"]),
        json!(["OnAdd", 1025]),
        json!(["Send", 1025, "进入任务1", { "a": 1 }]),
        json!(["OnProgress", 1025, 1, 100, "Progress 1/100"]),
        json!(["OnSuccess", 1025, { "message": "ok" }]),
    ];
    for (id, call) in (1..).zip(&expected) {
        assert_eq!(&response(&host.job("journal", id).await), call);
    }
    assert_eq!(host.try_job("journal", 6).await.err().as_deref(), Some("unknown-job"), "nothing else was called");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_handler_gets_the_message() {
    let task = json!({ "process": "scripts.fails.Send", "event": { "error": "scripts.task.OnError" } });
    let app = app().script("fails", "function Send() { throw new Error('no luck'); }").task("fails", &task);
    let host = TestHost::start(app).await;
    let id = host.run("fails", json!([])).await.id;
    host.idle().await;
    let texts = host.log("fails", id).await;
    let reported = texts.iter().find(|text| text.starts_with(&format!("OnError: #{id} ")));
    assert!(reported.is_some_and(|text| text.contains("no luck")), "{texts:#?}");
    host.shutdown().await;
}

/// The document's `task()` adds 99 jobs; its counter begins at 1025 again after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn the_loop_adds_its_jobs_over_a_restart() {
    let mut host = TestHost::start_durable(app()).await;
    for round in 1..=2 {
        assert_eq!(response(&host.run("loop", json!([])).await), json!(null));
        host.idle().await;
        let counts = host.inner().counts("test").expect("the task is open");
        assert_eq!((counts.success, counts.failure, counts.waiting), (99 * round, 0, 0));
        if round == 1 {
            host = host.restart_durable().await;
        }
    }
    let one_more = host.run("test", json!(["one more"])).await;
    assert_eq!(one_more.status, Status::Success);
    host.idle().await;
    assert_eq!(host.inner().counts("test").expect("the task is open").success, 199);
    host.shutdown().await;
}
