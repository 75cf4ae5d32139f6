//! Jobs that a script adds have keys by their positions in the call, so that a retried attempt adds none twice.

use saggar_tests::app::App;
use saggar_tests::host::TestHost;
use serde_json::json;

const SCRIPT: &str = "
let attempts = 0;
function parent(id, fails, fresh) {
  const ids = [];
  for (const n of [1, 2, 3]) ids.push(Process('tasks.child.add', fresh ? Math.random() : n));
  ids.push(Process('tasks.child.addLater', 1, 'later'), Process('tasks.child.addWith', { priority: 1 }, 'with'));
  attempts += 1;
  if (fails && attempts % 2 === 1) throw new Error('after its adds');
  return ids;
}
function unkeyed(id) {
  const child = Process('tasks.child.addWith', { key: null }, 'each time');
  attempts += 1;
  if (attempts % 2 === 1) throw new Error('after its add');
  return child;
}
function child() {}
";

async fn start() -> TestHost {
    let retried = |function: &str| json!({ "process": format!("scripts.it.{function}"), "attempts": 1, "attempt_after": 1, "worker_nums": 1 });
    let app = App::new().script("it", SCRIPT).task("parent", &retried("parent")).task("unkeyed", &retried("unkeyed"));
    TestHost::start(app.task("child", &json!({ "process": "scripts.it.child" }))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_attempt_adds_no_job_twice() {
    let host = start().await;
    let failing = host.run("parent", json!([true])).await;
    assert_eq!((failing.attempt, failing.problem), (2, None));
    let children: Vec<u64> = serde_json::from_str(failing.response.as_deref().expect("a response")).expect("ids");
    assert_eq!(children, [1, 2, 3, 4, 5], "the second attempt got the jobs of the first");
    let again = host.response("parent", json!([false])).await;
    assert_eq!(again, json!([6, 7, 8, 9, 10]), "another job has other keys");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_arguments_at_the_same_position_answer_0_and_say_why() {
    let host = start().await;
    let job = host.run("parent", json!([true, true])).await;
    assert_eq!(job.response.as_deref(), Some("[0,0,0,4,5]"));
    let log = host.log("parent", job.id).await.join("\n");
    assert!(log.contains("tasks.child.add answers 0: job number 0 (from 0) that this call adds differs"), "{log}");
    assert!(log.contains("key-reused"), "{log}");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_a_key_is_added_by_each_attempt() {
    let host = start().await;
    assert_eq!(host.run("unkeyed", json!([])).await.response.as_deref(), Some("2"));
    host.shutdown().await;
}
