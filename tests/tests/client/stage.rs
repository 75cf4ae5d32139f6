//! The fixture of these tests: a service, commands that talk to it, and their output without values that differ between
//! runs.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, command, output};
use saggar_tests::server::Server;
use saggar_tests::timeout::TIMEOUT;
use serde_json::{Value, json};

/// Returns an app with a task of each kind.
pub(super) fn app() -> App {
    let echo = json!({ "process": "plugins.echo", "size": 20_000, "name": "Letters" });
    App::new()
        .plugin("echo", guests::ECHO)
        .task("mail.send", &echo)
        .task("small", &json!({ "process": "plugins.echo", "size": 5 }))
        .simple_task("failing", guests::FAILING)
        .simple_task("gated", guests::GATED)
        .simple_task("keys", guests::ECHO)
        .plugin("faulty", guests::FAULTY)
        .task("faulty", &json!({ "process": "plugins.echo", "event": { "success": "plugins.faulty#problem" } }))
        .simple_task("printing", guests::PRINTING)
        .simple_task("progress", guests::PROGRESS)
        .simple_task("words", guests::HOSTILE_WORDS)
}

/// Starts a service with the store in memory.
pub(super) fn serve() -> Server {
    Server::start(&app(), &["--store", "memory"])
}

/// Returns `saggar ARGUMENTS…` as a client of the service.
pub(super) fn client(server: &Server, arguments: &[&str]) -> Command {
    let mut client = command();
    client.args(arguments).env("SAGGAR_URL", server.url("")).env("SAGGAR_RETRY_FOR", "30s");
    client
}

/// Runs a client command.
pub(super) fn ask(server: &Server, arguments: &[&str]) -> CommandOutput {
    output(&mut client(server, arguments))
}

/// Runs a client command, which must succeed; returns its standard output.
pub(super) fn ask_well(server: &Server, arguments: &[&str]) -> String {
    let said = ask(server, arguments);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{arguments:?}: {}", said.out);
    said.out
}

/// Runs a client command with `--json`; returns the document.
pub(super) fn ask_json(server: &Server, arguments: &[&str]) -> Value {
    let text = ask_well(server, &[arguments, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

/// Runs a client command with this standard input.
pub(super) fn feed(server: &Server, arguments: &[&str], input: impl Into<String>) -> CommandOutput {
    let mut feeding = RunningCommand::start(client(server, arguments).stdin(Stdio::piped()));
    let mut pipe = feeding.child.stdin.take().expect("a pipe was asked for");
    let input = input.into();
    // The command may end before it has read everything.
    let writing = std::thread::spawn(move || drop(pipe.write_all(input.as_bytes())));
    let said = feeding.end();
    writing.join().expect("a pipe that can be written");
    said
}

/// Wraps the command so that it runs on a terminal of 80 columns.
pub(super) fn terminal(client: &Command) -> Command {
    let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_str().expect("UTF-8").replace('\'', r"'\''"));
    let line = std::iter::once(client.get_program()).chain(client.get_args()).map(quoted).collect::<Vec<_>>().join(" ");
    let mut script = Command::new("script");
    // The shell replaces itself with the command, so that signals reach it.
    script.args(["--quiet", "--return", "--command", &format!("exec {line}"), "/dev/null"]).stdin(Stdio::null());
    script.envs(client.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
    script.env("COLUMNS", "80");
    script
}

/// Runs a client command on a terminal; returns its output.
pub(super) fn on_terminal(server: &Server, arguments: &[&str]) -> CommandOutput {
    let said = output(&mut terminal(&client(server, arguments)));
    CommandOutput { out: said.out.replace("\r\n", "\n"), ..said }
}

/// Replaces every time in the text.
pub(super) fn steady(text: &str) -> String {
    const TIMESTAMP: &str = "2026-11-24T10:00:00.000Z";
    let is_timestamp = |part: &str| {
        let fits = |(form, found): (u8, u8)| if form.is_ascii_digit() { found.is_ascii_digit() } else { form == found };
        part.len() == TIMESTAMP.len() && TIMESTAMP.bytes().zip(part.bytes()).all(fits)
    };
    let mut steady = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match rest.get(..TIMESTAMP.len()) {
            Some(part) if is_timestamp(part) => {
                steady.push_str(TIMESTAMP);
                rest = &rest[TIMESTAMP.len()..];
            }
            _ => {
                steady.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    steady
}

/// Longer than drawing a view takes, and shorter than the time between two views.
const STILL: Duration = Duration::from_millis(30);

/// A running command whose output is read.
pub(super) struct RunningCommand {
    child: Child,
    out: Pipe,
    err: Pipe,
}

/// The output of a pipe, as it arrives.
struct Pipe {
    pieces: mpsc::Receiver<Vec<u8>>,
    received: Vec<u8>,
    /// The position after the text that was awaited last.
    after: usize,
}

impl RunningCommand {
    pub(super) fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the command starts");
        let out = Pipe::of(child.stdout.take().expect("a pipe was asked for"));
        let err = Pipe::of(child.stderr.take().expect("a pipe was asked for"));
        Self { child, out, err }
    }

    /// Waits for the next line of standard output that contains `text`; returns it.
    pub(super) fn until(&mut self, text: &str) -> String {
        self.out.until(text);
        self.out.rest_of_line()
    }

    /// Waits until standard error contains `text`.
    pub(super) fn until_err(&mut self, text: &str) {
        self.err.until(text);
    }

    /// Waits until standard output, which is a terminal, contains `text`.
    pub(super) fn until_drawn(&mut self, text: &str) {
        self.out.until(text);
    }

    /// Waits until the output pauses, as between two views.
    pub(super) fn until_still(&mut self) {
        while self.out.is_written_within(STILL) {}
    }

    /// Writes the text to the command's standard input and closes it.
    pub(super) fn write(&mut self, text: &str) {
        let mut pipe = self.child.stdin.take().expect("a pipe was asked for");
        pipe.write_all(text.as_bytes()).expect("the command reads its input");
    }

    /// Presses Ctrl-C.
    pub(super) fn interrupt(&self) {
        let status = Command::new("kill").args(["-s", "INT", &self.child.id().to_string()]).status();
        assert!(status.expect("kill starts").success(), "the command has ended already");
    }

    /// Closes the reading end of standard output after the next piece of output.
    pub(super) fn close_output(&mut self) {
        self.out.pieces = mpsc::channel().1;
    }

    /// Waits until the command ends; returns its output.
    pub(super) fn end(mut self) -> CommandOutput {
        let (out, err) = (self.out.rest(), self.err.rest());
        let status = self.child.wait().expect("a child can be waited for");
        assert!(!err.contains("panicked"), "{err}");
        CommandOutput { code: status.code(), out, err }
    }
}

impl Pipe {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let (sender, pieces) = mpsc::channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(bytes @ 1..) = pipe.read(&mut piece) {
                // The receiver is gone.
                if sender.send(piece[..bytes].to_owned()).is_err() {
                    return;
                }
            }
        });
        Self { pieces, received: Vec::new(), after: 0 }
    }

    /// Waits for `text` after the text that was awaited last.
    fn until(&mut self, text: &str) {
        loop {
            let found = self.received[self.after..].windows(text.len()).position(|window| window == text.as_bytes());
            match found {
                Some(at) => return self.after += at + text.len(),
                None => self.more().unwrap_or_else(|why| panic!("`{text}` was not printed: {why}: {}", self.text())),
            }
        }
    }

    /// Returns the line that contains the awaited text.
    fn rest_of_line(&mut self) -> String {
        self.until("\n");
        let text = String::from_utf8_lossy(&self.received[..self.after]).into_owned();
        text.lines().next_back().expect("there is a line").to_owned()
    }

    /// Waits until the output ends; returns all of it.
    fn rest(&mut self) -> String {
        loop {
            match self.more() {
                Ok(()) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.text(),
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end: {}", self.text()),
            }
        }
    }

    fn is_written_within(&mut self, time: Duration) -> bool {
        let piece = self.pieces.recv_timeout(time);
        self.received.extend(piece.iter().flatten());
        piece.is_ok()
    }

    fn more(&mut self) -> Result<(), mpsc::RecvTimeoutError> {
        self.received.extend(self.pieces.recv_timeout(TIMEOUT)?);
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }
}
