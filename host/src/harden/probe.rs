//! For the tests of the second wall, in debug builds only: tries in the running host what an escaped guest would, from
//! each kind of its threads, if a variable asks for it, and writes the results to standard error.

use std::path::Path;

use saggar_harden::probe::{Targets, attempts, exec, state};

use crate::config::Variables;

/// The variable: a directory outside, and the address of a server, separated by `|`. With `|exec` at its end, it also
/// tries to become another program.
const VARIABLE: &str = "SAGGAR_WALL_PROBE";

/// Makes all attempts. Blocks meanwhile.
pub(crate) async fn run(app: &Path, variables: &Variables) {
    let Some(text) = variables.text(VARIABLE) else { return };
    let mut parts = text.split('|');
    let (Some(outside), Some(Ok(server))) = (parts.next(), parts.next().map(str::parse)) else {
        say!("probe: invalid {VARIABLE}");
        return;
    };
    let targets = Targets { outside: outside.into(), readable: app.to_owned(), server };
    try_all("main", &targets);
    let mut workers = tokio::task::JoinSet::new();
    let of_worker = targets.clone();
    workers.spawn(async move { try_all("worker", &of_worker) });
    workers.spawn_blocking(move || try_all("blocking", &targets));
    while let Some(joined) = workers.join_next().await {
        if let Err(error) = joined {
            say!("probe: a thread failed: {error}");
        }
    }
    if parts.next() == Some("exec") {
        report("main", "become another program", Err(exec()));
    }
    for line in state() {
        say!("state: {line}");
    }
    say!("probe: done");
}

fn try_all(thread: &str, targets: &Targets) {
    for (name, result) in attempts(targets) {
        report(thread, name, result);
    }
}

fn report(thread: &str, name: &str, result: std::io::Result<()>) {
    match result {
        Ok(()) => say!("probe: {thread}: {name}: done"),
        Err(error) => say!("probe: {thread}: {name}: error {}: {error}", error.raw_os_error().unwrap_or(0)),
    }
}
