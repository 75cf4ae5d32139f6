//! The real binary, as a user starts it.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::app::App;
use crate::guests;
use crate::timeout::TIMEOUT;

/// The binary, built once per process with the profile of the tests.
static BINARY: LazyLock<PathBuf> = LazyLock::new(build);

/// The output of a command, and its exit code.
#[derive(Debug)]
pub struct CommandOutput {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// A running command.
#[derive(Debug)]
pub struct Running(Child);

/// Returns the path of the binary.
pub fn path() -> &'static Path {
    &BINARY
}

/// Runs `saggar` to its end.
pub fn saggar(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> CommandOutput {
    start(arguments).end()
}

/// Runs `saggar COMMAND APP ARGUMENTS…` to its end.
pub fn saggar_on(command: &str, app: &App, arguments: &[&str]) -> CommandOutput {
    saggar([OsStr::new(command), app.path().as_os_str()].into_iter().chain(arguments.iter().map(OsStr::new)))
}

/// Runs a command to its end.
pub fn output(command: &mut Command) -> CommandOutput {
    output_within(command, TIMEOUT)
}

/// Runs a command to its end, within this time.
pub fn output_within(command: &mut Command, time: Duration) -> CommandOutput {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    Running(child.expect("the binary starts")).end_within(time)
}

/// Starts `saggar`.
pub fn start(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Running {
    let child = command().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    Running(child.expect("the binary starts"))
}

/// Returns `saggar` without arguments, in an environment that is the same on every machine.
pub fn command() -> Command {
    let mut command = Command::new(&*BINARY);
    command.stdin(Stdio::null()).env("NO_COLOR", "1").env("COLUMNS", "100").env_remove("RUST_LOG");
    // Tests run in parallel, each service on its own port.
    command.env("SAGGAR_LISTEN", "127.0.0.1:0");
    // Tests run as whatever user there is, in a container usually root.
    command.env("SAGGAR_ALLOW_ROOT", "yes");
    // All tests share the compiled guests, separate from the user's own cache.
    command.env("XDG_CACHE_HOME", Path::new(guests::TARGET_DIR).join("cache"));
    command.env("XDG_STATE_HOME", Path::new(guests::TARGET_DIR).join("state"));
    command
}

/// Returns `saggar` without arguments, started by `outer`, a program that runs the command after its own arguments.
pub fn command_within(mut outer: Command) -> Command {
    let inner = command();
    outer.arg(inner.get_program()).stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

impl CommandOutput {
    /// Returns all output without machine-specific paths, for snapshots.
    pub fn shown(&self, app: &App) -> String {
        assert!(!self.err.contains("panicked"), "{}", self.err);
        let mut text = format!("exit code: {:?}\n", self.code);
        for (stream, content) in [("standard output", &self.out), ("standard error", &self.err)] {
            if !content.is_empty() {
                let content = content.replace(&*app.path().to_string_lossy(), "APP");
                text += &format!("-- {stream}\n{content}");
            }
        }
        text
    }
}

impl Running {
    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal, as `kill` does.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(status.expect("kill starts").success(), "the process ended before the signal");
    }

    /// Waits until the process handles Ctrl-C itself, which it does from the start of its work.
    pub fn wait_until_it_catches_ctrl_c(&self) {
        const SIGINT: u64 = 2;
        let deadline = Instant::now() + TIMEOUT;
        let caught = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
            u64::from_str_radix(mask.trim(), 16).ok().map(|mask| mask >> (SIGINT - 1) & 1 == 1)
        };
        while caught() != Some(true) {
            assert!(Instant::now() < deadline, "it does not catch Ctrl-C within {TIMEOUT:?}");
            std::thread::yield_now();
        }
    }

    /// Waits until it has ended.
    pub fn end(self) -> CommandOutput {
        self.end_within(TIMEOUT)
    }

    fn end_within(mut self, time: Duration) -> CommandOutput {
        let deadline = Instant::now() + time;
        // Both pipes are read while the command runs because it would block when one is full.
        let out = read_all(self.0.stdout.take());
        let err = read_all(self.0.stderr.take());
        while self.0.try_wait().expect("a child can be waited for").is_none() {
            if Instant::now() > deadline {
                let _ = self.0.kill();
                panic!("the command did not end within {time:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let Output { status, .. } = self.0.wait_with_output().expect("it has ended");
        let text = |pipe: std::thread::JoinHandle<String>| pipe.join().expect("a pipe that can be read");
        CommandOutput { code: status.code(), out: text(out), err: without_compilations(&text(err)) }
    }
}

/// Removes the lines about plugins that took long to compile: that depends on the machine, and on whether an earlier test
/// has compiled them.
fn without_compilations(err: &str) -> String {
    let is_kept = |line: &&str| !line.starts_with("saggar: compiling ") && !line.starts_with("saggar: compiled ");
    err.split_inclusive('\n').filter(is_kept).collect()
}

fn read_all(pipe: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || std::io::read_to_string(pipe.expect("a pipe was asked for")).expect("text in UTF-8"))
}

fn build() -> PathBuf {
    // `<target>/<profile>/deps/<test>`
    let test = env::current_exe().expect("a test knows its file");
    let profile = test.ancestors().nth(2).expect("a test lies in a folder of its profile");
    let target = profile.parent().expect("a profile lies in the target folder");
    let name = match profile.file_name().and_then(OsStr::to_str) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let mut cargo = Command::new("cargo");
    // What cargo tells a test about its package. Build scripts that look at it would run again, and all that depends on them
    // would be built again.
    for (name, _) in env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            cargo.env_remove(name);
        }
    }
    // Names the whole workspace because its packages share the features of their dependencies: for `saggar` alone,
    // cargo would build the engine a second time.
    cargo.args(["build", "--quiet", "--workspace", "--bin", "saggar", "--profile", name, "--target-dir"]);
    let status = cargo.arg(target).current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(status.expect("cargo starts").success(), "the binary does not build");
    profile.join("saggar")
}
