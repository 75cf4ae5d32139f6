//! A host does not run as root unless an option allows it.

use std::process::Command;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{command_within, output};
use saggar_tests::server::Server;

/// Returns `saggar serve` as the root of a user namespace, which any user can be.
fn serve_as_root(app: &App, allow_root: &str) -> Command {
    let mut outer = Command::new("unshare");
    outer.args(["--user", "--map-root-user"]);
    let mut serve = command_within(outer);
    serve.arg("serve").arg(app.path()).env("SAGGAR_ALLOW_ROOT", allow_root);
    serve
}

#[test]
fn a_host_refuses_to_run_as_root() {
    let app = App::new().simple_task("echo", guests::ECHO);
    let said = output(&mut serve_as_root(&app, "no"));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("does not run as root"), "{said:?}");
    assert!(said.err.contains("`--allow-root yes`"), "{said:?}");
}

#[test]
fn a_host_runs_as_root_if_it_is_allowed() {
    let app = App::new().simple_task("echo", guests::ECHO);
    let server = Server::start_by(serve_as_root(&app, "yes"));
    server.log().until("hardened");
    server.stop();
}
