//! `saggar test APP` runs the `*.test.json` files beside the code.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::saggar_on;
use serde_json::{Value, json};

fn app(cases: &Value) -> App {
    App::new().plugin("typed", guests::TYPED).file("plugins/typed.test.json", cases.to_string())
}

/// Returns the differences of the only case.
fn difference(case: &Value) -> String {
    let said = saggar_on("test", &app(&json!([case])), &["--json"]);
    let document: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!((said.code, &document["failed"]), (Some(1), &json!(1)), "{said:?}");
    document["cases"][0]["differences"].to_string()
}

#[test]
fn all_cases_of_all_files_run() {
    let app = app(&json!([
        { "handler": "sum", "call": [2, 3], "response": 5, "adds": [], "logs": [] },
        {
            "name": "repeats", "handler": "repeat", "call": ["ab", 3], "response": "ababab",
            "progress": { "current": 1, "total": 1, "message": "3 times" },
        },
        { "handler": "repeat", "call": ["ab", 101], "problem": { "code": "too-often", "reason": "rejected" } },
        { "role": "on-success", "input": 7, "logs": ["answered 7"] },
    ]))
    .plugin("deep.recorder", guests::RECORDER)
    .file(
        "plugins/deep/recorder.test.json",
        json!([
            { "call": ["Ada"], "adds": [{ "task": "journal", "args": ["process 1 [\"Ada\"] attempt 1"] }] },
            { "role": "id-source", "response": null, "logs": ["next"] },
            { "role": "add-handler", "response": null },
        ])
        .to_string(),
    );
    let said = saggar_on("test", &app, &[]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let lines: Vec<_> = said.out.lines().collect();
    assert!(lines[0].starts_with("ok      plugins/deep/recorder.test.json#1  "), "{}", said.out);
    assert!(lines[4].starts_with("ok      plugins/typed.test.json#2 repeats  "), "{}", said.out);
    assert_eq!(lines.last(), Some(&"7 passed, 0 failed"));
    let one = saggar_tests::program::saggar(["test", app.path().join("plugins/typed.test.json").to_str().unwrap()]);
    assert_eq!((one.code, one.out.lines().last()), (Some(0), Some("4 passed, 0 failed")), "{one:?}");
}

#[test]
fn a_case_that_fails_says_how() {
    for (case, expected) in [
        (json!({ "handler": "sum", "call": [2, 3], "response": 6 }), "the response is 5; expected 6"),
        (json!({ "handler": "sum", "call": [2, 3], "problem": {} }), "expected a failure, but the response is 5"),
        (json!({ "handler": "sum", "call": [2] }), "invalid-args"),
        (json!({ "handler": "nothing", "call": [] }), "unknown-handler"),
        (
            json!({ "handler": "repeat", "call": ["a", 101], "problem": { "code": "gone", "message": "no", "reason": "trap" } }),
            "the reason is `rejected`; expected `trap`",
        ),
        (json!({ "handler": "sum", "call": [1, 2], "logs": ["three"] }), "the log has no (further) line with `three`"),
        (
            json!({ "handler": "sum", "call": [1, 2], "progress": { "current": 1, "total": 2 } }),
            "the last progress is None",
        ),
        (json!({ "handler": "sum", "call": [1, 2], "adds": [{ "task": "a" }] }), "0 jobs were added"),
        (json!({ "role": "worker" }), "there is no role `worker`; the roles are processor, id-source"),
        (json!({ "role": "add-handler" }), "does not export `saggar:task/add-handler@0.1.0`"),
        (json!({ "handler": "sum", "call": [1, 2], "respons": 3 }), "unknown field `respons`"),
    ] {
        let found = difference(&case);
        assert!(found.contains(expected), "no `{expected}` in {found}");
    }
}

/// Numbers keep all digits, beyond the range of a double too.
#[test]
fn numbers_are_compared_by_every_digit() {
    for (given, same, other) in [
        ("18446744073709551616", "18446744073709551616", "18446744073709551617"),
        ("0.1000000000000000055", "1.000000000000000055e-1", "0.1"),
        ("1e400", "10e399", "1e401"),
    ] {
        for (expected, passed) in [(same, 2), (other, 0)] {
            let app = App::new()
                .plugin("echo", guests::ECHO)
                .file("plugins/echo.test.json", format!(r#"[{{ "call": [{given}], "response": [ {expected} ] }}]"#))
                .plugin("adder", guests::ADDER)
                .file(
                    "plugins/adder.test.json",
                    format!(
                        r#"[{{ "call": ["a", 1, [{given}]], "adds": [{{ "task": "a", "args": [{expected}] }}] }}]"#
                    ),
                );
            let said = saggar_on("test", &app, &["--json"]);
            let document: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
            assert_eq!(document["passed"], passed, "{given} {expected}: {document}");
        }
    }
}

#[test]
fn broken_files_fail_and_the_others_run() {
    let app = app(&json!([{ "handler": "sum", "call": [1, 1], "response": 2 }]))
        .file("plugins/alone.test.json", "[{}]")
        .file("plugins/empty.test.json", "[]")
        .file("plugins/deep.test.json", format!("[{{\"call\":{}", "[".repeat(100_000)))
        .file("plugins/list.test.json", "[{}, [\"name\", \"handler\"]]")
        .file("plugins/damaged.test.json", "[{\n  \"call\": 7\n}]");
    let said = saggar_on("test", &app, &[]);
    assert_eq!(said.code, Some(1));
    for expected in [
        "none of plugins/alone.wasm, plugins/alone.js and plugins/alone.ts exists",
        "the file has no case",
        "EOF while parsing a list at line 1 column 100009",
        "invalid type: sequence, expected an object at line 1 column 5",
        "at line 2 column 11",
        "ok      plugins/typed.test.json#1",
        "1 passed, 5 failed",
    ] {
        assert!(said.out.contains(expected), "no `{expected}` in {}", said.out);
    }
    let none = saggar_on("test", &App::new(), &[]);
    assert_eq!(none.code, Some(1), "nothing to test is no success");
    assert!(none.err.contains("has no test file"), "{}", none.err);
    let surplus = saggar_on("test", &app, &["argument"]);
    assert!(surplus.err.contains("give only their path"), "{}", surplus.err);
}
