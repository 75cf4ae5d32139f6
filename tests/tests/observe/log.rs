//! The log as JSON.

use saggar_tests::app::App;
use saggar_tests::client::send;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The first line that says `message`.
fn saying<'a>(log: &'a [Value], message: &str) -> &'a Value {
    log.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("`{message}` is not in {log:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_is_an_object_and_those_of_a_traced_job_name_its_trace() {
    let app = App::new().simple_task("echo", guests::ECHO).file("tasks/odd.json", "{");
    let server = Server::start_as(&app, |command| {
        command.args(["--log-format", "json"]).env("RUST_LOG", "info,saggar_worker=debug")
    });
    let add = server.request(reqwest::Method::POST, "/v1/tasks/echo/jobs").json(&json!({"args": [1]}));
    let added = send(add.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))).await;
    assert_eq!(added.status, 201, "{added:?}");
    server.post("/v1/tasks/echo/jobs", &json!({"args": [2]})).await;
    for id in 1..=2 {
        let job = server.get(&format!("/v1/tasks/echo/jobs/{id}?wait=30s")).await;
        assert_eq!(job.body["status"], "SUCCESS", "{job:?}");
    }
    let said = server.stop();
    let parsed = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let log: Vec<Value> = said.iter().map(parsed).collect();
    for line in &log {
        for key in ["timestamp", "level", "message", "target"] {
            assert!(line[key].is_string(), "no {key}: {line}");
        }
    }
    let problem = saying(&log, "there is a problem");
    assert_eq!(problem["level"], "ERROR");
    assert!(problem["problem"].as_str().is_some_and(|text| text.contains("tasks/odd.json")), "{problem}");
    let listening = saying(&log, "listening");
    assert!(listening["url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{listening}");
    let over: Vec<_> = log.iter().filter(|line| line["message"] == "an attempt is over").collect();
    let told = over.iter().map(|line| (&line["task"], &line["id"], &line["outcome"], &line["trace_id"]));
    let (task, success, trace) = (json!("default/echo"), json!("success"), json!(TRACE));
    let expected = [(&task, &json!("1"), &success, &trace), (&task, &json!("2"), &success, &Value::Null)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn a_service_that_cannot_start_says_so_in_the_same_form() {
    let app = App::new().file("tasks/odd.json", "{");
    let mut command = saggar_tests::program::command();
    command.arg("serve").arg(app.path()).args(["--listen", "192.0.2.1:7717", "--log-format", "json"]);
    command.args(["--token", "read:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"]);
    let said = saggar_tests::program::output(&mut command);
    assert_eq!(said.code, Some(1));
    let line: Value = serde_json::from_str(said.err.trim()).unwrap_or_else(|error| panic!("{}: {error}", said.err));
    assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("the command failed")));
    assert!(line["error"].as_str().is_some_and(|error| error.contains("192.0.2.1:7717")), "{line}");
}

#[test]
fn mistakes_of_the_configuration_are_said_in_the_same_form() {
    let app = App::new();
    let mut command = saggar_tests::program::command();
    command.arg("serve").arg(app.path()).args(["--log-format", "json", "--drain", "soon"]);
    let said = saggar_tests::program::output(&mut command);
    assert_eq!(said.code, Some(2));
    let line: Value = serde_json::from_str(said.err.trim()).unwrap_or_else(|error| panic!("{}: {error}", said.err));
    assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("there is a problem")));
    assert!(line["problem"].as_str().is_some_and(|problem| problem.contains("soon")), "{line}");
}
