//! The ways to request a reload: the route, the command, SIGHUP, `--watch`. Each adds a task, which works at once.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use saggar::CompileState;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, builder};
use saggar_tests::program::{command, saggar};
use saggar_tests::server::Server;
use saggar_tests::timeout::TIMEOUT;
use serde_json::json;

use super::stage::{app, assert_echoes, echo_task, reloaded, serve, variant};

#[tokio::test(flavor = "multi_thread")]
async fn by_the_route() {
    let app = app();
    let server = serve(&app);
    let status = server.get("/v1/reload").await;
    assert_eq!((status.status, &status.body["last"], &status.body["running"]), (200, &json!(null), &json!(false)));
    app.write("tasks/more.json", echo_task());
    let changes = reloaded(&server).await;
    assert_eq!(changes["added"], json!(["more"]));
    assert_eq!((&changes["changed"], &changes["removed"]), (&json!([]), &json!([])));
    assert_eq!((&changes["unchanged"], &changes["plugins"]), (&json!(1), &json!([])), "the plugin was loaded before");
    assert!(changes["duration_ms"].is_u64(), "{changes}");
    assert_echoes(&server, "more").await;
    let status = server.get("/v1/reload").await.body;
    assert_eq!((&status["failed_reloads"], &status["last"]["changes"]), (&json!(0), &changes));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_command() {
    let app = app();
    let server = serve(&app);
    app.write("tasks/more.json", echo_task());
    let url = server.url("");
    let said = saggar(["reload", "--url", &url]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.starts_with("reloaded in ") && said.out.contains("\nadded: more\n"), "{}", said.out);
    assert_echoes(&server, "more").await;
    app.write("tasks/bad.json", "{");
    let said = saggar(["reload", "--url", &url]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("error: tasks/bad.json:1:1: ") && said.err.contains("1 error"), "{}", said.err);
    let said = saggar(["reload", "--url", &url, "--json"]);
    let problem: serde_json::Value = serde_json::from_str(&said.err).expect("a problem document");
    assert_eq!((said.code, &problem["code"]), (Some(1), &json!("reload-failed")));
    assert_eq!(problem["problems"][0]["file"], "tasks/bad.json");
    let said = saggar(["reload", "--status", "--url", &url]);
    assert!(said.out.contains("failed reloads  2"), "{}", said.out);
    assert!(said.err.contains("tasks/bad.json:1:1"), "{}", said.err);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn by_sighup() {
    let app = app();
    let server = serve(&app);
    app.write("tasks/more.json", echo_task());
    server.signal("HUP");
    let line = server.log().until("reloaded the app");
    assert!(line.contains("added=\"more\""), "{line}");
    assert_echoes(&server, "more").await;
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn by_watching() {
    let app = app();
    let server = Server::start(&app, &["--store", "memory", "--watch"]);
    // As editors save.
    app.write("tasks/.more.json.new", echo_task());
    fs::rename(app.path().join("tasks/.more.json.new"), app.path().join("tasks/more.json")).expect("a rename");
    let line = server.log().until("reloaded the app");
    assert!(line.contains("added=\"more\""), "{line}");
    assert_echoes(&server, "more").await;
    app.write("plugins/echo.wasm", variant(guests::ECHO, "watched"));
    let line = server.log().until("plugins=\"echo\"");
    assert!(line.contains("changed=\"echo more\""), "{line}");
    let log = server.stop();
    let reloads = log.iter().filter(|line| line.contains("reloaded the app")).count();
    assert_eq!(reloads, 2, "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_watching_scripts() {
    let script = "import { answer } from './lib/answer.mjs';\nexport const run = () => answer;\n";
    let other = json!({ "process": "scripts.other.run" });
    let app = app().script("it", script).task("it", &json!({ "process": "scripts.it.run" }));
    let app = app.script("other", "function run() { return 'other'; }").task("other", &other);
    app.write("scripts/lib/answer.mjs", "export const answer = 1;");
    let server = Server::start(&app, &["--store", "memory", "--watch"]);
    app.write("scripts/lib/answer.mjs", "export const answer = 2;");
    let line = server.log().until("reloaded the app");
    assert!(line.contains("changed=\"it\"") && line.contains("plugins=\"scripts.it\""), "{line}");
    let id = server.add("it", &json!({ "args": [] })).await;
    assert_eq!(server.ended("it", id).await["response"], 2);
    app.write("scripts/it.js", "export const run = () => ;");
    server.log().until("the app was not reloaded");
    let log = server.stop();
    assert!(log.iter().any(|line| line.contains("scripts/it.js:1:26")), "{log:#?}");
}

/// When the terminal of a host is closed, SIGHUP drains it, because nobody could stop it otherwise.
#[test]
fn a_closed_terminal_drains() {
    let app = app();
    let log = app.path().join("log");
    let serve = command();
    let (program, folder) = (serve.get_program().to_string_lossy(), app.path().display());
    // The shell replaces itself, so that the host is the leader of the terminal's session.
    let line = format!("exec '{program}' serve '{folder}' --store memory 2>'{}'", log.display());
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]).stdin(Stdio::null()).stdout(Stdio::null());
    terminal.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut terminal = terminal.spawn().expect("script starts");
    let until = |text: &str| {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if said.contains(text) {
                return said;
            }
            assert!(Instant::now() < deadline, "no `{text}`: {said}");
            std::thread::yield_now();
        }
    };
    until("all plugins are loaded");
    terminal.kill().expect("it runs");
    terminal.wait().expect("a child can be waited for");
    let said = until("stopped");
    assert!(said.contains("draining") && said.contains("SIGHUP"), "{said}");
}

/// A web page of another site cannot reload a host without tokens. `http/tokens.rs` tests the roles.
#[tokio::test(flavor = "multi_thread")]
async fn no_web_page_reloads() {
    let server = serve(&app());
    let refused = saggar_tests::client::send(
        server.request(reqwest::Method::POST, "/v1/reload").header("origin", "https://evil.example"),
    )
    .await;
    assert_eq!((refused.status, refused.code()), (403, "foreign-origin"));
    server.stop();
}

/// Requests during a reload together cause one more.
#[tokio::test(flavor = "multi_thread")]
async fn requests_at_the_same_time_share_reloads() {
    let host = TestHost::start(app()).await;
    let requests: Vec<_> = (0..50).map(|_| host.inner().reload()).collect();
    let mut results = BTreeSet::new();
    for request in requests {
        let reloaded = request.await.expect("an app without errors");
        results.insert(Arc::as_ptr(&reloaded) as usize);
    }
    assert!(results.len() <= 2, "{} reloads", results.len());
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_reload_starts_after_the_stop() {
    let app = app();
    let server = serve(&app);
    server.signal("TERM");
    let (code, _) = server.end();
    assert_eq!(code, Some(0));
    let host = TestHost::start(app).await;
    host.shutdown().await;
    let error = host.inner().reload().await.expect_err("the host has stopped");
    assert!(error.to_string().contains("stopping"), "{error}");
}

/// What takes long is reported, with its end.
#[tokio::test(flavor = "multi_thread")]
async fn compilations_are_reported() {
    let app = app();
    app.write("plugins/echo.wasm", variant(guests::ECHO, "compiled"));
    let (sender, reports) = std::sync::mpsc::channel();
    let report = move |file: &std::path::Path, state| drop(sender.send((file.to_owned(), state)));
    let host = builder(&app).cache_dir(None).report_compiling(Duration::ZERO, report).build().await.expect("a host");
    let (file, state) = reports.recv().expect("the start");
    assert_eq!((file.to_str(), state), (Some("plugins/echo.wasm"), CompileState::Running));
    let (file, state) = reports.recv().expect("the end");
    assert!(matches!(state, CompileState::Ended(took) if took > Duration::ZERO), "{state:?}");
    assert_eq!(file.to_str(), Some("plugins/echo.wasm"));
    host.reload().await.expect("the same app");
    assert!(reports.try_recv().is_err(), "the same plugin is not compiled again");
    host.shutdown(TIMEOUT).await;
}
