//! Does what a page says, in a directory of its own.

use std::fs;
use std::path::{Path, PathBuf};

use saggar_tests::program;
use saggar_tests::server::Server;
use saggar_tests::shell;
use tempfile::TempDir;

use super::blocks::{Block, Mark, blocks};
use super::expected::{are_lines, is_line, lines_of, with_narrow_columns};

/// The state after some blocks of a page.
struct Page {
    /// The page's file, for messages.
    file: &'static str,
    directory: TempDir,
    service: Option<Service>,
    /// What the last commands printed; `None` once it was compared.
    printed: Option<String>,
}

/// The service that a page has started.
struct Service {
    server: Server,
    /// The lines of its log that the page shows.
    shown: Vec<String>,
}

/// Does what a page says.
pub(super) fn check(file: &'static str) {
    let path = super::root().join("docs/guide/src").join(file);
    let text = read(file, &path);
    let directory = tempfile::tempdir().expect("a directory for a page");
    let mut page = Page { file, directory, service: None, printed: None };
    for block in blocks(&text) {
        page.follow(&block);
    }
    page.end();
}

impl Page {
    fn follow(&mut self, block: &Block) {
        let place = format!("{}:{}", self.file, block.line);
        match &block.mark {
            Mark::File(path) => write(&place, &self.path(path), &block.text),
            Mark::Run { exit } => self.run(&place, &block.text, *exit),
            Mark::Output { any_order } => self.compare(&place, &block.text, *any_order),
            Mark::Serve => self.serve(&place, &block.text),
            Mark::Log => self.wait_for(&place, &block.text),
            Mark::Shows(path) => assert_contains(&place, &self.path(path), &block.text),
            Mark::From(path) => assert_contains(&place, &super::root().join(path), &block.text),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// Runs commands of a shell, with `saggar` in its `PATH`.
    fn run(&mut self, place: &str, commands: &str, exit: i32) {
        // Both outputs are one, as on a terminal.
        let mut shell = shell::command(self.directory.path(), &format!("exec >&2\n{commands}"));
        if let Some(service) = &self.service {
            shell.env("SAGGAR_URL", service.server.url(""));
        }
        let said = program::output_within(&mut shell, shell::BUILD_TIME);
        assert!(!said.err.contains("panicked"), "{place}: {}", said.err);
        assert_eq!(said.code, Some(exit), "{place}: {}", said.err);
        self.printed = Some(said.err);
    }

    fn compare(&mut self, place: &str, text: &str, any_order: bool) {
        let printed = self.printed.take().unwrap_or_else(|| panic!("{place}: no commands before this output"));
        let (narrow_text, narrow_printed) = (with_narrow_columns(text), with_narrow_columns(&printed));
        let (mut expected, mut lines) = (lines_of(&narrow_text), lines_of(&narrow_printed));
        if any_order {
            expected.sort_unstable();
            lines.sort_unstable();
        }
        assert!(are_lines(&expected, &lines), "{place}: expected:\n{text}\nprinted:\n{printed}");
    }

    /// Starts `saggar serve` or `saggar dev`, and waits until its tasks can run.
    fn serve(&mut self, place: &str, command: &str) {
        assert!(self.service.is_none(), "{place}: the page has a service already");
        let words: Vec<&str> = command.split_whitespace().collect();
        let ["saggar", arguments @ ..] = &words[..] else { panic!("{place}: not a command of saggar: {command}") };
        let mut command = program::command();
        command.args(arguments).current_dir(self.directory.path());
        let server = Server::start_unprepared(command);
        let is_dev = arguments.first() == Some(&"dev");
        server.log().until(if is_dev { " ready" } else { "all plugins are loaded" });
        self.service = Some(Service { server, shown: Vec::new() });
    }

    /// Waits for the longest part of each line; the whole lines and their order are compared at the end.
    fn wait_for(&mut self, place: &str, text: &str) {
        let service = self.service.as_mut().unwrap_or_else(|| panic!("{place}: no service before this log"));
        for line in text.lines() {
            let part = line.split('…').max_by_key(|part| part.len()).unwrap_or_default();
            service.server.log().until(part);
            service.shown.push(line.to_owned());
        }
    }

    /// Stops the service, and compares its log.
    fn end(self) {
        let Some(Service { server, shown }) = self.service else { return };
        let log = server.stop();
        let mut lines = log.iter();
        for expected in shown {
            let is_there = lines.any(|line| is_line(&expected, line));
            assert!(is_there, "{}: the log has no (further) line `{expected}`: {log:#?}", self.file);
        }
    }
}

fn read(place: &str, path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{place}: {}: {error}", path.display()))
}

fn write(place: &str, path: &Path, text: &str) {
    let parent = path.parent().expect("a file lies in a directory");
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(path, text));
    written.unwrap_or_else(|error| panic!("{place}: {}: {error}", path.display()));
}

/// Asserts that the file has these lines, one after the other.
fn assert_contains(place: &str, path: &Path, lines: &str) {
    let text = format!("\n{}", read(place, path));
    assert!(text.contains(&format!("\n{lines}")), "{place}: {} does not contain:\n{lines}", path.display());
}
