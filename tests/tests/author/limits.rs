//! `saggar test` makes calls with the limits of the task that names the function.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, saggar, saggar_on};
use serde_json::{Value, json};

/// Calls a reference in an app.
fn test(app: &App, arguments: &[&str]) -> CommandOutput {
    let app = app.path().to_str().expect("a path in UTF-8");
    saggar([&["test"], arguments, &["--app", app]].concat())
}

/// Returns the document of a call that ends with this exit code.
fn document(app: &App, arguments: &[&str], code: i32) -> Value {
    let said = test(app, &[arguments, &["--json"]].concat());
    assert_eq!(said.code, Some(code), "{said:?}");
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

/// An app with a function that is called with its context, and the tasks that name it.
fn app(tasks: &[(&str, Value)]) -> App {
    let app = App::new().plugin("it", guests::CONFORMANCE);
    tasks.iter().fold(app, |app, (id, definition)| app.task(id, definition))
}

fn spinning() -> App {
    App::new().plugin("spin", guests::HOSTILE_TIME).task("spin", &json!({ "process": "plugins.spin", "timeout": 0.3 }))
}

#[test]
fn a_call_has_the_limits_of_its_task() {
    let endless = document(&spinning(), &["plugins.spin", "spin"], 1);
    assert_eq!(endless["reason"], "timeout");
    assert_eq!((&endless["limits"]["task"], &endless["limits"]["timeout_ms"]), (&json!("spin"), &json!(300.0)));

    let small = json!({ "process": "plugins.leak", "sandbox": { "memory": "4MiB", "reuse": 3 } });
    let app = App::new().plugin("leak", guests::HOSTILE_MEMORY).task("leak", &small);
    let leaking = document(&app, &["plugins.leak", "leak_forever"], 1);
    assert_eq!(leaking["reason"], "out-of-memory");
    assert!(leaking["peak_memory_bytes"].as_u64().unwrap() <= 4 << 20);
    assert_eq!((&leaking["limits"]["memory_bytes"], &leaking["limits"]["reuse"]), (&json!(4 << 20), &json!(3)));
    let text = test(&app, &["plugins.leak", "leak_forever", "--timeout", "5s"]).err;
    assert!(text.contains("limits: of the task `leak`: timeout 5s · memory 4 MiB · reuse 3\n"), "{text}");
}

#[test]
fn a_call_belongs_to_its_task() {
    let app = app(&[("mail.send", json!({ "process": "plugins.it#context", "attempts": 2 }))]);
    let called = document(&app, &["plugins.it#context"], 0);
    assert_eq!((&called["response"]["task"], &called["response"]["max_attempts"]), (&json!("mail.send"), &json!(3)));
    // The file is in an app, too, wherever the command is called.
    let file = app.path().join("plugins/it.wasm");
    let called = saggar(["test", file.to_str().unwrap(), "--handler", "context", "--json"]);
    let called: Value = serde_json::from_str(&called.out).unwrap_or_else(|error| panic!("{error}: {called:?}"));
    assert_eq!(called["limits"]["task"], "mail.send");
}

#[test]
fn a_function_without_a_task_has_the_defaults() {
    let app = app(&[("other", json!({ "process": "plugins.it#echo", "timeout": 3 }))]);
    let called = document(&app, &["plugins.it#context"], 0);
    let defaults = json!({ "task": null, "timeout_ms": 300_000.0, "memory_bytes": 64 << 20, "reuse": 10_000 });
    assert_eq!((&called["limits"], &called["response"]["task"]), (&defaults, &json!("test")));
    let text = test(&app, &["plugins.it#context"]).err;
    assert!(text.contains("limits: a task's defaults: timeout 5m · memory 64 MiB"), "{text}");
}

#[test]
fn handlers_have_the_timeout_of_handlers() {
    let definition = json!({
        "process": "plugins.it#echo", "timeout": 3, "event": { "success": "plugins.it#succeeded" },
        "sandbox": { "event_timeout": 2 },
    });
    let app = app(&[("mail", definition)]);
    let called = document(&app, &["plugins.it#succeeded", "--role", "on-success", "--input", "1"], 0);
    assert_eq!((&called["limits"]["task"], &called["limits"]["timeout_ms"]), (&json!("mail"), &json!(2_000.0)));
}

#[test]
fn one_of_several_tasks_is_chosen() {
    let of_timeout = |timeout: u32| json!({ "process": "plugins.it#context", "timeout": timeout });
    let app = app(&[("a", of_timeout(1)), ("b", of_timeout(2)), ("c", json!({ "process": "plugins.it#echo" }))]);
    let app = app.file("tasks/broken.json", "{");
    let chosen = document(&app, &["plugins.it#context", "--task", "B"], 0);
    assert_eq!((&chosen["limits"]["task"], &chosen["response"]["task"]), (&json!("b"), &json!("b")));
    for (arguments, expected) in [
        (
            &[][..],
            "2 tasks name plugins.it#context as `process`: a, b; choose the one whose limits count with `--task`",
        ),
        (&["--task", "c"], "`process` of the task `c` is plugins.it#echo, not plugins.it#context"),
        (&["--task", "brokem"], "has no task `brokem`"),
        (&["--task", "broken"], "the task `broken` has errors"),
    ] {
        let said = test(&app, &[&["plugins.it#context"], arguments].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{arguments:?}: {said:?}");
        assert!(said.err.contains(expected), "no `{expected}` in {}", said.err);
    }
    // A component that is in no app has the limits of any task.
    let outside = document(&app, &[guests::CONFORMANCE, "--handler", "context", "--task", "a"], 0);
    assert_eq!(outside["response"]["task"], "a");
}

#[test]
fn the_problems_of_task_files_are_shown() {
    let app = app(&[]).file("tasks/broken.json", r#"{ "process": "plugins.it#context", "timeuot": 3 }"#);
    let said = test(&app, &["plugins.it#context"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("unknown key `timeuot`"), "{}", said.err);
}

#[test]
fn cases_of_test_files_have_the_limits_of_their_task() {
    let app = spinning().file("plugins/spin.test.json", r#"[{ "call": ["spin"] }]"#);
    let said = saggar_on("test", &app, &["--json"]);
    let document: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let case = &document["cases"][0];
    assert_eq!((&case["task"], &case["passed"]), (&json!("spin"), &json!(false)));
    let expected = "limits: of the task `spin`: timeout 300ms";
    assert!(case["differences"][1].as_str().is_some_and(|text| text.starts_with(expected)), "{case}");
    let file = app.path().join("plugins/spin.test.json");
    let alone = saggar(["test", file.to_str().unwrap()]);
    assert!(alone.out.contains(expected), "{alone:?}");

    let app = app_of_two();
    let said = saggar_on("test", &app, &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("ok      plugins/it.test.json#1") && said.out.contains("2 tasks name"), "{}", said.out);
}

fn app_of_two() -> App {
    let echo = json!({ "process": "plugins.it#echo" });
    let cases =
        r#"[{ "handler": "echo", "call": [1], "response": 1, "task": "b" }, { "handler": "echo", "call": [1] }]"#;
    app(&[("a", echo.clone()), ("b", echo)]).file("plugins/it.test.json", cases)
}
