//! Jobs in a SQLite file: after a restart or a signal, for a second host, and in a copy.

mod durable {
    mod files;
}

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use saggar::{JobEventKind, ListQuery, NewJob, Status};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, response};
use saggar_tests::program::{command, command_within, output, saggar, saggar_on};
use saggar_tests::server::Server;
use serde_json::{Value, json};

fn app() -> App {
    App::new()
        .simple_task("echo", guests::ECHO)
        .simple_task("time", guests::HOSTILE_TIME)
        .simple_task("printing", guests::PRINTING)
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_their_logs_and_pauses_outlive_the_host() {
    let host = TestHost::start_durable(app()).await;
    let done = host.run("printing", json!(["words"])).await;
    let log = host.log("printing", done.id).await;
    assert!(!log.is_empty());
    host.inner().pause("echo").await.unwrap();
    let waiting = host.add("echo", json!(["later"])).await;
    let host = host.restart_durable().await;
    assert_eq!(host.job("printing", done.id).await, done);
    assert_eq!(host.log("printing", done.id).await, log);
    assert_eq!(host.inner().attempts("printing", done.id).await.unwrap().len(), 1);
    host.run("printing", json!(["another task works"])).await;
    assert_eq!(host.job("echo", waiting).await.status, Status::Waiting);
    host.inner().resume("echo").await.unwrap();
    assert_eq!(response(&host.end("echo", waiting).await), json!(["later"]));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_never_reused_and_keys_are_durable() {
    let host = TestHost::start_durable(app()).await;
    let keyed = NewJob { key: Some("once".into()), ..NewJob::new("[1]") };
    let first = host.inner().add_jobs("echo", vec![keyed.clone()]).await.unwrap()[0].id;
    host.end("echo", first.0).await;
    let last = host.run("echo", json!([2])).await.id;
    host.inner().delete("echo", last).await.unwrap();
    let host = host.restart_durable().await;
    let again = host.inner().add_jobs("echo", vec![keyed]).await.unwrap();
    assert_eq!((again[0].id, again[0].is_new), (first, false));
    assert!(host.add("echo", json!([3])).await > last);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_job_runs_again_without_using_an_attempt() {
    let host = TestHost::start_durable(app()).await;
    let mut events = host.inner().events();
    let id = host.add("time", json!(["sleep_an_hour"])).await;
    while !matches!(events.next().await.expect("few events").kind, JobEventKind::Started { .. }) {}
    let host = host.restart_durable().await;
    let job = host.until_running("time", id).await;
    assert_eq!(job.attempt, 1, "the attempt that was stopped does not count");
    host.cancel("time", id).await.unwrap();
    host.end("time", id).await;
    host.shutdown().await;
}

/// However the host ends, the interrupted job is the first to run again, before the jobs that waited behind it.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_job_runs_before_the_jobs_that_waited_behind_it() {
    let app = with_endless_job(app()).await;
    let host = TestHost::start_durable(app).await;
    host.until_running("time", 1).await;
    let jobs = vec![NewJob::new(r#"["sleep_an_hour"]"#); 500];
    host.inner().add_jobs("time", jobs).await.unwrap();
    let mut app = host.into_app().await;
    for (name, arguments, attempt) in [("KILL", &[][..], 1), ("TERM", &["--drain", "0"], 2), ("KILL", &[], 2)] {
        let (mut host, rest) = serve(&app, arguments, "an attempt begins");
        signal(&host, name);
        host.wait().expect("it ends");
        drop(rest);
        let host = TestHost::start_durable(app).await;
        let job = host.until_running("time", 1).await;
        assert_eq!(job.attempt, attempt + u32::from(name == "KILL"), "after SIG{name}");
        let counts = host.inner().counts("time").unwrap();
        assert_eq!((counts.running, counts.waiting, counts.delayed), (1, 500, 0), "after SIG{name}");
        assert!(job.max_attempts >= job.attempt, "attempt {} of {}", job.attempt, job.max_attempts);
        app = host.into_app().await;
    }
}

/// Returns what `saggar get` prints of the job 1 of `time`, without and with `--wait`.
fn shown(server: &Server, arguments: &[&str]) -> String {
    let said = saggar([&["get", "time", "1", "--url", &server.url("")][..], arguments].concat());
    said.out + &said.err
}

/// Lost attempts are followed by others even in a task without retries. The maximum that is shown, and that the guest sees,
/// includes them.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_after_lost_ones_is_within_the_maximum_for_people_and_for_the_guest() {
    let app = app();
    let mut server = Server::start(&app, &[]);
    let id = server.add("time", &json!({ "args": ["sleep_an_hour"] })).await;
    for attempt in 1..=2_u32 {
        server.until("time", id, |job| job["status"] == "RUNNING" && job["attempt"] == attempt).await;
        let details = shown(&server, &[]);
        assert!(details.contains(&format!("\nattempt    {attempt} of {attempt}\n")), "{details}");
        // Kills the host.
        drop(server);
        if attempt == 2 {
            // The guest of the last attempt returns what it sees.
            app.write("plugins/time.wasm", std::fs::read(guests::CONTEXT).expect("the guests have been built"));
        }
        server = Server::start(&app, &[]);
    }
    let seen = server.ended("time", id).await["response"].clone();
    assert_eq!((&seen["attempt"], &seen["max_attempts"]), (&json!(3), &json!(3)), "{seen}");
    let details = shown(&server, &[]);
    assert!(details.contains("\nattempt    3 of 3\n"), "{details}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_last_attempt_was_lost_shows_its_number_within_the_maximum() {
    let app = app();
    let mut server = Server::start(&app, &[]);
    let id = server.add("time", &json!({ "args": ["sleep_an_hour"] })).await;
    for attempt in 1..=3_u32 {
        server.until("time", id, |job| job["status"] == "RUNNING" && job["attempt"] == attempt).await;
        drop(server);
        server = Server::start(&app, &[]);
    }
    let said = shown(&server, &["--wait"]);
    assert!(said.contains("FAILURE (lost, attempt 3 of 3): "), "{said}");
    server.stop();
}

/// Starts `saggar serve` and reads its log up to a line that contains `until`.
fn serve(app: &App, arguments: &[&str], until: &str) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut host = command()
        .arg("serve")
        .arg(app.path())
        .args(arguments)
        .env("RUST_LOG", "info,saggar_worker=debug")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let err = BufReader::new(host.stderr.take().expect("a pipe was asked for"));
    let mut lines = err.lines().map(|line| line.expect("text in UTF-8"));
    let mut before = Vec::new();
    loop {
        match lines.next() {
            Some(line) if line.contains(until) => return (host, lines),
            Some(line) => before.push(line),
            None => panic!("the host ended without logging `{until}`: {before:#?}"),
        }
    }
}

fn signal(host: &Child, name: &str) {
    let sent = std::process::Command::new("kill").args(["-s", name, &host.id().to_string()]).status();
    assert!(sent.expect("kill starts").success());
}

/// Adds a job to the app's store that a host starts at once and that never ends.
async fn with_endless_job(app: App) -> App {
    let host = TestHost::start_durable(app).await;
    host.add("time", json!(["sleep_an_hour"])).await;
    host.into_app().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_drains_and_names_the_stopped_jobs() {
    let app = with_endless_job(app()).await;
    let (mut host, rest) = serve(&app, &["--drain", "100ms"], "an attempt begins");
    signal(&host, "TERM");
    let said: Vec<String> = rest.collect();
    assert!(host.wait().expect("it ends").success());
    assert!(said.iter().any(|line| line.contains("default/time#1") && line.contains("requeued")), "{said:#?}");
}

/// Ctrl-C (SIGINT) and Ctrl-\ (SIGQUIT) do not use up an attempt either. SIGHUP reloads the app.
#[tokio::test(flavor = "multi_thread")]
async fn every_termination_signal_drains() {
    for name in ["TERM", "INT", "QUIT"] {
        let app = with_endless_job(app()).await;
        let (mut host, rest) = serve(&app, &["--drain", "100ms"], "an attempt begins");
        signal(&host, name);
        let said: Vec<String> = rest.collect();
        assert!(host.wait().expect("it ends").success(), "SIG{name}: {said:#?}");
        let draining = |line: &String| line.contains("draining") && line.contains(&format!("SIG{name}"));
        assert!(said.iter().any(draining), "SIG{name}: {said:#?}");
        let host = TestHost::start_durable(app).await;
        let job = host.until_running("time", 1).await;
        assert_eq!(job.attempt, 1, "SIG{name}: the attempt that was stopped does not count");
        host.cancel("time", 1).await.unwrap();
        host.shutdown().await;
    }
}

/// `nohup` starts a host with SIGHUP ignored, so that it outlives its terminal.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_under_nohup_outlives_its_terminal() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
    let mut serve = command_within(shell);
    let app = app();
    serve.arg("serve").arg(app.path());
    let server = Server::start_by(serve);
    server.signal("HUP");
    server.add("echo", &json!({ "args": ["still here"] })).await;
    assert_eq!(server.ended("echo", 1).await["status"], "SUCCESS");
    let log = server.stop();
    assert!(log.iter().all(|line| !line.contains("SIGHUP")), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_a_closed_log_works_and_drains() {
    let app = with_endless_job(app()).await;
    let (mut host, rest) = serve(&app, &["--drain", "100ms"], "an attempt begins");
    // From here on, every write of a line fails.
    drop(rest);
    signal(&host, "TERM");
    assert!(host.wait().expect("it ends").success());
    let host = TestHost::start_durable(app).await;
    let job = host.until_running("time", 1).await;
    assert_eq!(job.attempt, 1, "the attempt that was stopped does not count");
    host.cancel("time", 1).await.unwrap();
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_at_once() {
    let app = with_endless_job(app()).await;
    let (mut host, mut rest) = serve(&app, &["--drain", "1h"], "an attempt begins");
    signal(&host, "INT");
    assert!(rest.any(|line| line.contains("draining")), "it did not log that it drains");
    signal(&host, "TERM");
    let said: Vec<String> = rest.collect();
    assert!(host.wait().expect("it ends").success());
    assert!(said.iter().any(|line| line.contains("requeued")), "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_job_of_a_removed_task_waits() {
    let app = with_endless_job(app()).await;
    let (mut host, rest) = serve(&app, &[], "an attempt begins");
    signal(&host, "KILL");
    assert!(!host.wait().expect("it ends").success());
    drop(rest);
    std::fs::remove_file(app.path().join("tasks/time.json")).expect("its definition is there");
    let host = TestHost::start_durable(app).await;
    let listed = host.inner().list(&ListQuery::of_tenant("default")).await.expect("a page").jobs;
    let states: Vec<_> = listed.iter().map(|job| (&*job.task.task, job.status, job.attempt)).collect();
    assert_eq!(states, [("time", Status::Waiting, 1)]);
    // When its definition is back, it runs.
    host.app().write("tasks/time.json", json!({ "process": "plugins.time" }).to_string());
    host.reload().await.expect("the app has no mistakes");
    assert_eq!(host.until_running("time", 1).await.attempt, 2, "the attempt that was lost counts");
    host.cancel("time", 1).await.unwrap();
    host.end("time", 1).await;
    host.shutdown().await;
}

#[test]
fn run_ends_when_the_store_fails() {
    let app = app();
    let mut shell = Command::new("sh");
    // The signal would end the process before its write failed. The store contains the app's components.
    shell.args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$0\" \"$@\""]);
    let mut run = command_within(shell);
    run.arg("run").arg(app.path()).args(["--store", "sqlite", "--repeat", "1000000", "echo", "x"]);
    let said = output(&mut run);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("the job store has failed"), "{}", said.err);
}

#[test]
fn a_second_host_is_refused_with_the_process_id_of_the_first() {
    let app = app();
    let (mut first, rest) = serve(&app, &[], "running; SIGTERM");
    let second = saggar_on("run", &app, &["--store", "sqlite", "echo", "x"]);
    assert_eq!(second.code, Some(1), "{}", second.err);
    assert!(second.err.contains(&first.id().to_string()), "it does not name the first: {}", second.err);
    signal(&first, "TERM");
    assert!(first.wait().expect("it ends").success());
    drop(rest);
}

#[test]
fn a_backup_of_a_running_host_can_be_served() {
    let app = app();
    assert_eq!(saggar_on("run", &app, &["--store", "sqlite", "echo", "x"]).code, Some(0));
    let (mut host, rest) = serve(&app, &[], "running; SIGTERM");
    let copy = app.path().join("copy.db");
    let (from, to) = (app.path().to_str().expect("a path in UTF-8"), copy.to_str().expect("a path in UTF-8"));
    let said = saggar(["backup", from, to, "--json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let document: Value = serde_json::from_str(&said.out).expect("one JSON document");
    assert!(document["from"].as_str().is_some_and(|file| file.starts_with(from)), "{document}");
    assert_eq!(document["to"], to);
    let again = saggar(["backup", from, to]);
    assert_eq!(again.code, Some(1), "an existing file was overwritten");
    let served = saggar_on("run", &app, &["--store", &format!("sqlite:{to}"), "--json", "echo", "y"]);
    assert_eq!(served.code, Some(0), "{}", served.err);
    assert!(served.out.contains(r#""id":2"#), "the copy does not continue the ids of the original: {}", served.out);
    signal(&host, "TERM");
    assert!(host.wait().expect("it ends").success());
    drop(rest);
}
