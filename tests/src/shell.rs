//! A shell with `saggar` in its `PATH`, for commands as a user types them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{guests, program};

/// Enough for commands that build a template with its dependencies.
pub const BUILD_TIME: Duration = Duration::from_secs(900);

/// Returns a shell that runs commands in a directory until one of them fails.
///
/// What cargo and Go compile is shared by all callers; the built files are where a user has them.
pub fn command(directory: &Path, commands: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-ec", commands]).current_dir(directory).stdin(Stdio::null());
    for (name, value) in program::command().get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let others = std::env::var_os("PATH").unwrap_or_default();
    let binary = program::path().parent().expect("a directory").to_owned();
    let all = std::env::join_paths([binary].into_iter().chain(std::env::split_paths(&others)));
    shell.env("PATH", all.expect("no directory with a colon"));
    let built = Path::new(guests::TARGET_DIR).join("templates");
    shell.env_remove("CARGO_TARGET_DIR").env("CARGO_BUILD_BUILD_DIR", built.join("cargo"));
    shell.env("GOCACHE", built.join("go"));
    shell
}
