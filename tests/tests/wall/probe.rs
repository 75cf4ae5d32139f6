//! A host that tries to get through its own walls, and what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use tempfile::TempDir;

/// What came of an attempt: the code of the error, if it failed.
pub(super) type Outcomes = BTreeMap<String, Option<i32>>;

/// A host, and what it has nothing to do with.
pub(super) struct Probe {
    pub(super) server: Server,
    pub(super) app: App,
    pub(super) outside: TempDir,
    _other_server: TcpListener,
}

impl Probe {
    /// Starts a host with these arguments, and waits until it has made its attempts. `with_exec`: it also tries to become
    /// another program.
    pub(super) fn start(arguments: &[&str], with_exec: bool) -> Self {
        let app = App::new().simple_task("echo", guests::ECHO);
        let outside = tempfile::tempdir().expect("a directory outside of the app");
        for name in ["secret", "removable", "a"] {
            fs::write(outside.path().join(name), name).expect("a file outside of the app");
        }
        let other_server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = other_server.local_addr().expect("an address");
        let exec = if with_exec { "|exec" } else { "" };
        let asked = format!("{}|{address}{exec}", outside.path().display());
        let server = Server::start_as(&app, |serve| serve.args(arguments).env("SAGGAR_WALL_PROBE", asked));
        server.log().until("probe: done");
        Self { server, app, outside, _other_server: other_server }
    }

    /// Returns the outcomes of the attempts by the kind of the thread that made them.
    pub(super) fn outcomes(&self) -> BTreeMap<String, Outcomes> {
        let mut found: BTreeMap<String, Outcomes> = BTreeMap::new();
        for line in self.server.log().lines() {
            let Some(attempt) = line.strip_prefix("probe: ").filter(|rest| *rest != "done") else { continue };
            let words: Vec<&str> = attempt.splitn(3, ": ").collect();
            let [thread, name, result] = words[..] else { panic!("an unknown line of the probe: {line}") };
            let code = result.strip_prefix("error ").map(|rest| {
                let code = rest.split(':').next().and_then(|code| code.parse().ok());
                code.unwrap_or_else(|| panic!("{line}: an error without a code"))
            });
            assert!(code.is_some() || result == "done", "{line}");
            found.entry(thread.to_owned()).or_default().insert(name.to_owned(), code);
        }
        found
    }

    /// Returns the state of the host's process.
    pub(super) fn state(&self) -> BTreeMap<String, String> {
        let lines = self.server.log().lines();
        let state = lines.iter().filter_map(|line| line.strip_prefix("state: ")?.split_once('='));
        state.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Returns the names and contents of the files outside.
    pub(super) fn files_outside(&self) -> Vec<(String, String)> {
        files(self.outside.path())
    }
}

fn files(dir: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry"));
    let content = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let mut files: Vec<_> =
        entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), content(&entry.path()))).collect();
    files.sort();
    files
}
