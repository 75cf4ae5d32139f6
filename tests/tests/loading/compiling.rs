//! What the commands print about plugins that take long to compile: which ones, and how long it took. Other tests read the
//! output of commands without these lines.

use std::process::Command;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::command;
use saggar_tests::server::Server;
use tempfile::TempDir;

/// The variable of debug builds with the milliseconds that are long for a compilation.
const LONG_MS: &str = "SAGGAR_SLOW_COMPILATION_MS";

/// Longer than any compilation.
const NEVER_MS: u32 = 3_600_000;

/// The line at the begin of a compilation.
const BEGUN: &str = "saggar: compiling plugins/echo.wasm";

fn app() -> App {
    App::new().simple_task("echo", guests::ECHO)
}

fn empty_cache() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// Returns the command with its own cache.
fn with_cache(cache: &TempDir, long_ms: u32) -> Command {
    let mut command = command();
    command.env("XDG_CACHE_HOME", cache.path()).env(LONG_MS, long_ms.to_string());
    command
}

/// Checks the app; returns the lines about compilations.
fn check(app: &App, cache: &TempDir, long_ms: u32) -> Vec<String> {
    let output = with_cache(cache, long_ms).arg("check").arg(app.path()).output().expect("the binary starts");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stderr).expect("text in UTF-8");
    printed.lines().filter(|line| line.starts_with("saggar: compil")).map(str::to_owned).collect()
}

/// Asserts that the line says how many seconds it took.
fn assert_took(line: &str) {
    let seconds = line.strip_prefix("saggar: compiled plugins/echo.wasm in ").and_then(|rest| rest.strip_suffix(" s"));
    assert!(seconds.is_some_and(|seconds| seconds.parse::<f64>().is_ok()), "{line}");
}

#[test]
fn check_prints_what_it_compiles_and_how_long_that_took() {
    let (app, cache) = (app(), empty_cache());
    let lines = check(&app, &cache, 0);
    let [begun, ended] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(begun, BEGUN);
    assert_took(ended);
    assert!(check(&app, &cache, 0).is_empty(), "the compiled plugin is in the cache");
}

#[test]
fn what_does_not_take_long_is_not_mentioned() {
    assert_eq!(check(&app(), &empty_cache(), NEVER_MS), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_prints_it_at_the_start_and_when_a_plugin_has_changed() {
    let (app, cache) = (app(), empty_cache());
    let mut dev = with_cache(&cache, 0);
    dev.arg("dev").arg(app.path());
    let server = Server::start_unprepared(dev);
    server.log().until("1 task is ready");
    app.write("plugins/echo.wasm", std::fs::read(guests::GATED).expect("the guest"));
    server.log().until("reloaded plugins/echo.wasm in ");
    let log = server.stop();
    let lines: Vec<_> = log.iter().filter(|line| line.starts_with("saggar: compil")).collect();
    let [first, took, second, took_again] = lines[..] else { panic!("{log:#?}") };
    assert_eq!((first.as_str(), second.as_str()), (BEGUN, BEGUN));
    for line in [took, took_again] {
        assert_took(line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_logs_it() {
    let (app, cache) = (app(), empty_cache());
    let mut serve = with_cache(&cache, 0);
    serve.arg("serve").arg(app.path()).args(["--store", "memory"]);
    let log = Server::start_by(serve).stop();
    let about = |text: &str| {
        let mut lines = log.iter().filter(|line| line.contains(text) && line.contains("plugins/echo.wasm"));
        let line = lines.next().unwrap_or_else(|| panic!("no `{text}`: {log:#?}"));
        assert!(lines.next().is_none(), "`{text}` twice: {log:#?}");
        line
    };
    assert!(!about("compiling a plugin").contains("took_ms"), "{log:#?}");
    let ended = about("compiled a plugin");
    let took = ended.split_once("took_ms=").and_then(|(_, took)| took.split_whitespace().next());
    assert!(took.is_some_and(|took| took.parse::<u64>().is_ok()), "{ended}");
}
