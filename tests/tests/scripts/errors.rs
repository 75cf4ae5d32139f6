//! Errors say where: at load with the source line, at run time in the message, the details and what `run` prints.

use saggar_tests::app::App;
use saggar_tests::program::saggar_on;
use saggar_tests::server::Server;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_syntax_error_shows_its_line_and_the_reference() {
    let script = "// 测试\nfunction run() {\n  const a = ;\n}\n";
    let why = super::refusal(App::new().script("it", script).task("run", &super::task("run"))).await;
    let (_, after) = why.split_once("--> scripts/it.js:3:").unwrap_or_else(|| panic!("{why}"));
    assert!(after.contains("3 |   const a = ;") && after.contains('^'), "{why}");
    assert!(why.contains("tasks/run.json:1:") && why.contains("`process` is a function of this script"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_function_is_an_error_at_its_reference_and_only_there() {
    let script = "function run() {}\nfunction running() {}\n";
    let bad = json!({ "process": "scripts.it.run", "event": { "success": "scripts.it.OnSucess" } });
    let app = App::new().script("it", script).task("good", &super::task("run")).task("bad", &bad);
    let host = saggar_tests::host::builder(&app).build().await.expect("one task can run");
    let problems: Vec<String> = host.app().problems.iter().map(|problem| problem.render(false)).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let why = &problems[0];
    assert!(why.contains("tasks/bad.json:1:") && why.contains("`OnSucess`"), "{why}");
    assert!(why.contains("scripts/it.js") && why.contains("`run`"), "{why}");
    host.shutdown(std::time::Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_cannot_be_read_is_named() {
    let refusal = async |import: &str| {
        let script = format!("import x from '{import}';\nexport function run() {{ return x; }}\n");
        let app = App::new().script("it", &script).file("secret.js", "export default 1").file("scripts/data.json", "1");
        super::refusal(app.task("run", &super::task("run"))).await
    };
    let missing = refusal("./nothing.js").await;
    assert!(missing.contains("the script scripts/nothing.js does not exist"), "{missing}");
    assert!(missing.contains("tasks/run.json:1:"), "{missing}");
    for import in ["../secret.js", "./data.json", "lodash"] {
        let why = refusal(import).await;
        assert!(why.contains("--> scripts/it.js:1:"), "{import}: {why}");
    }
}

/// All files of an import graph are reported at once.
#[test]
fn check_reports_the_errors_of_all_files_that_a_script_imports() {
    let entry = "import './one.js';\nimport './two.js';\nimport './nothing.js';\nimport fs from 'fs';\nexport function run() {}\n";
    let app = App::new().script("it", entry).script("one", "export const a = ;\n");
    let app =
        app.script("two", "import './three.ts';\nlet = 1 +;\n").file("scripts/three.ts", "enum A { B }\nlet c: = 1;\n");
    let said = saggar_on("check", &app.task("run", &super::task("run")), &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    for place in ["one.js:1:18", "two.js:2:", "three.ts:2:", "it.js:3:8", "it.js:4:16"] {
        assert!(said.err.contains(&format!("--> scripts/{place}")), "nothing at {place}:\n{}", said.err);
    }
    assert!(said.err.contains("the script scripts/nothing.js does not exist"), "{}", said.err);
}

const FAILING: &str =
    "function helper(value) {\n  return value.name.length;\n}\n\nfunction run(id) {\n  return helper({});\n}\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_has_its_place_in_the_message_and_the_details() {
    let host = super::start(FAILING, &["run"]).await;
    let job = host.run("run", json!([])).await;
    let problem = job.problem.expect("it failed");
    assert_eq!(problem.code, "exception");
    assert!(problem.message.starts_with("TypeError: ") && problem.message.contains("(scripts/it.js:2:"), "{problem:?}");
    let details: Value = serde_json::from_str(problem.details.as_deref().expect("details")).expect("JSON");
    assert_eq!((&details["file"], &details["line"]), (&json!("scripts/it.js"), &json!(2)), "{details}");
    assert_eq!(details["source"], json!("  return value.name.length;"), "{details}");
    let stack = details["stack"].as_str().expect("a stack");
    assert!(stack.contains("helper") && stack.contains("scripts/it.js:6:"), "{stack}");
    let log = host.log("run", job.id).await.join("\n");
    assert!(
        log.contains("(scripts/it.js:2:") && log.contains("scripts/it.js:2 |   return value.name.length;"),
        "{log}"
    );
    host.shutdown().await;
}

/// Over HTTP, the job has the file, the line, the column and the source line. Its log has the line, and its attempts, which
/// have no details, the place.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_has_the_place_of_a_failure() {
    let app = App::new().script("it", FAILING).task("run", &super::task("run"));
    let server = Server::start(&app, &["--store", "memory"]);
    let id = server.add("run", &json!({})).await;
    let problem = server.ended("run", id).await["problem"].clone();
    let details = &problem["details"];
    assert_eq!((&details["file"], &details["line"]), (&json!("scripts/it.js"), &json!(2)), "{problem}");
    assert_eq!(details["source"], json!("  return value.name.length;"), "{problem}");
    let place = format!("(scripts/it.js:2:{})", details["column"]);
    assert!(problem["message"].as_str().is_some_and(|message| message.ends_with(&place)), "{problem}");
    let attempts = server.get("/v1/tasks/run/jobs/1/attempts").await.body;
    assert_eq!(attempts["attempts"][0]["problem"]["message"], problem["message"]);
    let log = server.get("/v1/tasks/run/jobs/1/logs").await.body;
    let mut lines = log["lines"].as_array().expect("lines").iter();
    assert!(lines.any(|line| line["text"] == "scripts/it.js:2 |   return value.name.length;"), "{log}");
    server.stop();
}

#[test]
fn run_prints_the_line_with_a_caret() {
    let app = App::new().script("it", FAILING).task("run", &super::task("run"));
    let said = saggar_on("run", &app, &["run"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    let lines: Vec<&str> = said.err.lines().collect();
    let at = lines.iter().position(|line| *line == "2 |   return value.name.length;");
    let at = at.unwrap_or_else(|| panic!("{}", said.err));
    assert!(lines[at - 2].starts_with(" --> scripts/it.js:2:"), "{}", said.err);
    assert!(lines[at + 1].trim_end().ends_with('^'), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_decide_about_retries() {
    let script = "
        function reject() { throw Reject('no-such-user', 'there is no such user', { details: { id: 7 } }); }
        function retry(id) { throw Retry('busy', 'the other side is busy', { afterMs: 1 }); }
        async function late() { await null; throw new TypeError('late'); }
    ";
    let app = App::new().script("it", script).task("reject", &json!({ "process": "scripts.it.reject", "attempts": 3 }));
    let app = app.task("retry", &json!({ "process": "scripts.it.retry", "attempts": 2, "attempt_after": 3_600_000 }));
    let host = saggar_tests::host::TestHost::start(app.task("late", &super::task("late"))).await;
    let reject = host.run("reject", json!([])).await;
    let problem = reject.problem.expect("it failed");
    assert_eq!((reject.attempt, problem.code.as_str()), (1, "no-such-user"));
    assert_eq!(problem.details.as_deref(), Some(r#"{"id":7}"#));
    let retry = host.run("retry", json!([])).await;
    assert_eq!((retry.attempt, retry.problem.expect("it failed").code.as_str()), (3, "busy"));
    let late = host.run("late", json!([])).await.problem.expect("it failed");
    assert!(late.message.contains("TypeError: late") && late.message.contains("scripts/it.js:4:"), "{late:?}");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_does_not_exist_is_an_error_that_lists_those_that_do() {
    let script = "
        function add() { Process('tasks.zzzzzz.add'); }
        function look() { Process('tasks.zzzzzz.get', 1); }
        function typo() { Process('tasks.loook.add'); }
    ";
    let host = super::start(script, &["add", "look", "typo"]).await;
    for (task, expected) in [
        ("add", "there is no task `zzzzzz`; there are `add`, `look`, `typo` (scripts/it.js:2:"),
        ("look", "there is no task `zzzzzz`; there are `add`, `look`, `typo` (scripts/it.js:3:"),
        ("typo", "there is no task `loook`; did you mean `look`? (scripts/it.js:4:"),
    ] {
        let problem = host.run(task, json!([])).await.problem.expect("it failed");
        assert_eq!(problem.code, "unknown-task");
        assert!(problem.message.contains(expected), "{}", problem.message);
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_add_that_is_refused_answers_0_and_the_log_says_why() {
    let script = "function run() { return Process('tasks.full.add', 2); } function full() {}";
    let full = json!({ "process": "scripts.it.full", "size": 1 });
    let app = App::new().script("it", script).task("run", &super::task("run")).task("full", &full);
    let host = saggar_tests::host::TestHost::start(app).await;
    host.inner().pause("full").await.expect("the task exists");
    let waiting = host.add("full", json!([1])).await;
    let job = host.run("run", json!([])).await;
    assert_eq!(job.response.as_deref(), Some("0"));
    let log = host.log("run", job.id).await;
    let is_why = |line: &String| line.starts_with("tasks.full.add answers 0: ") && line.ends_with(" (queue-full)");
    assert!(log.iter().any(is_why), "{log:?}");
    host.cancel("full", waiting).await.expect("it waits");
    host.shutdown().await;
}
