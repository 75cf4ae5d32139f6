//! `saggar run`.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{self, saggar_on};
use serde_json::{Value, json};

fn app() -> App {
    App::new()
        .simple_task("echo", guests::ECHO)
        .simple_task("failing", guests::FAILING)
        .simple_task("printing", guests::PRINTING)
        .simple_task("adder", guests::ADDER)
        .simple_task("slow", guests::SLOW)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn success_prints_the_response_and_nothing_else() {
    let said = saggar_on("run", &app(), &["echo", "1", "two", r#"{"three":[3]}"#, "null", "-4"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(said.out, "[1,\"two\",{\"three\":[3]},null,-4]\n");
}

#[test]
fn jobs_live_in_memory_unless_it_is_told_otherwise() {
    // The file speaks to the service only.
    for app in [app(), app().file("saggar.toml", "store = \"sqlite\"\n")] {
        let store = app.path().join(".saggar");
        let said = saggar_on("run", &app, &["echo"]);
        assert_eq!((said.code, said.err.as_str(), store.exists()), (Some(0), "", false));
        let said = saggar_on("run", &app, &["--store", "sqlite", "echo"]);
        assert_eq!((said.code, store.exists()), (Some(0), true));
    }
}

#[test]
fn failure_prints_the_problem_on_standard_error() {
    let said = saggar_on("run", &app(), &["failing", "reject", "9", "0"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("not-yet") && said.err.contains("attempt 1 fails by reject"), "{}", said.err);
}

#[test]
fn json_prints_the_whole_job() {
    let said = saggar_on("run", &app(), &["echo", "--json", "x"]);
    let job = parsed(&said.out);
    assert_eq!((said.code, &job["status"], &job["response"]), (Some(0), &json!("SUCCESS"), &json!(["x"])));
    let said = saggar_on("run", &app(), &["--json", "failing", "trap", "9", "0"]);
    let job = parsed(&said.out);
    assert_eq!((said.code, &job["status"], &job["reason"]), (Some(1), &json!("FAILURE"), &json!("trap")));
    assert_eq!((&job["id"], &job["task"], &job["attempt"]), (&json!(1), &json!("failing"), &json!(1)));
}

#[test]
fn what_the_guest_says_goes_to_standard_error() {
    let said = saggar_on("run", &app(), &["printing", "ünï"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "null\n"));
    for line in ["out ünï", "err ünï", "Level::Debug ünï", "Level::Error ünï"] {
        assert!(said.err.contains(line), "{line}: {}", said.err);
    }
}

#[test]
fn terminal_escapes_do_not_reach_the_terminal() {
    let app = App::new().simple_task("words", guests::HOSTILE_WORDS);
    for behaviour in ["print_escapes", "log_escapes", "fail_with_escapes", "report_escapes"] {
        for arguments in [vec!["words", behaviour], vec!["--json", "words", behaviour]] {
            let said = saggar_on("run", &app, &arguments);
            let both = said.out + &said.err;
            let treacherous = |c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
            assert!(!both.contains(treacherous), "{behaviour}: {both:?}");
        }
    }
}

/// Jobs that the job added are waited for, and counted.
#[test]
fn jobs_that_the_job_added_are_waited_for() {
    let app = app();
    let said = saggar_on("run", &app, &["adder", "slow", "3", "[100]"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "{\"ids\":[1,2,3],\"refused\":null}\n"));
    assert!(said.err.contains("3 jobs of slow: SUCCESS"), "{}", said.err);
    // These end at the same moment as the job that added them, and are counted all the same.
    for _ in 0..20 {
        let said = saggar_on("run", &app, &["adder", "echo", "2", "[]"]);
        assert!(said.err.contains("2 jobs of echo: SUCCESS"), "{}", said.err);
    }
}

#[test]
fn repeat_prints_a_summary() {
    let said = saggar_on("run", &app(), &["echo", "--repeat", "500", "x"]);
    assert_eq!(said.code, Some(0));
    for part in ["500 jobs", "0 failed", "jobs/s", "p50", "p99", "max"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let said = saggar_on("run", &app(), &["echo", "--json", "--repeat", "500"]);
    let summary = parsed(&said.out);
    assert_eq!((&summary["jobs"], &summary["failed"]), (&json!(500), &json!(0)));
    let [p50, p99, max] = ["p50", "p99", "max"].map(|key| summary["latency_ms"][key].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{summary}");
    assert!(summary["jobs_per_second"].as_f64().unwrap() > 0.0, "{summary}");
}

#[test]
fn repeat_of_failures_fails() {
    let said = saggar_on("run", &app(), &["--repeat", "7", "failing", "reject", "1", "0"]);
    assert!(said.code == Some(1) && said.out.contains("7 jobs, 7 failed"), "{said:?}");
}

/// A reader that went away is no reason to fail or to panic.
#[test]
fn a_closed_pipe_is_no_panic() {
    let app = app();
    let mut child = saggar_tests::program::command()
        .args(["run".as_ref(), app.path().as_os_str(), "echo".as_ref()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !err.contains("panicked"), "{:?}: {err}", output.status);
}

/// An answer that cannot be written is not thrown away in silence.
#[test]
fn a_response_that_cannot_be_written_is_a_failure() {
    let app = app();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has a full device");
    let command = [app.path().to_str().expect("a path in UTF-8"), "echo", "x"];
    let output = program::command().arg("run").args(command).stdout(full).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("standard output cannot be written"), "{said}");
}
