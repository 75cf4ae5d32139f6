//! Attempts that are made again, from their records: in every language they do the same.

use std::path::Path;

use saggar::grant::Grants;
use saggar_tests::host::{Start, TestHost};
use serde_json::{Value, json};

use super::Language;
use super::capabilities::grants;
use super::rerun::is_same_again;
use super::server::{Reply, Server};

/// Functions of the guest that all languages have, with arguments.
fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("echo", json!([{ "a": [1.5, -7, null, true, "ü \u{1f680}", {}, []] }])),
        ("nothing", json!([])),
        ("unicode", json!([])),
        ("progress", json!([])),
        ("levels", json!([])),
        ("reject", json!([])),
        ("retry", json!([])),
        ("broken", json!([])),
        ("children", json!([])),
        ("options", json!([])),
        ("unknown", json!([])),
        ("passed", json!([])),
        ("ident", json!([])),
        ("random", json!([])),
        ("lookup", json!(["journal", 1])),
        ("cancel", json!(["journal", 1])),
        ("ledger", json!([])),
        ("stored", json!(["a", [1, "two"]])),
        ("kept", json!(["a"])),
    ]
}

/// Returns a task whose processor is this function, and which records all attempts.
fn task(language: &Language, function: &str, origin: &str) -> Value {
    let mut task = language.task(function);
    task["sandbox"] = json!({ "record": "all", "tasks": "all", "kv": "write" });
    if function == "exchange" {
        task["sandbox"]["http"] = json!([origin]);
        task["sandbox"]["secrets"] = json!(["it"]);
    }
    if function == "files" {
        task["sandbox"]["env"] = json!(["WORD"]);
        task["sandbox"]["scratch"] = json!("64KiB");
    }
    task
}

pub(super) async fn conform(language: &Language) {
    let server = Server::start(|received| Reply::with("content-type: application/json\r\n", &received.body)).await;
    let url = server.url("http", "127.0.0.1", "/a");
    let origin = url.trim_end_matches("/a");
    let mut calls = calls();
    if language.has_stdout {
        calls.push(("print", json!(["word"])));
    }
    if language.has_files() {
        calls.push(("files", json!([])));
    }
    if language.has_every_capability {
        calls.push(("exchange", json!([url])));
    }
    for hashes_memories in [false, true] {
        let app = calls.iter().fold(language.app(), |app, (name, _)| app.task(name, &task(language, name, origin)));
        let (origins, no_dir) = ([origin.to_owned(), origin.to_owned()], Path::new(""));
        let granted = Grants { env: vec!["WORD".to_owned()], dirs: Vec::new(), ..grants(&origins, no_dir) };
        let variables = vec![("WORD", "pot ✓"), ("KEY", "sk_live_0123456789")];
        let start = Start { grants: granted, variables, hashes_memories, ..Start::default() };
        let host = TestHost::start_as(app, start).await;
        for (name, args) in &calls {
            // The second attempt has an instance that has served the first one, unless memories are hashed.
            for _ in 0..2 {
                let id = host.add(name, args.clone()).await;
                host.end(name, id).await;
                assert!(is_same_again(&host, name, id).await, "{name} is not recorded");
            }
        }
        // Jobs that the calls added for later still wait.
        host.shutdown().await;
    }
}
