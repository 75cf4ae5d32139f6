//! The stage: a host with three tenants, which have the same tasks under names of their own, and one task of the same name.

use std::path::Path;

use saggar::api::Token;
use saggar_tests::guests;
use saggar_tests::program::command;
use saggar_tests::server::Server;
use serde_json::json;
use tempfile::TempDir;

/// The word of each tenant. They have no letter in common with each other or with the rest of the names below, so that the
/// host finds none of them similar to another one.
pub(super) const WORDS: [&str; 3] = ["qavix", "zumpy", "bwtkj"];

/// A word that nobody has, of other letters again.
pub(super) const NOBODY: &str = "dsrgf";

/// What each tenant has: a task that returns its arguments, one that logs them, one that fails with them, and a script.
pub(super) const TASKS: [&str; 4] = ["echo", "cello", "hole", "noel"];

/// A task that each tenant has under the same name.
pub(super) const COMMON: &str = "hello";

pub(super) const ROLES: [&str; 3] = ["read", "write", "admin"];

pub(super) struct Stage {
    pub(super) server: Server,
    /// Removed when the stage is.
    _directory: TempDir,
}

/// Returns the text of a token: of a tenant and a role, or of the operator.
pub(super) fn token(tenant: Option<&str>, role: &str) -> String {
    format!("secret-of-{}-{role}", tenant.unwrap_or("all"))
}

impl Stage {
    /// Starts the host, with traces to this collector.
    pub(super) fn start(collector: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory for a test");
        for word in WORDS {
            write_app(&directory.path().join(word), word);
        }
        let config = directory.path().join("host.toml");
        std::fs::write(&config, configuration()).expect("a file");
        let mut serve = command();
        serve.arg("serve").arg("--config").arg(&config).args(["--listen", "127.0.0.1:0"]);
        serve.args(["--otlp-endpoint", collector, "--audit-log", "true"]);
        serve.arg("--store").arg(format!("sqlite:{}", directory.path().join("jobs.db").display()));
        Self { server: Server::start_by(serve), _directory: directory }
    }
}

fn configuration() -> String {
    let token = |table: &str, name: &str, tenant: Option<&str>, role: &str| {
        let sha256 = Token::digest_of(&token(tenant, role));
        format!("[[{table}]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{sha256}\"\n")
    };
    let mut text = token("token", "op", None, "operator");
    for word in WORDS {
        text.push_str(&format!("[[tenant]]\nname = \"{word}\"\ndir = \"{word}\"\n"));
        for role in ROLES {
            text.push_str(&token("tenant.token", &format!("{word}-{role}"), Some(word), role));
        }
    }
    text
}

fn write_app(directory: &Path, word: &str) {
    let write = |path: String, content: &[u8]| {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().expect("a file lies in a directory")).expect("a directory for a file");
        std::fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    };
    for (name, guest) in [("echo", guests::ECHO), ("cello", guests::PRINTING), ("hole", guests::FAILING)] {
        let bytes = std::fs::read(guest).unwrap_or_else(|error| panic!("{guest}: {error}"));
        write(format!("plugins/{word}/{name}.wasm"), &bytes);
        let task = json!({ "process": format!("plugins.{word}.{name}"), "name": format!("The {name} of {word}"), "size": 100_000 });
        write(format!("tasks/{word}/{name}.json"), task.to_string().as_bytes());
    }
    let script = format!("export function noel(what) {{ throw new Error(`{word} cannot sing ${{what}}`); }}\n");
    write(format!("scripts/{word}.js"), script.as_bytes());
    let noel = json!({ "process": format!("scripts.{word}.noel"), "size": 100_000 });
    write(format!("tasks/{word}/noel.json"), noel.to_string().as_bytes());
    let common = json!({ "process": format!("plugins.{word}.echo"), "size": 100_000 });
    write(format!("tasks/{COMMON}.json"), common.to_string().as_bytes());
    // A task that cannot run, whose problem has the word.
    write(format!("tasks/{word}/hollow.json"), format!("{{\"process\": \"plugins.{word}.none\"}}").as_bytes());
}
