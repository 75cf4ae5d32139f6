//! The commands `replay`, `capture` and `test` for a recorded attempt, with the real binary.

use std::fs;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, saggar};
use saggar_tests::server::Server;
use serde_json::{Value, json};

fn app() -> App {
    App::new().simple_task("failing", guests::FAILING)
}

/// Runs a command that asks the server, with an app.
fn ask(server: &Server, app: &App, arguments: &[&str]) -> CommandOutput {
    let (url, app) = (server.url(""), app.path().to_str().expect("a path in UTF-8").to_owned());
    let with_app = arguments[0] == "replay";
    let mut all: Vec<&str> = arguments.to_vec();
    all.extend(["--url", url.trim_end_matches('/')]);
    if with_app {
        all.extend(["--app", &app]);
    }
    saggar(all)
}

#[test]
fn a_failure_is_made_again_captured_and_tested() {
    let app = app();
    let server = Server::start(&app, &[]);
    let added = ask(&server, &app, &["add", "failing", "trap", "9", "0"]);
    assert_eq!((added.code, added.out.trim()), (Some(0), "1"), "{added:?}");
    let got = ask(&server, &app, &["get", "failing", "1", "--wait"]);
    assert_eq!(got.code, Some(1), "{got:?}");

    let replayed = ask(&server, &app, &["replay", "failing", "1", "--json"]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    let document: Value = serde_json::from_str(&replayed.out).expect("JSON");
    assert_eq!((&document["same"], &document["result"]["reason"]), (&json!(true), &json!("trap")));

    assert_eq!(document["memory_hash"], json!(null));
    let verified = ask(&server, &app, &["replay", "failing", "1", "--verify", "--json"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let document: Value = serde_json::from_str(&verified.out).expect("JSON");
    assert!(document["memory_hash"].as_str().is_some_and(|hash| hash.len() == 16), "{document}");

    let saved = app.path().join("attempt.record");
    let saved = saved.to_str().expect("a path in UTF-8");
    let said = ask(&server, &app, &["replay", "failing", "1", "--save", saved]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let captured = ask(&server, &app, &["capture", "failing", "1"]);
    assert_eq!(captured.code, Some(0), "{captured:?}");
    let unknown = ask(&server, &app, &["capture", "failing", "1", "--attempt", "7"]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    drop(server);

    let offline = saggar(["replay", "--record", saved, "--app", app.path().to_str().expect("a path in UTF-8")]);
    assert_eq!(offline.code, Some(0), "{offline:?}");
    let other = saggar(["replay", "--record", saved, "--component", guests::ECHO]);
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.err.contains("it ended with FAILURE (trap)"), "{other:?}");

    let case = app.path().join("case.json");
    let test = |content: &str| {
        fs::write(&case, content).expect("a file");
        saggar(["test".as_ref(), case.as_os_str(), "--app".as_ref(), app.path().as_os_str()])
    };
    let still = test(&captured.out);
    assert_eq!(still.code, Some(1), "the task still fails: {still:?}");
    assert!(still.out.contains("FAILED") && still.out.contains("trap"), "{still:?}");
    let expected = test(&captured.out.replace("\"expect\": {}", "\"expect\": {\"problem\": \"trap\"}"));
    assert_eq!(expected.code, Some(0), "{expected:?}");
    app.write("plugins/failing.wasm", fs::read(guests::ECHO).expect("the guests have been built"));
    let fixed = test(&captured.out);
    assert_eq!(fixed.code, Some(0), "{fixed:?}");
}

#[test]
fn code_that_the_app_has_no_more_comes_from_the_host() {
    let app = app();
    let server = Server::start(&app, &[]);
    // Once it is done, the host has kept the code.
    assert_eq!(ask(&server, &app, &["reload"]).code, Some(0));
    let added = ask(&server, &app, &["add", "failing", "reject", "9", "0"]);
    assert_eq!((added.code, added.out.trim()), (Some(0), "1"), "{added:?}");
    assert_eq!(ask(&server, &app, &["get", "failing", "1", "--wait"]).code, Some(1));
    app.write("plugins/failing.wasm", fs::read(guests::ECHO).expect("the guests have been built"));
    let replayed = ask(&server, &app, &["replay", "failing", "1", "--json"]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    let saved = app.path().join("attempt.record");
    let saved = saved.to_str().expect("a path in UTF-8");
    assert_eq!(ask(&server, &app, &["replay", "failing", "1", "--save", saved]).code, Some(0));
    drop(server);
    let offline = saggar(["replay", "--record", saved, "--app", app.path().to_str().expect("a path in UTF-8")]);
    assert_eq!(offline.code, Some(1), "{offline:?}");
    assert!(offline.err.contains("is another version") && offline.err.contains("--component"), "{offline:?}");
}
