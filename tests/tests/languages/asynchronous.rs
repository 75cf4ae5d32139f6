//! Plugins in JavaScript for the asynchronous component model, which componentize-qjs builds without `--sync`: the host refuses
//! them, and says why.

use std::fs;
use std::path::Path;

use saggar_tests::app::App;
use saggar_tests::host::{Start, TestHost};
use serde_json::json;

use super::{languages, repository};

/// Builds a plugin for the contract in this folder, and asserts that the host refuses it.
async fn assert_is_refused(wit: &Path) {
    let folder = tempfile::tempdir().expect("a directory");
    let component = folder.path().join("it.wasm");
    languages().asynchronous_javascript(wit, &component).expect("the guest builds");
    let app = App::new().plugin_bytes("it", fs::read(&component).expect("the component"));
    let app = app.task("it", &json!({ "process": "plugins.it" }));
    let refused = TestHost::try_start(app, Start::default()).await.err().expect("it is refused");
    for part in ["plugins/it.wasm", "the asynchronous component model of WASI 0.3", "exports that are not `async`"] {
        assert!(refused.contains(part), "no `{part}`: {refused}");
    }
    assert!(refused.contains("componentize-qjs needs `--sync`"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_with_the_asynchronous_runtime_is_refused() {
    assert_is_refused(&repository().join("wit")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_whose_export_is_async_is_refused() {
    let wit = tempfile::tempdir().expect("a directory");
    for entry in fs::read_dir(repository().join("wit")).expect("the contract") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("the file has a name");
        let text = fs::read_to_string(&path).expect("text");
        let is_processor = name == "processor.wit";
        let changed = if is_processor { text.replace("process: func(", "process: async func(") } else { text.clone() };
        assert_eq!(changed != text, is_processor, "the contract declares `process` in another way");
        fs::write(wit.path().join(name), changed).expect("a copy");
    }
    assert_is_refused(wit.path()).await;
}
