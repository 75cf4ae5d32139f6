//! A host whose store fails.

use std::process::Command;

use saggar_tests::client::send;
use saggar_tests::program::command_within;
use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::super::stage::app;
use super::{Document, add};

/// Adds a job to a host that cannot write any file; the disk is neither full nor broken.
pub(super) async fn store_failed() -> Value {
    let mut shell = Command::new("sh");
    // The signal would end the process before its write failed.
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    let (app, mut serve) = (app(), command_within(shell));
    serve.arg("serve").arg(app.path());
    let server = Server::start_by(serve);
    server.add("mail.send", &json!({})).await;
    // Two requests in flight when the store fails.
    let mut watchers = [server.connect(), server.connect()];
    watchers.iter_mut().for_each(|watcher| watcher.send("GET /readyz HTTP/1.1\r\n"));
    let limit = Command::new("prlimit").args(["--fsize=0", "--pid", &server.pid().to_string()]).status();
    assert!(limit.expect("prlimit (util-linux) starts").success());
    let document = send(add(&server, json!({}))).await.document();
    for watcher in &mut watchers {
        watcher.send("host: localhost\r\n\r\n");
        let ready = watcher.answer().expect("a request in flight is answered");
        assert_eq!((ready.status, ready.code()), (503, "store-failed".to_owned()));
    }
    let (code, log) = server.end();
    assert_eq!(code, Some(1), "{log:#?}");
    document
}
