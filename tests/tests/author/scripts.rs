//! `saggar test` calls functions of scripts, and the templates with scripts run.

use saggar_tests::app::App;
use saggar_tests::program::{CommandOutput, command, output, saggar, saggar_on};
use serde_json::{Value, json};

const SCRIPT: &str = "\
import { greeting } from './lib/greet.js';
export function Greet(id, name) {
  if (!name) throw Reject('no-name', 'the name is empty');
  console.log(`greeting ${name}`);
  Process('tasks.mail.greet.progress', id, 1, 2, 'half');
  Process('tasks.journal.add', name);
  return `${greeting}, ${name}!`;
}
export function OnEnd(id, response) { console.log(`#${id}: ${response}`); }
";

fn app() -> App {
    App::new()
        .script("mail.greet", SCRIPT)
        .script("mail.lib.greet", "export const greeting = 'Hello';")
        .task("mail.greet", &json!({ "process": "scripts.mail.greet.Greet" }))
}

/// Calls `target` of an app.
fn call(app: &App, target: &str, arguments: &[&str]) -> CommandOutput {
    let app = app.path().to_string_lossy();
    saggar([&["test", "--app", &*app, target], arguments].concat())
}

/// Returns the document of a call.
fn document(said: &CommandOutput) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

#[test]
fn a_reference_names_a_function_of_a_script() {
    let app = app();
    let said = call(&app, "scripts.mail.greet.Greet", &["Ada", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let recorded = document(&said);
    assert_eq!(recorded["response"], "Hello, Ada!");
    assert_eq!(recorded["logs"], json!([{ "source": "info", "text": "greeting Ada" }]), "no warning of another task");
    assert_eq!(recorded["progress"]["message"], "half");
    let options = json!({ "key": "mail.greet/1/process/0" });
    assert_eq!(recorded["adds"], json!([{ "task": "journal", "args": ["Ada"], "options": options }]));
    let handler = ["--role", "on-success", "--input", "7", "--json"];
    let ended = document(&call(&app, "scripts.mail.greet.OnEnd", &handler));
    assert_eq!(ended["logs"][0]["text"], "#1: 7");
}

#[test]
fn a_file_is_called_from_any_directory() {
    let app = app();
    for (directory, file) in
        [("", "scripts/mail/greet.js"), ("scripts/mail", "greet.js"), ("scripts/mail/lib", "../greet.js")]
    {
        let mut test = command();
        test.args(["test", file, "--handler", "Greet", "Ada"]).current_dir(app.path().join(directory));
        let said = output(&mut test);
        assert_eq!((said.code, said.out.as_str()), (Some(0), "\"Hello, Ada!\"\n"), "{file}: {said:?}");
    }
}

#[test]
fn a_script_that_cannot_be_tested_says_why() {
    let app = app().script("broken", "const a = ;").file("elsewhere/a.js", "1");
    for (target, arguments, expected) in [
        ("scripts.mail.greet.Nothing", &["Ada"][..], "Nothing"),
        ("scripts.mail.greet.Greet", &[], "no-name"),
        ("scripts.broken.Run", &[], "scripts/broken.js:1:11: SyntaxError"),
        ("scripts.nowhere.Run", &[], "cannot open scripts/nowhere.js"),
        (&app.path().join("elsewhere/a.js").to_string_lossy(), &[], "is not below the directory `scripts` of an app"),
    ] {
        let said = call(&app, target, arguments);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains(expected), "no `{expected}` in {}", said.err);
    }
}

#[test]
fn test_files_are_beside_scripts() {
    let cases = json!([
        {
            "handler": "Greet", "call": ["Ada"], "response": "Hello, Ada!", "logs": ["greeting Ada"],
            "adds": [{ "task": "journal", "args": ["Ada"] }],
        },
        { "handler": "Greet", "call": [""], "problem": { "code": "no-name", "reason": "rejected" } },
        { "handler": "OnEnd", "role": "success-handler", "input": "x", "logs": ["#1: x"] },
    ]);
    let app = app().file("scripts/mail/greet.test.json", cases.to_string());
    let said = saggar_on("test", &app, &[]);
    assert_eq!((said.code, said.out.lines().last()), (Some(0), Some("3 passed, 0 failed")), "{said:?}");
    let one = saggar(["test".as_ref(), app.path().join("scripts/mail/greet.test.json").as_os_str()]);
    assert_eq!((one.code, one.out.lines().last()), (Some(0), Some("3 passed, 0 failed")), "{one:?}");
}
