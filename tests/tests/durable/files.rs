//! The files of a host's store, with the real binary: their permissions, links, and the behaviour when they disappear.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{command_within, saggar_on};
use saggar_tests::server::Server;
use serde_json::json;

fn app() -> App {
    App::new().simple_task("echo", guests::ECHO)
}

/// Serves the app in a shell whose umask makes every file world-readable.
fn serve_openly(app: &App) -> Server {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 022; exec \"$0\" \"$@\""]);
    let mut serve = command_within(shell);
    serve.arg("serve").arg(app.path());
    Server::start_by(serve)
}

fn mode(app: &App, path: &str) -> u32 {
    let path = app.path().join(path);
    fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

#[tokio::test]
async fn files_of_a_host_are_private_to_its_user() {
    let app = app();
    let server = serve_openly(&app);
    server.add("echo", &json!({})).await;
    assert_eq!(mode(&app, ".saggar"), 0o700);
    for file in ["saggar.db", "saggar.db-wal", "saggar.db-shm", "saggar.db.lock"] {
        assert_eq!(mode(&app, &format!(".saggar/{file}")), 0o600, "{file}");
    }
    let copy = app.path().join("copy.db");
    assert_eq!(saggar_on("backup", &app, &[copy.to_str().expect("UTF-8")]).code, Some(0));
    assert_eq!(mode(&app, "copy.db"), 0o600);
    let log = server.stop();
    assert!(log.iter().all(|line| !line.contains("chmod")), "{log:#?}");
}

#[tokio::test]
async fn a_host_warns_about_a_store_that_other_users_may_read() {
    let app = app();
    serve_openly(&app).stop();
    let open = |path: &str, mode| {
        fs::set_permissions(app.path().join(path), fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    open(".saggar", 0o755);
    open(".saggar/saggar.db", 0o644);
    let log = serve_openly(&app).stop();
    let warns = |of: &str| log.iter().any(|line| line.contains("WARN") && line.contains("chmod") && line.contains(of));
    assert!(warns("chmod 700") && warns("saggar.db"), "{log:#?}");
    assert_eq!(mode(&app, ".saggar/saggar.db"), 0o644, "permissions that an operator has set are kept");
}

#[tokio::test]
async fn a_host_whose_store_is_deleted_rejects_jobs_and_stops() {
    let app = app();
    let server = Server::start(&app, &[]);
    let id = server.add("echo", &json!({})).await;
    assert_eq!(server.get(&format!("/v1/tasks/echo/jobs/{id}?wait=30s")).await.body["status"], "SUCCESS");
    fs::remove_dir_all(app.path().join(".saggar")).expect("it is ours");
    let refused = server.post("/v1/tasks/echo/jobs", &json!({})).await;
    assert_eq!((refused.status, refused.code()), (503, "store-failed"));
    let (code, log) = server.end();
    assert_eq!(code, Some(1), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("ERROR") && line.contains("was deleted")), "{log:#?}");
}

#[tokio::test]
async fn an_idle_host_detects_a_replaced_store_on_a_readiness_check() {
    let app = app();
    let server = Server::start(&app, &[]);
    let database = app.path().join(".saggar/saggar.db");
    fs::copy(&database, database.with_extension("copy")).expect("it can be read");
    fs::rename(database.with_extension("copy"), &database).expect("it is ours");
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.code()), (503, "store-failed"));
    let (code, log) = server.end();
    assert_eq!(code, Some(1), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("was replaced by another file")), "{log:#?}");
}

#[tokio::test]
async fn a_hard_link_to_the_store_of_a_running_host_is_refused() {
    let (app, other) = (app(), app());
    let server = Server::start(&app, &[]);
    server.add("echo", &json!({})).await;
    let link = other.path().join("link.db");
    fs::hard_link(app.path().join(".saggar/saggar.db"), &link).expect("both are in the same file system");
    let said = saggar_on("run", &other, &["--store", &format!("sqlite:{}", link.display()), "echo", "x"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{}", said.err);
    assert!(said.err.contains("hard link"), "{}", said.err);
    // The first host is not disturbed.
    assert_eq!(server.get("/readyz").await.status, 200);
    let id = server.add("echo", &json!({})).await;
    assert_eq!((id, &server.ended("echo", id).await["status"]), (2, &json!("SUCCESS")));
    server.stop();
}

#[test]
fn a_symbolic_link_instead_of_the_store_is_refused() {
    let victim = app();
    victim.write("victim", "another user's words");
    let (directory, lock, database) = (app(), app(), app());
    symlink(victim.path(), directory.path().join(".saggar")).expect("a link");
    for (app, name) in [(&lock, "saggar.db.lock"), (&database, "saggar.db")] {
        fs::create_dir(app.path().join(".saggar")).expect("a directory");
        symlink(victim.path().join("victim"), app.path().join(".saggar").join(name)).expect("a link");
    }
    for app in [directory, lock, database] {
        let said = saggar_on("serve", &app, &["--listen", "127.0.0.1:0"]);
        assert_eq!(said.code, Some(1), "{}", said.err);
        assert!(said.err.contains("symbolic link"), "{}", said.err);
    }
    assert_eq!(fs::read_to_string(victim.path().join("victim")).expect("it is there"), "another user's words");
    assert!(!victim.path().join("saggar.db").exists());
}
