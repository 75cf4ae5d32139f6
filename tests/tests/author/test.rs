//! `saggar test` calls a function under the limits of production, without a queue.

use std::time::{Duration, Instant};

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, saggar};
use serde_json::{Value, json};

fn test(arguments: &[&str]) -> CommandOutput {
    let said = saggar([&["test"], arguments].concat());
    assert!(!said.err.contains("panicked at host"), "{}", said.err);
    said
}

/// Returns the document of a call that ends with this exit code.
fn document(arguments: &[&str], code: i32) -> Value {
    let said = test(&[arguments, &["--json"]].concat());
    assert_eq!(said.code, Some(code), "{said:?}");
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

#[test]
fn a_call_prints_its_response_and_its_costs() {
    let said = test(&[guests::ECHO, "1", "two", r#"{"three":3}"#]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "[1,\"two\",{\"three\":3}]\n"));
    for part in ["fresh ", " (instantiation ", " · call ", " · CPU ", " KiB · imports used: "] {
        assert!(said.err.contains(part), "no `{part}` in {}", said.err);
    }
}

#[test]
fn a_call_records_what_the_guest_asks_of_the_host() {
    let recorded = document(&[guests::RECORDER, "Ada"], 0);
    assert_eq!(recorded["response"], json!({ "message": "ok" }));
    assert_eq!(recorded["logs"], json!([{ "source": "info", "text": "process 1 [\"Ada\"] attempt 1" }]));
    assert_eq!(recorded["progress"], json!({ "current": 2, "total": 2, "message": "done", "reports": 2 }));
    assert_eq!(recorded["adds"], json!([{ "task": "journal", "args": ["process 1 [\"Ada\"] attempt 1"] }]));
    assert_eq!(recorded["imports_used"], json!(["context", "progress", "log", "tasks"]));
    assert!(recorded["peak_memory_bytes"].as_u64().unwrap() > 65_536);
    let [fresh, instantiation, call, cpu] =
        ["fresh_us", "instantiation_us", "call_us", "cpu_us"].map(|name| recorded[name].as_f64().expect("a number"));
    assert!(fresh > instantiation && instantiation > 0.0 && call > 0.0 && cpu > 0.0, "{recorded}");

    let text = test(&[guests::RECORDER, "Ada"]).err;
    for line in ["  info     | process 1", "  progress | 2/2 done (2 reports)", "  would add | journal [\"process"] {
        assert!(text.contains(line), "no `{line}` in {text}");
    }
}

#[test]
fn every_role_can_be_called() {
    let logged = |arguments: &[&str]| {
        let recorded = document(&[&[guests::RECORDER], arguments].concat(), 0);
        assert_eq!(recorded["response"], Value::Null);
        recorded["logs"][0]["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(logged(&["--role", "id-source"]), "next");
    assert_eq!(logged(&["--role", "on-add"]), "add 1");
    assert_eq!(logged(&["--role", "on-success", "--input", r#"{"ok":true}"#]), r#"success 1 {"ok":true}"#);
    let progress = r#"{"current":1,"total":3,"message":"x"}"#;
    assert_eq!(logged(&["--role", "progress-handler", "--input", progress]), "progress 1 1/3 x");
    let problem = r#"{"code":"gone","message":"it is gone"}"#;
    assert!(logged(&["--role", "error-handler", "--input", problem]).contains("gone"));
}

#[test]
fn a_failure_has_its_reason_and_exit_code() {
    let rejected = document(&[guests::FAILING, "reject", "9", "0"], 1);
    assert_eq!((&rejected["status"], &rejected["reason"]), (&json!("FAILURE"), &json!("rejected")));
    assert_eq!(rejected["problem"]["details"], json!({ "attempt": 1 }));
    assert_eq!(document(&[guests::FAILING, "trap", "9", "0"], 1)["reason"], "trap");
    let text = test(&[guests::FAILING, "retry", "9", "0"]);
    assert_eq!((text.code, text.out.as_str()), (Some(1), ""));
    assert!(text.err.contains("FAILURE (failed): not-yet: attempt 1 fails by retry"), "{}", text.err);
}

#[test]
fn the_limits_are_those_of_the_command_line() {
    let began = Instant::now();
    let endless = document(&[guests::HOSTILE_TIME, "spin", "--timeout", "0.3s"], 1);
    assert_eq!(endless["reason"], "timeout");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let small = document(&[guests::HOSTILE_MEMORY, "leak_forever", "--memory", "4MiB"], 1);
    assert_eq!(small["reason"], "out-of-memory");
    assert!(small["peak_memory_bytes"].as_u64().unwrap() <= 4 << 20);
    let invalid = test(&[guests::ECHO, "--memory", "64MB"]);
    assert_eq!(invalid.code, Some(1));
    assert!(invalid.err.contains("MiB"), "{}", invalid.err);
}

#[test]
fn repeated_calls_share_an_instance() {
    let repeated = document(&[guests::ECHO, "1", "--repeat", "50"], 0);
    assert_eq!((&repeated["repeat"]["calls"], &repeated["repeat"]["failed"]), (&json!(50), &json!(0)));
    assert_eq!(repeated["repeat"]["instances"], 1);
    let text = test(&[guests::ECHO, "1", "--repeat", "50"]);
    assert!(text.err.contains("50 calls, 0 failed, 1 instances: min "), "{}", text.err);
    let failing = document(&[guests::FAILING, "trap", "9", "0", "--repeat", "3"], 1);
    assert_eq!((&failing["repeat"]["failed"], &failing["repeat"]["instances"]), (&json!(3), &json!(3)));
}

#[test]
fn a_reference_names_a_component_of_an_app() {
    let app = App::new().plugin("math.typed", guests::TYPED);
    let path = app.path().to_str().unwrap();
    let in_app = |target: &str, more: &[&str]| test(&[&[target, "--app", path], more].concat());
    let sum = in_app("plugins.math.typed#sum", &["2", "3"]);
    assert_eq!((sum.code, sum.out.as_str()), (Some(0), "5\n"), "{sum:?}");
    assert_eq!(in_app("plugins.math.typed", &["--handler", "sum", "2", "-3"]).out, "-1\n");
    for (target, more, expected) in [
        ("plugins.math.typed#sum", &["--handler", "sum"][..], "names a handler already"),
        ("plugins.math.type", &[], "cannot open plugins/math/type.wasm"),
        ("plugins.../x", &[], "empty part"),
        ("math.typed", &[], "there is no file `math.typed`"),
        ("plugins.math.typed", &["--role", "add-handler"], "does not export `saggar:task/add-handler@0.1.0`"),
    ] {
        let said = in_app(target, more);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{target} {more:?}: {said:?}");
        assert!(said.err.contains(expected), "no `{expected}` in {}", said.err);
    }
}

#[test]
fn inputs_that_do_not_fit_the_role_are_refused() {
    for (arguments, expected) in [
        (&["--role", "on-success"][..], "the handler needs an input"),
        (&["--role", "on-success", "--input", "{"], "the input is not JSON"),
        (&["--role", "on-error", "--input", r#"{"kode":"x"}"#], "unknown field `kode`"),
        (&["--role", "on-add", "--input", "1"], "no input besides the job"),
        (&["--role", "on-add", "1"], "only a processor takes arguments"),
        (&["--input", "1"], "takes arguments"),
    ] {
        let said = test(&[&[guests::RECORDER], arguments].concat());
        assert_eq!(said.code, Some(1), "{arguments:?}");
        assert!(said.err.contains(expected), "no `{expected}` in {}", said.err);
    }
}

/// What a guest writes to the terminal of its author cannot control it.
#[test]
fn hostile_output_is_escaped_and_bounded() {
    for behaviour in ["fail_with_escapes", "log_escapes", "print_escapes", "report_escapes"] {
        let said = test(&[guests::HOSTILE_WORDS, behaviour]);
        let text = said.out + &said.err;
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{behaviour}: {text:?}");
    }
    let flood = test(&[guests::HOSTILE_MEMORY, "log_128_mib"]);
    assert!(flood.err.len() < 32 << 20, "{} bytes", flood.err.len());
}
