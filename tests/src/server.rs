//! The real binary as a service: `saggar serve` on its own port, and its log.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::JoinHandle;

use crate::app::App;
use crate::program::command;
use crate::timeout::TIMEOUT;

/// A service that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
    pub(crate) client: OnceLock<reqwest::Client>,
}

/// The log of a service so far, and whether it is complete.
#[derive(Debug, Default)]
pub struct Log {
    lines: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Server {
    /// Serves the app with these additional arguments.
    pub fn start(app: &App, arguments: &[&str]) -> Self {
        Self::start_as(app, |command| command.args(arguments))
    }

    /// Serves the app with a command that `with` changes.
    pub fn start_as(app: &App, with: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut serve = command();
        with(serve.arg("serve").arg(app.path()));
        Self::start_by(serve)
    }

    /// Serves with this command, which eventually runs `saggar serve`, and waits until all plugins are loaded.
    pub fn start_by(serve: Command) -> Self {
        let server = Self::start_unprepared(serve);
        server.log().until("all plugins are loaded");
        server
    }

    /// Serves with this command, and waits until it listens; its tasks may not run yet.
    pub fn start_unprepared(mut serve: Command) -> Self {
        let child = serve.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the binary starts");
        let err = child.stderr.take().expect("a pipe was asked for");
        let log = Arc::new(Log::default());
        let reader = std::thread::spawn({
            let log = log.clone();
            move || log.read(BufReader::new(err))
        });
        let said = log.until("listening");
        let (_, address) = said.rsplit_once("http://").unwrap_or_else(|| panic!("{said}: no address"));
        // Finds the address in any log format: the character that follows it never occurs in an address.
        let address = address.split(|c: char| !(c.is_ascii_hexdigit() || "[].:".contains(c))).next();
        let address = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{said}: no address"));
        Self { child, address, log, reader: Some(reader), client: OnceLock::new() }
    }

    /// Returns the address that the service listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of a path, such as `/healthz`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Sends a signal, as `kill` does.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(status.expect("kill starts").success(), "the process ended before the signal");
    }

    /// Waits until the service has ended; returns its exit code (`None` if a signal ended it) and its whole log.
    pub fn end(mut self) -> (Option<i32>, Vec<String>) {
        let reader = self.reader.take().expect("it ends once");
        self.log.until_end();
        let status = self.child.wait().expect("a child can be waited for");
        reader.join().expect("a log that can be read");
        let lines = self.log.lines.lock().expect("no test panicked with it").0.clone();
        (status.code(), lines)
    }

    /// Stops the service as an operator does, which must succeed; returns its whole log.
    pub fn stop(self) -> Vec<String> {
        self.signal("TERM");
        let (code, log) = self.end();
        assert_eq!(code, Some(0), "{log:#?}");
        log
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that has already ended is not killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn read(&self, pipe: impl BufRead) {
        for line in pipe.lines() {
            let line = line.unwrap_or_else(|error| format!("a line that cannot be read: {error}"));
            self.lines.lock().expect("no test panicked with it").0.push(line);
            self.changed.notify_all();
        }
        self.lines.lock().expect("no test panicked with it").1 = true;
        self.changed.notify_all();
    }

    /// Returns the lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no test panicked with it").0.clone()
    }

    /// Waits until a line contains `text`; returns the line.
    pub fn until(&self, text: &str) -> String {
        let found = self.wait(|lines, ended| {
            let found = lines.iter().find(|line| line.contains(text)).cloned();
            assert!(found.is_some() || !ended, "the service ended without logging `{text}`: {lines:#?}");
            found
        });
        found.unwrap_or_else(|| panic!("`{text}` was not logged within {TIMEOUT:?}: {:#?}", self.lines.lock()))
    }

    fn until_end(&self) {
        let ended = self.wait(|_, ended| ended.then_some(()));
        assert!(ended.is_some(), "the service did not end within {TIMEOUT:?}: {:#?}", self.lines.lock());
    }

    fn wait<T>(&self, find: impl Fn(&[String], bool) -> Option<T>) -> Option<T> {
        let mut lines = self.lines.lock().expect("no test panicked with it");
        let deadline = std::time::Instant::now() + TIMEOUT;
        loop {
            if let Some(found) = find(&lines.0, lines.1) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(std::time::Instant::now())?;
            lines = self.changed.wait_timeout(lines, left).expect("no test panicked with it").0;
        }
    }
}
