//! Ctrl-C stops `run` at once and cleanly, whatever the guest does.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{Running, start};

/// Far shorter than the jobs of these tests, and far longer than a stop takes.
const AT_ONCE: Duration = Duration::from_secs(5);

fn app() -> App {
    App::new().simple_task("time", guests::HOSTILE_TIME).simple_task("slow", guests::SLOW)
}

fn run(app: &App, arguments: &[&str]) -> Running {
    let command = [OsStr::new("run"), app.path().as_os_str()];
    let running = start(command.into_iter().chain(arguments.iter().map(OsStr::new)));
    running.wait_until_it_catches_ctrl_c();
    running
}

fn stops_at_once(app: &App, arguments: &[&str]) {
    let running = run(app, arguments);
    running.signal("INT");
    let began = Instant::now();
    let said = running.end();
    assert!(began.elapsed() < AT_ONCE, "{arguments:?}: it took {:?}", began.elapsed());
    assert_eq!((said.code, said.out.as_str()), (Some(130), ""), "{arguments:?}: {}", said.err);
    assert!(!said.err.contains("panicked"), "{}", said.err);
}

#[test]
fn a_spinning_guest() {
    stops_at_once(&app(), &["time", "spin"]);
}

#[test]
fn a_sleeping_guest() {
    stops_at_once(&app(), &["time", "sleep_an_hour"]);
}

#[test]
fn many_jobs() {
    stops_at_once(&app(), &["slow", "--repeat", "100000", "1000"]);
}
