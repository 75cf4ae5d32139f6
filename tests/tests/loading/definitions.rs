//! Task files: ids from paths, comments, `$ENV`, and invalid files beside valid ones.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost, builder};
use serde_json::json;

const WITH_COMMENTS: &str = r#"{
    // The original's sample, with a trailing comma.
    "name": "测试task", /* a label */
    "worker_nums": "10",
    "process": "plugins.echo",
}"#;

fn app() -> App {
    App::new().plugin("echo", guests::ECHO)
}

async fn assert_runs(host: &TestHost, task: &str) {
    assert_eq!(host.response(task, json!([task])).await, json!([task]), "{task}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_come_from_paths() {
    let simple = r#"{ "process": "plugins.echo" }"#;
    let app = app()
        .file("tasks/test.yao", WITH_COMMENTS)
        .file("tasks/mail/send.task.yao", simple)
        .file("tasks/mail/send.later.tsk.jsonc", WITH_COMMENTS)
        .file("tasks/deep/er/still.json", simple)
        .file("tasks/Upper.json", simple)
        .file("tasks/notes.txt", "not a task");
    let host = TestHost::start(app).await;
    for task in ["test", "mail.send", "mail.send.later", "deep.er.still", "Upper", "upper", "MAIL.Send"] {
        assert_runs(&host, task).await;
    }
    assert_eq!(host.try_add("notes", json!([])).await, Err("unknown-task".into()));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_file_does_not_hide_valid_ones() {
    let app = app()
        .file("tasks/a.json", r#"{ "process": "plugins.echo" }"#)
        .file("tasks/b.json", r#"{ "process": "plugins.echo", "timeuot": 3, "size": -1 }"#)
        .file("tasks/c.json", "not JSON")
        .file("tasks/d.json", r#"{ "process": "plugins.gone" }"#)
        .file("tasks/e.json", r#"{ "process": "plugins.echo" }"#);
    let host = builder(&app).build().await.expect("two tasks are valid");
    for task in ["a", "e"] {
        let id = host.add(task, "[]").await.expect("a valid task accepts jobs");
        assert_eq!(host.wait(task, id).await.unwrap().response.as_deref(), Some("[]"));
    }
    let loaded = host.app();
    let problems: Vec<_> = loaded.problems.iter().map(|problem| &*problem.location.file).collect();
    assert_eq!(problems, ["tasks/b.json", "tasks/b.json", "tasks/c.json", "tasks/d.json"], "{:#?}", loaded.problems);
    host.shutdown(saggar_tests::timeout::TIMEOUT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_ids_are_an_error_that_names_both_files() {
    let simple = r#"{ "process": "plugins.echo" }"#;
    for other in ["tasks/MAIL.json", "tasks/mail.task.yao", "tasks/mail.jsonc"] {
        let app = app().file("tasks/mail.json", simple).file(other, simple).file("tasks/other.json", simple);
        let why = TestHost::try_start(app, Start::default()).await.err().expect("two files with one id");
        assert!(why.contains("tasks/mail.json") && why.contains(other), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_from_the_environment() {
    let task = json!({ "process": "plugins.echo", "name": "$ENV.LABEL", "worker_nums": "$ENV.SLOTS" });
    let app = app().task("it", &task);
    let variable = |name: &str| match name {
        "LABEL" => Some("from outside".to_owned()),
        "SLOTS" => Some("3".to_owned()),
        _ => None,
    };
    let loaded = builder(&app).env(variable).load().await.expect("the engine starts");
    assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
    let task = &loaded.tasks[0];
    assert_eq!((task.name.as_str(), task.worker_nums), ("from outside", 3));

    let why = TestHost::try_start(app, Start::default()).await.err().expect("the variables are not set");
    assert!(why.contains("LABEL") && why.contains("SLOTS"), "{why}");
}
