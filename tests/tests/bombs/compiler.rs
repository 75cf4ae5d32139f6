//! The compiler process, as seen in `/proc`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use saggar::{Compiler, Host};
use saggar_tests::app::App;
use saggar_tests::crafted::slow_to_compile;
use saggar_tests::guests;
use saggar_tests::program::{Running, start};
use saggar_tests::timeout::TIMEOUT;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Returns an app with a valid task and a task whose plugin takes long to compile.
fn app() -> App {
    let slow = slow_to_compile().expect("the component can be built");
    App::new()
        .simple_task("good", guests::ECHO)
        .plugin_bytes("slow", slow)
        .task("slow", &json!({ "process": "plugins.slow" }))
}

fn check(app: &App) -> Running {
    let cache = app.path().join("cache");
    start(["check".as_ref(), app.path().as_os_str(), "--json".as_ref(), "--cache-dir".as_ref(), cache.as_os_str()])
}

/// Returns the children of a process.
fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let of = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).unwrap_or_default();
    let all: String = threads.flatten().map(of).collect::<Vec<_>>().join(" ");
    all.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Polls `find` until it returns a value.
fn until<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: timed out after {TIMEOUT:?}");
        std::thread::yield_now();
    }
}

/// Waits until the compiler of the slow plugin is confined and busy; returns its process. It uses more processor time
/// than the compiler of the small plugin.
fn busy_compiler(host: u32) -> u32 {
    until("a compiler at work", || {
        children(host).into_iter().find(|pid| field(*pid, "Threads:") > Some(2) && seconds(*pid) > 0.2)
    })
}

/// Returns a number of a process's status.
fn field(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

/// Returns the processor time of a process, in seconds.
fn seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = fields.get(11..13).unwrap_or_default().iter().filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// Returns whether the process exists and is not a zombie.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X'])) && !stat.is_empty()
}

fn kill(name: &str, pid: u32) {
    let killed = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(killed.expect("kill starts").success(), "the process ended before the signal");
}

fn problem_of(said: &saggar_tests::program::CommandOutput, task: &str) -> String {
    let document: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let problems = document["problems"].as_array().cloned().unwrap_or_default();
    let of_it = problems.iter().find(|problem| problem["location"]["file"] == format!("tasks/{task}.json"));
    of_it.and_then(|problem| problem["message"].as_str()).unwrap_or_else(|| panic!("{task} is not reported")).to_owned()
}

#[test]
fn the_compiler_is_confined() {
    let app = app();
    let check = check(&app);
    let compiler = busy_compiler(check.pid());
    assert_eq!(field(compiler, "NoNewPrivs:"), Some(1));
    assert_eq!(field(compiler, "Seccomp:"), Some(2), "a filter of system calls");
    let limits = fs::read_to_string(format!("/proc/{compiler}/limits")).expect("its limits");
    let limit = |name: &str| {
        let line =
            limits.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {limits}"));
        line.split_whitespace().take(2).map(|number| number.parse::<u64>().unwrap_or(u64::MAX)).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max data size"), [1 << 30, 1 << 30]);
    assert_eq!(limit("Max address space"), [4 << 30, 4 << 30]);
    assert_eq!(limit("Max core file size"), [0, 0]);
    assert_eq!(limit("Max cpu time"), [120, 121]);
    assert_eq!(limit("Max file size"), [65_536, 65_536]);
    let environment = fs::read(format!("/proc/{compiler}/environ")).expect("its environment");
    let names: Vec<_> =
        environment.split(|byte| *byte == 0).filter_map(|pair| pair.split(|byte| *byte == b'=').next()).collect();
    let is_ours = |name: &&[u8]| name.is_empty() || name.starts_with(b"RAYON_") || name.starts_with(b"MIMALLOC_");
    assert!(names.iter().all(is_ours), "{names:?}");
    assert_eq!(fs::read_link(format!("/proc/{compiler}/cwd")).expect("its directory"), Path::new("/"));
    assert_eq!(check.end().code, Some(1), "the slow plugin exports nothing");
    assert!(!runs(compiler));
}

#[test]
fn a_killed_compiler_is_a_load_error_of_its_plugin() {
    let app = app();
    let check = check(&app);
    kill("KILL", busy_compiler(check.pid()));
    let said = check.end();
    let problem = problem_of(&said, "slow");
    assert!(problem.contains("cannot compile") && problem.contains("killed by signal 9"), "{problem}");
    let document: Value = serde_json::from_str(&said.out).expect("one JSON document");
    assert_eq!(document["tasks"][0]["id"], "good");
}

/// The limits are lowered while the compiler works; to reach the real ones would take minutes.
#[test]
fn a_compiler_that_reaches_a_limit_is_a_load_error_of_its_plugin() {
    for (lowered, says) in [("--cpu=1:2", "that takes more than 120 s of processor time"), ("--data=1048576", "memory")]
    {
        let app = app();
        let check = check(&app);
        let compiler = busy_compiler(check.pid()).to_string();
        let prlimit = Command::new("prlimit").args([lowered, "--pid", &compiler]).status();
        assert!(prlimit.expect("prlimit (util-linux) starts").success(), "the process ended before it was limited");
        let said = check.end();
        let problem = problem_of(&said, "slow");
        assert!(problem.contains("cannot compile") && problem.contains(says), "{lowered}: {problem}");
        let document: Value = serde_json::from_str(&said.out).expect("one JSON document");
        assert_eq!(document["tasks"][0]["id"], "good", "{lowered}");
    }
}

#[test]
fn a_compiler_ends_with_its_host() {
    for signal in ["KILL", "TERM", "INT"] {
        let app = app();
        let check = check(&app);
        let compiler = busy_compiler(check.pid());
        kill(signal, check.pid());
        drop(check.end());
        until(&format!("the end of the compiler after SIG{signal}"), || (!runs(compiler)).then_some(()));
    }
}

/// A cancelled load ends its compiler, without leaving a zombie.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_load_ends_its_compiler() {
    let app = app();
    let compiler = Compiler::Process(saggar_tests::program::path().to_owned());
    let host = Host::builder(app.path()).compiler(compiler);
    let mine = std::process::id();
    let of_mine = move || {
        children(mine).into_iter().find(|pid| {
            fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("compile-plugin"))
                && seconds(*pid) > 0.2
        })
    };
    let mut loading = JoinSet::new();
    loading.spawn(async move { host.load().await.is_ok() });
    let compiler =
        tokio::task::spawn_blocking(move || until("a compiler at work", of_mine)).await.expect("it does not panic");
    loading.abort_all();
    assert!(loading.join_next().await.is_some_and(|done| done.is_err()), "the load ended before it was cancelled");
    tokio::task::spawn_blocking(move || {
        until("the end of the compiler", || (!Path::new(&format!("/proc/{compiler}")).exists()).then_some(()));
    })
    .await
    .expect("it does not panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_compiler_program_is_a_load_error() {
    let app = App::new().simple_task("good", guests::ECHO);
    for (program, words) in [
        ("/nowhere/saggar", "cannot start its compiler /nowhere/saggar"),
        ("/bin/false", "its compiler exited with exit status: 1 and no reply"),
        ("/bin/echo", "its compiler exited with exit status: 0 and no reply"),
        ("/bin/cat", "no reply: leave this plugin out (/bin/cat: compile-plugin-from-stdin: No such file"),
    ] {
        let builder = Host::builder(app.path()).compiler(Compiler::Process(program.into()));
        let loaded = builder.load().await.expect("the engine starts");
        let problem = loaded.problems.first().map(|problem| problem.message.clone()).unwrap_or_default();
        assert!(problem.contains(words), "{program}: {problem}");
    }
}
