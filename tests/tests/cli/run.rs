//! `saggar run`.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{self, saggar, saggar_on};
use saggar_tests::server::Server;
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
fn jobs_are_stored_in_memory_by_default() {
    // The file only applies to the service.
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

/// Returns what `saggar get --json` prints.
fn got(server: &Server, task: &str, id: &str) -> Value {
    let got = saggar(["get", task, id, "--json", "--url", &server.url("")]);
    assert_eq!((got.code, got.err.as_str()), (Some(0), ""));
    parsed(&got.out)
}

/// Runs a job, and asserts that `run --json` prints the document that a service returns for it afterwards. Returns the
/// document, and the service.
fn run_and_serve(app: &App, task: &str, arguments: &[&str]) -> (Value, Server) {
    let said = saggar_on("run", app, &[&["--store", "sqlite", "--json", task][..], arguments].concat());
    let server = Server::start(app, &["--store", "sqlite"]);
    assert_eq!(parsed(&said.out), got(&server, task, "1"), "{}", said.err);
    (parsed(&said.out), server)
}

/// The document is the one that the service returns for the same job.
#[test]
fn json_prints_the_document_of_the_service() {
    let app = app();
    for (task, arguments) in [("echo", vec!["x", "[1.50]"]), ("failing", vec!["reject", "9", "0"])] {
        let (job, server) = run_and_serve(&app, task, &arguments);
        server.stop();
        for key in ["args", "key", "parent", "priority", "started_at", "trace_parent", "callbacks"] {
            assert!(job.get(key).is_some(), "no `{key}` in {job}");
        }
    }
}

#[test]
fn json_of_a_cancelled_job_is_the_document_of_the_service() {
    let script = "function endless(id) { Process('tasks.endless.cancel', id); for (;;) {} }";
    let app = app().script("it", script).task("endless", &json!({ "process": "scripts.it.endless" }));
    let (job, server) = run_and_serve(&app, "endless", &["x"]);
    server.stop();
    assert_eq!((&job["status"], &job["reason"]), (&json!("FAILURE"), &json!("cancelled")), "{job}");
    assert_eq!((&job["args"], &job["cancelling"], &job["attempt"]), (&json!(["x"]), &json!(false), &json!(1)));
}

/// The handler takes a minute, so that its callback is pending in both documents.
#[test]
fn json_of_a_job_with_callbacks_is_the_document_of_the_service() {
    let task = json!({
        "process": "plugins.echo",
        "event": { "success": "plugins.faulty#spin" },
        "sandbox": { "event_timeout": 60 },
    });
    let app = app().plugin("faulty", guests::FAULTY).task("deaf", &task);
    let mut child = program::command()
        .args(["run".as_ref(), app.path().as_os_str()])
        .args(["--store", "sqlite", "--json", "deaf", "x"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut printed = String::new();
    let out = child.stdout.as_mut().expect("a pipe was asked for");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut printed).expect("a line");
    // It waits for the handler.
    child.kill().expect("it runs");
    child.wait().expect("a child");
    let server = Server::start(&app, &["--store", "sqlite"]);
    let job = parsed(&printed);
    assert_eq!(job, got(&server, "deaf", "1"));
    let callback = json!({ "event": "success", "state": "pending", "tries": 0, "next_try_at": null, "problem": null });
    assert_eq!((&job["status"], &job["callbacks"]), (&json!("SUCCESS"), &json!([callback])));
    drop(server);
}

#[test]
fn json_of_a_job_with_children_is_the_document_of_the_service() {
    let app = app();
    let (job, server) = run_and_serve(&app, "adder", &["echo", "2", "[7]"]);
    assert_eq!(job["response"], json!({ "ids": [1, 2], "refused": null }));
    for id in ["1", "2"] {
        let child = got(&server, "echo", id);
        assert_eq!((&child["parent"], &child["status"]), (&json!({ "task": "adder", "id": 1 }), &json!("SUCCESS")));
    }
    server.stop();
}

/// Jobs that were added before are ignored: paused, delayed, backing off, or of another task.
#[test]
fn unrelated_jobs_are_not_awaited() {
    let app = app()
        .task("paused", &json!({ "process": "plugins.echo" }))
        .task("backing-off", &json!({ "process": "plugins.failing", "attempts": 9, "attempt_after": 3_600_000 }));
    let server = Server::start(&app, &["--store", "sqlite"]);
    let add = |arguments: &[&str]| {
        let url = server.url("");
        let said = saggar([&["add", "--url", url.as_str()][..], arguments].concat());
        assert_eq!(said.code, Some(0), "{said:?}");
    };
    let paused = saggar(["pause", "paused", "--url", &server.url("")]);
    assert_eq!(paused.code, Some(0), "{paused:?}");
    add(&["paused"]);
    add(&["echo", "--delay", "1h"]);
    add(&["backing-off", "retry", "9", "0"]);
    server.log().until("listening");
    let failed_once = || {
        let job = saggar(["get", "backing-off", "1", "--json", "--url", &server.url("")]);
        parsed(&job.out)["problem"].is_object()
    };
    while !failed_once() {}
    server.stop();
    let said = saggar_on("run", &app, &["--store", "sqlite", "echo", "mine"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "[\"mine\"]\n", ""));
    let said = saggar_on("run", &app, &["--store", "sqlite", "adder", "echo", "2", "[]"]);
    assert!(said.code == Some(0) && said.err.contains("2 jobs of echo: SUCCESS"), "{said:?}");
    let said = saggar_on("run", &app, &["--store", "sqlite", "--repeat", "20", "adder", "echo", "1", "[]"]);
    assert!(said.code == Some(0) && said.err.contains("20 jobs of echo: SUCCESS"), "{said:?}");
}

/// `run` waits for the jobs that the job added, and for their descendants; it names the job that takes long.
#[test]
fn descendants_are_awaited_and_named() {
    let app = app();
    let said = saggar_on("run", &app, &["adder", "adder", "2", r#"["echo", 3, []]"#]);
    assert!(said.err.contains("2 jobs of adder: SUCCESS") && said.err.contains("6 jobs of echo: SUCCESS"), "{said:?}");
    let said = saggar_on("run", &app, &["adder", "slow", "1", "[3000]"]);
    assert!(said.err.contains("waiting for slow#1, which the job added (RUNNING)"), "{said:?}");
    assert!(said.err.contains("1 job of slow: SUCCESS"), "{said:?}");
}

/// The response is printed when the job has ended, before the jobs that it added have; a signal ends the wait.
#[test]
fn the_response_does_not_wait_for_descendants() {
    let app = app();
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        let mut child = program::command()
            .args(["run".as_ref(), app.path().as_os_str()])
            .args(["adder", "slow", "1", "[600000]"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut response = String::new();
        let out = child.stdout.as_mut().expect("a pipe was asked for");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut response).expect("a line");
        assert_eq!(response, "{\"ids\":[1],\"refused\":null}\n");
        assert!(child.try_wait().expect("a child").is_none(), "the job that it added is not waited for");
        let killed = std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(killed.expect("kill starts").success());
        assert_eq!(child.wait().expect("a child").code(), Some(130), "{signal}");
    }
}

/// A failing handler is retried for about a second, then the output says which command would retry it.
#[test]
fn a_failing_handler_does_not_block_the_command() {
    let task = json!({ "process": "plugins.echo", "event": { "success": "plugins.faulty#problem" } });
    let app = app().plugin("faulty", guests::FAULTY).task("deaf", &task);
    for arguments in [&["deaf", "x"][..], &["--repeat", "2", "deaf", "x"]] {
        let said = saggar_on("run", &app, arguments);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.err.contains("the success handler of deaf#1 failed 3 times"), "{said:?}");
    }
}

#[test]
fn guest_output_goes_to_standard_error() {
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

/// Jobs that the job added are awaited and counted.
#[test]
fn jobs_that_the_job_added_are_awaited_and_counted() {
    let app = app();
    let said = saggar_on("run", &app, &["adder", "slow", "3", "[100]"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "{\"ids\":[1,2,3],\"refused\":null}\n"));
    assert!(said.err.contains("3 jobs of slow: SUCCESS"), "{}", said.err);
    // These jobs end at the same time as the job that added them, and are counted nevertheless.
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

/// A closed reader causes neither a failure nor a panic.
#[test]
fn a_closed_pipe_does_not_cause_a_panic() {
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

/// A response that cannot be written is reported.
#[test]
fn a_response_that_cannot_be_written_is_a_failure() {
    let app = app();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has a full device");
    let command = [app.path().to_str().expect("a path in UTF-8"), "echo", "x"];
    let output = program::command().arg("run").args(command).stdout(full).output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cannot write to standard output"), "{said}");
}
