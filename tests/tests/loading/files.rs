//! Special files in an app: links out of it or in a cycle, pipes, devices. The same rule applies to tasks and plugins.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, saggar_on};
use serde_json::json;

/// Runs `check` on an app whose task `it` has the plugin `dir.bad`. `with` creates the plugin's file from its path and
/// the path of an outside directory.
fn checked(with: impl FnOnce(&Path, &Path)) -> CommandOutput {
    let elsewhere = tempfile::tempdir().expect("a directory");
    std::fs::copy(guests::ECHO, elsewhere.path().join("bad.wasm")).expect("the guests have been built");
    let app = App::new().simple_task("good", guests::ECHO).task("it", &json!({ "process": "plugins.dir.bad" }));
    let dir = app.path().join("plugins/dir");
    std::fs::create_dir(&dir).expect("a directory");
    with(&dir.join("bad.wasm"), elsewhere.path());
    saggar_on("check", &app, &[])
}

fn assert_refused(said: &CommandOutput, why: &str) {
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("tasks/it.json:1:") && said.err.contains(why), "{}", said.err);
    assert!(said.out.contains("task good"), "the other task is not affected: {}", said.out);
}

#[test]
fn links_to_files_inside_the_app_are_followed() {
    let said = checked(|path, _| symlink("../good.wasm", path).expect("a link"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
}

#[test]
fn plugins_that_are_links_out_of_the_app_are_refused() {
    assert_refused(
        &checked(|path, elsewhere| symlink(elsewhere.join("bad.wasm"), path).expect("a link")),
        "leads out of the app's directory",
    );
    assert_refused(
        &checked(|path, elsewhere| {
            std::fs::remove_dir(path.with_file_name("")).expect("an empty directory");
            symlink(elsewhere, path.parent().expect("a directory")).expect("a link");
        }),
        "`plugins/dir` is a link to a directory",
    );
    assert_refused(&checked(|path, _| symlink("/dev/zero", path).expect("a link")), "leads out of the app's directory");
}

#[test]
fn links_in_a_cycle_are_refused() {
    assert_refused(&checked(|path, _| symlink(path, path).expect("a link")), "symbolic links");
    // With many links, the number of paths through them grows with every level.
    let loops = |path: &Path, _: &Path| {
        for name in 0..20 {
            symlink("..", path.with_file_name(format!("back{name}"))).expect("a link");
        }
    };
    assert_refused(&checked(loops), "does not exist");
}

#[test]
fn pipes_directories_and_sockets_are_refused_at_once() {
    let fifo = |path: &Path, _: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo starts").success());
    };
    assert_refused(&checked(fifo), "not a regular file");
    assert_refused(&checked(|path, _| std::fs::create_dir(path).expect("a directory")), "not a regular file");
    let socket = |path: &Path, _: &Path| drop(std::os::unix::net::UnixListener::bind(path).expect("a socket"));
    assert_refused(&checked(socket), "cannot read");
}

#[test]
fn task_files_follow_the_same_rule() {
    let elsewhere = tempfile::tempdir().expect("a directory");
    std::fs::write(elsewhere.path().join("out.json"), r#"{"process": "plugins.good"}"#).expect("a file");
    let app = App::new().simple_task("good", guests::ECHO);
    let tasks = app.path().join("tasks");
    symlink(elsewhere.path().join("out.json"), tasks.join("out.json")).expect("a link");
    symlink(elsewhere.path(), tasks.join("dir")).expect("a link");
    symlink(".", tasks.join("loop")).expect("a link");
    symlink("self.json", tasks.join("self.json")).expect("a link");
    symlink("good.json", tasks.join("same.json")).expect("a link");
    assert!(Command::new("mkfifo").arg(tasks.join("fifo.json")).status().expect("mkfifo starts").success());
    let said = saggar_on("check", &app, &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    for file in ["tasks/out.json", "tasks/dir", "tasks/loop", "tasks/self.json", "tasks/fifo.json"] {
        assert!(said.err.contains(file), "{file} is not reported: {}", said.err);
    }
    assert!(said.out.contains("task good") && said.out.contains("task same"), "{}", said.out);
}
