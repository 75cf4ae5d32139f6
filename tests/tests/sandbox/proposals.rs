//! Components that need an unsupported proposal are refused with its name and advice.

use saggar_tests::app::App;
use saggar_tests::host::{Start, TestHost};

async fn refusal(wat: &str) -> String {
    let component = wat::parse_str(wat).expect("the text is a component");
    let app = App::new().plugin_bytes("it", &component).task("it", &serde_json::json!({ "process": "plugins.it" }));
    TestHost::try_start(app, Start::default()).await.err().expect("a host loaded it")
}

#[tokio::test]
async fn a_component_of_wasi_0_3_is_refused_with_advice() {
    for canonical in ["task.cancel", "backpressure.inc", "waitable-set.new", "subtask.drop"] {
        let why = refusal(&format!("(component (core func (canon {canonical})))")).await;
        assert!(why.contains("asynchronous component model") && why.contains("WASI 0.2"), "{canonical}: {why}");
        assert!(why.contains(canonical), "{canonical}: {why}");
    }
}

#[tokio::test]
async fn unsupported_proposals_are_named() {
    for (fields, says) in [
        ("(table 1 externref)", "`externref`"),
        ("(func (param externref))", "`externref`"),
        ("(tag)", "exceptions"),
        ("(memory 1 1 shared)", "threads"),
        ("(memory i64 1)", "64-bit"),
    ] {
        let why = refusal(&format!("(component (core module {fields}))")).await;
        assert!(why.contains(says) && why.contains("does not support"), "{fields}: {why}");
    }
}
