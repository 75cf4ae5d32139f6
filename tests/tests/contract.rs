//! The contract does not change by accident: every change of `wit/` changes a snapshot, and must be accepted there.
//!
//! Within 0.1, the exported interfaces, the records and the signatures do not change; imported interfaces can get
//! further functions.

use std::path::Path;

use saggar_tests::app::App;
use saggar_tests::crafted::contract;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, problem_code};
use serde_json::json;
use wit_component::WitPrinter;

#[test]
fn the_contract_is_as_published() {
    let (resolve, package) = contract().unwrap();
    let mut printer = WitPrinter::default();
    printer.emit_docs(false);
    printer.print(&resolve, package, &[]).unwrap();
    insta::assert_snapshot!(printer.output.to_string());
}

#[test]
fn everything_in_the_contract_is_documented() {
    let (resolve, package) = contract().unwrap();
    let package = &resolve.packages[package];
    let mut undocumented = Vec::new();
    let mut check = |name: String, docs: &wit_parser::Docs| {
        if docs.is_empty() {
            undocumented.push(name);
        }
    };
    for (name, id) in &package.interfaces {
        let interface = &resolve.interfaces[*id];
        check(name.clone(), &interface.docs);
        for (function, item) in &interface.functions {
            check(format!("{name}.{function}"), &item.docs);
        }
        // Types that an interface uses from another one are documented there.
        let own = |id: &&wit_parser::TypeId| !matches!(resolve.types[**id].kind, wit_parser::TypeDefKind::Type(_));
        for id in interface.types.values().filter(own) {
            let item = &resolve.types[*id];
            check(format!("{name}.{}", item.name.as_deref().unwrap_or("?")), &item.docs);
        }
    }
    for (name, id) in &package.worlds {
        check(name.clone(), &resolve.worlds[*id].docs);
    }
    assert_eq!(undocumented, Vec::<String>::new());
}

/// A component of the first commits of 0.1 plays all six roles on today's host, and uses its imports.
#[tokio::test(flavor = "multi_thread")]
async fn components_of_earlier_commits_of_this_version_work() {
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("frozen/recorder-0.1.0.wasm");
    let all = "plugins.frozen";
    let event = json!({ "next": all, "add": all, "progress": all, "success": all, "error": all });
    let task = json!({ "process": all, "attempts": 1, "attempt_after": 1, "event": event });
    let app = App::new().plugin("frozen", frozen.to_str().expect("a path in UTF-8")).task("it", &task);
    let host = TestHost::start(app.simple_task("journal", guests::ECHO)).await;
    assert_eq!(host.response("it", json!(["α", 2])).await, json!({ "message": "ok" }));
    host.idle().await;
    assert_eq!(problem_code(&host.run("it", json!(["fail"])).await), "as-asked");
    let mut journal = host.journal().await;
    // The first of the two values may have been skipped.
    journal.retain(|note| !note.ends_with(" 1/2 half"));
    let expected = [
        "next",
        "add 1",
        r#"process 1 ["α",2] attempt 1"#,
        "progress 1 2/2 done",
        r#"success 1 {"message":"ok"}"#,
        "next",
        "add 2",
        r#"process 2 ["fail"] attempt 1"#,
        "progress 2 2/2 done",
        r#"process 2 ["fail"] attempt 2"#,
        "progress 2 2/2 done",
        "error 2 as-asked: it was asked to fail",
    ];
    assert_eq!(journal, expected);
    host.shutdown().await;
}
