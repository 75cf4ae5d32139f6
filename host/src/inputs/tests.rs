//! Tests of the inputs with real files: whatever is written how, each change of content is seen once.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

/// An app with a task, a plugin and files that are no inputs.
fn app() -> TempDir {
    let app = tempfile::tempdir().unwrap();
    for directory in ["tasks/deep", "plugins", "target"] {
        fs::create_dir_all(app.path().join(directory)).unwrap();
    }
    for file in ["tasks/a.json", "tasks/deep/b.yao", "plugins/a.wasm", "tasks/notes.txt", "target/c.wasm"] {
        fs::write(app.path().join(file), "1").unwrap();
    }
    app
}

async fn read(app: &TempDir) -> AppInputs {
    AppInputs::read(app.path(), None).await
}

/// Scans and reads once, without waiting for a change.
async fn changes(inputs: &mut AppInputs) -> Vec<String> {
    let scan = inputs.scan().await;
    if inputs.is_news(&scan) { inputs.update(scan).await } else { Vec::new() }
}

#[tokio::test]
async fn only_inputs_are_watched() {
    let app = app();
    let mut inputs = read(&app).await;
    let names: Vec<_> = inputs.known.keys().cloned().collect();
    assert_eq!(names, ["plugins/a.wasm", "tasks/a.json", "tasks/deep/b.yao"]);
    for file in ["tasks/notes.txt", "target/c.wasm", "tasks/.a.json.swp", "plugins/a.wasm.tmp", "tasks/a.json~"] {
        fs::write(app.path().join(file), "2").unwrap();
    }
    assert_eq!(changes(&mut inputs).await, Vec::<String>::new());
    fs::write(app.path().join("saggar.toml"), "drain = 1").unwrap();
    assert_eq!(changes(&mut inputs).await, ["saggar.toml"]);
}

#[tokio::test]
async fn content_counts_and_times_do_not() {
    let app = app();
    let mut inputs = read(&app).await;
    let file = app.path().join("tasks/a.json");
    fs::write(&file, "1").unwrap();
    assert_eq!(changes(&mut inputs).await, Vec::<String>::new(), "the same content");
    // The same size, and perhaps the same time.
    fs::write(&file, "2").unwrap();
    assert_eq!(changes(&mut inputs).await, ["tasks/a.json"]);
    assert_eq!(changes(&mut inputs).await, Vec::<String>::new(), "a change is seen once");
}

#[tokio::test]
async fn files_that_are_renamed_removed_and_linked_are_seen() {
    let app = app();
    let (mut inputs, at) = (read(&app).await, |file: &str| app.path().join(file));
    // As editors save.
    fs::write(at("tasks/.a.json.new"), "2").unwrap();
    fs::rename(at("tasks/.a.json.new"), at("tasks/a.json")).unwrap();
    assert_eq!(changes(&mut inputs).await, ["tasks/a.json"]);
    fs::rename(at("tasks/a.json"), at("tasks/z.json")).unwrap();
    assert_eq!(changes(&mut inputs).await, ["tasks/a.json", "tasks/z.json"]);
    symlink("z.json", at("tasks/link.json")).unwrap();
    assert_eq!(changes(&mut inputs).await, ["tasks/link.json"]);
    fs::write(at("tasks/z.json"), "3").unwrap();
    assert_eq!(changes(&mut inputs).await, ["tasks/link.json", "tasks/z.json"], "a link follows its file");
    fs::remove_file(at("tasks/z.json")).unwrap();
    assert_eq!(changes(&mut inputs).await, ["tasks/link.json", "tasks/z.json"], "a link to nothing");
    fs::remove_file(at("tasks/link.json")).unwrap();
    assert_eq!(changes(&mut inputs).await, ["tasks/link.json"]);
}

#[tokio::test]
async fn a_link_to_a_directory_is_not_followed_and_one_out_of_the_app_not_read() {
    let app = app();
    let (mut inputs, outside) = (read(&app).await, tempfile::tempdir().unwrap());
    symlink(".", app.path().join("tasks/loop")).unwrap();
    assert_eq!(changes(&mut inputs).await, Vec::<String>::new());
    fs::write(outside.path().join("x.json"), "1").unwrap();
    symlink(outside.path().join("x.json"), app.path().join("tasks/x.json")).unwrap();
    assert_eq!(changes(&mut inputs).await, ["tasks/x.json"]);
    fs::write(outside.path().join("x.json"), "2").unwrap();
    assert_eq!(changes(&mut inputs).await, Vec::<String>::new());
    let fifo = app.path().join("tasks/pipe.json");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert_eq!(changes(&mut inputs).await, ["tasks/pipe.json"], "a pipe does not block");
}

#[tokio::test]
async fn a_directory_that_is_deleted_and_created_again_is_seen() {
    let app = app();
    let mut inputs = read(&app).await;
    fs::rename(app.path().join("tasks"), app.path().join("gone")).unwrap();
    assert_eq!(changes(&mut inputs).await, ["tasks/a.json", "tasks/deep/b.yao"]);
    fs::rename(app.path().join("gone"), app.path().join("tasks")).unwrap();
    assert_eq!(changes(&mut inputs).await, ["tasks/a.json", "tasks/deep/b.yao"]);
    drop(app);
    assert_eq!(changes(&mut inputs).await.len(), 3, "the whole app is gone");
}

#[tokio::test]
async fn an_app_of_ten_thousand_files_is_watched() {
    let app = app();
    for number in 0..10_000 {
        fs::write(app.path().join(format!("tasks/deep/{number}.json")), "1").unwrap();
    }
    let mut inputs = read(&app).await;
    assert_eq!(inputs.known.len(), 10_003);
    fs::write(app.path().join("tasks/deep/777.json"), "2").unwrap();
    assert_eq!(changes(&mut inputs).await, ["tasks/deep/777.json"]);
    assert!(inputs.pause >= DEBOUNCE);
}

#[tokio::test]
async fn a_change_is_returned_when_the_files_have_settled() {
    let app = app();
    let mut inputs = read(&app).await;
    // Both are written before the first scan, so they are one change.
    fs::write(app.path().join("tasks/a.json"), "2").unwrap();
    fs::write(app.path().join("plugins/a.wasm"), "2").unwrap();
    let changed = tokio::time::timeout(Duration::from_secs(60), inputs.changed()).await.expect("a change");
    assert_eq!(changed, ["plugins/a.wasm", "tasks/a.json"]);
}
