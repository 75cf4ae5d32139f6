//! The OpenAPI document: its content, its validity, its completeness, and that the running server conforms to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::output_within;
use saggar_tests::server::Server;
use saggar_tests::tools::tool;
use serde_json::json;

/// Schemathesis takes two minutes on two idle cores.
const LONG: Duration = Duration::from_secs(15 * 60);

#[test]
fn the_document_is_as_published() {
    insta::assert_snapshot!(saggar::api::openapi());
}

#[test]
fn the_document_is_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("openapi.json");
    fs::write(&file, saggar::api::openapi()).expect("a file");
    let said = output_within(tool("openapi-spec-validator").arg("--schema").arg("3.1").arg(&file), LONG);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

/// utoipa's router adds its routes to the document, so all routes must use it, except for those of the dashboard, whose files
/// only browsers ask for.
#[test]
fn every_route_is_in_the_document() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/crates/api/src");
    let mut files = Vec::new();
    collect(&sources, &mut files);
    assert!(files.len() > 30, "the sources have moved: {files:?}");
    let all = files.len();
    files.retain(|file| !file.ends_with("routes/dashboard.rs"));
    assert_eq!(all - files.len(), 1, "the dashboard's routes have moved");
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        for other in ["Router::new()", ".route(", ".route_service(", ".nest("] {
            assert!(
                !text.contains(other),
                "{}: `{other}…)` adds a route that is missing from the document",
                file.display()
            );
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.file_name() != Some("tests.rs".as_ref()) {
            files.push(path);
        }
    }
}

/// Thousands of valid and invalid requests are generated from the document, which must describe each response.
#[test]
fn the_server_conforms_to_the_document() {
    let task = json!({ "process": "plugins.echo", "size": 10_000_000 });
    let app = App::new().plugin("echo", guests::ECHO).task("mail.send", &task);
    let token = "admin:10a4c7c9fc5206d6f36dc6944a81bb6f4a3cb0e25014ae3b12e6c3e52712292a";
    let server = Server::start(&app, &["--store", "memory", "--token", token]);
    let (folder, config) =
        (tempfile::tempdir().expect("a folder"), Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis.toml"));
    let mut run = tool("schemathesis");
    // Schemathesis writes files to its working directory.
    run.current_dir(folder.path())
        .arg("--config-file")
        .arg(config)
        .args(["--no-color", "run"])
        .arg(server.url("/openapi.json"));
    let said = std::thread::scope(|scope| {
        let (_is_running, ran) = channel();
        let server = &server;
        scope.spawn(move || add_until(server, &ran));
        output_within(&mut run, LONG)
    });
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.contains(" generated, "), "{}", said.out);
    let log = server.stop();
    assert!(log.iter().all(|line| !line.contains("panicked") && !line.contains("ERROR")), "{log:#?}");
}

/// Adds a job every 20 ms, so that subscribers soon get an event, until the channel's sender is dropped.
fn add_until(server: &Server, ran: &Receiver<()>) {
    let head = server.post_head(
        "/v1/tasks/mail.send/jobs",
        "authorization: Bearer admin-token\r\ncontent-length: 2\r\nconnection: close\r\n",
    );
    while ran.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
        assert_eq!(server.raw(format!("{head}{{}}")).status, 201);
    }
}
