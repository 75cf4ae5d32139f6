//! Loading an app: which files are tasks, what their ids are, and that an invalid file never hides a valid one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use saggar_definition::{Loaded, Variable, load};
use tempfile::TempDir;

fn app(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (path, text) in files {
        let path = dir.path().join(path);
        let write = fs::create_dir_all(path.with_file_name("")).and_then(|()| fs::write(&path, text));
        write.expect("a file in a temporary directory");
    }
    dir
}

fn loaded(dir: &Path) -> Loaded {
    load(dir, &|_| Variable::Unset)
}

fn ids(loaded: &Loaded) -> Vec<&str> {
    loaded.catalog.iter().map(|task| task.id.as_str()).collect()
}

fn rendered(loaded: &Loaded) -> String {
    loaded.diagnostics.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n\n")
}

const MINIMAL: &str = r#"{"process": "plugins.x"}"#;

/// The task of the original document of this format.
const SEED: &str = r#"{
  "name": "测试task",
  "worker_nums": 10,
  "attempts": 3,
  "attempt_after": 200,
  "timeout": 2,
  "size": 1000,
  "process": "scripts.task.Send", //必须的
  "event": {
    "next": "scripts.task.NextID", //需要返回一个整型的数字，用来生成任务的标识,返回值一定要保持唯一，要不就留空
    "add": "scripts.task.OnAdd",
    "success": "scripts.task.OnSuccess",
    "error": "scripts.task.OnError",
    "progress": "scripts.task.OnProgress"
  }
}
"#;

#[test]
fn the_task_of_the_original_document_loads() {
    let dir = app(&[("tasks/test.yao", SEED)]);
    let loaded = loaded(dir.path());
    assert!(loaded.diagnostics.is_empty(), "{}", rendered(&loaded));
    let task = loaded.catalog.get("test").unwrap();
    assert_eq!(task.name, "测试task");
    assert_eq!((task.worker_nums, task.size, task.timeout), (10, 1000, Duration::from_secs(2)));
    assert_eq!((task.retry.retries, task.retry.delay_ms), (3, 200));
    assert_eq!(task.process.value.to_string(), "scripts.task.Send");
    assert_eq!(task.references().count(), 6);
}

#[test]
fn ids_come_from_paths_and_are_found_in_any_case() {
    let dir = app(&[
        ("tasks/test.yao", MINIMAL),
        ("tasks/mail/Send.task.yao", MINIMAL),
        ("tasks/mail/sort.tsk.json", MINIMAL),
        ("tasks/a.b.JSONC", MINIMAL),
        ("tasks/README.md", "no task"),
        ("tasks/.git/x.json", "no task"),
    ]);
    let loaded = loaded(dir.path());
    assert_eq!(rendered(&loaded), "");
    assert_eq!(ids(&loaded), ["a.b", "mail.Send", "mail.sort", "test"]);
    assert_eq!(loaded.catalog.get("MAIL.send").unwrap().file(), "tasks/mail/Send.task.yao");
    assert_eq!(loaded.catalog.nearest("mail.snd").unwrap().as_str(), "mail.Send");
    assert!(loaded.catalog.get("mail").is_none() && loaded.catalog.nearest("something").is_none());
}

#[test]
fn all_problems_of_all_files_are_reported_and_valid_tasks_are_loaded() {
    let dir = app(&[
        ("tasks/a.yao", "{"),
        ("tasks/b.yao", r#"{"proces": "plugins.x", "timeout": -1}"#),
        ("tasks/good.yao", MINIMAL),
        ("tasks/z.yao", r#"{"process": "scripts.a"}"#),
    ]);
    let loaded = loaded(dir.path());
    assert_eq!(ids(&loaded), ["good"]);
    let positions: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|d| (&*d.location.file, d.location.position.map(|position| position.column)))
        .collect();
    assert_eq!(
        positions,
        [
            ("tasks/a.yao", Some(1)),
            ("tasks/b.yao", Some(1)),
            ("tasks/b.yao", Some(2)),
            ("tasks/b.yao", Some(36)),
            ("tasks/z.yao", Some(13)),
        ]
    );
}

#[test]
fn two_files_with_one_id_are_an_error_that_names_both() {
    let dir =
        app(&[("tasks/mail/send.yao", MINIMAL), ("tasks/Mail.Send.task.json", MINIMAL), ("tasks/other.yao", MINIMAL)]);
    let loaded = loaded(dir.path());
    assert_eq!(ids(&loaded), ["other"]);
    insta::assert_snapshot!(rendered(&loaded));
}

#[test]
fn invalid_file_names_are_errors() {
    let dir = app(&[("tasks/任务.yao", MINIMAL), ("tasks/a b.yao", r#"{"process": 1}"#), ("tasks/c..d.yao", MINIMAL)]);
    let loaded = loaded(dir.path());
    assert_eq!(loaded.catalog.iter().len(), 0);
    insta::assert_snapshot!(rendered(&loaded));
}

#[test]
fn errors_of_an_app_without_tasks_say_what_to_do() {
    let nowhere = rendered(&load(Path::new("no/such/app"), &|_| Variable::Unset));
    let empty = [app(&[("plugins/x.wasm", "")]), app(&[("tasks/README.md", "")]), app(&[("tasks", "")])];
    let shown = empty.map(|dir| rendered(&loaded(dir.path())).replace(&*dir.path().to_string_lossy(), "APP"));
    insta::assert_snapshot!(format!("{nowhere}\n\n{}", shown.join("\n\n")));
}

#[test]
fn undecodable_large_and_lookalike_files_are_reported() {
    let dir = app(&[("tasks/task.yaml", "process: plugins.x")]);
    fs::write(dir.path().join("tasks/latin1.yao"), b"{\"process\": \"plugins.x\",\n \"name\": \"caf\xe9\"}").unwrap();
    fs::write(dir.path().join("tasks/utf16.yao"), b"\xff\xfe{\0}\0").unwrap();
    fs::write(dir.path().join("tasks/large.yao"), vec![b' '; (1 << 20) + 1]).unwrap();
    insta::assert_snapshot!(rendered(&loaded(dir.path())));
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let marked = |text: &str| format!("\u{feff}{text}");
    let dir = app(&[
        ("tasks/mark.yao", &marked(MINIMAL)),
        ("tasks/strict.json", &marked(MINIMAL)),
        ("tasks/wrong.yao", &marked("{\"proces\": \"plugins.x\"}")),
    ]);
    let loaded = loaded(dir.path());
    assert_eq!(ids(&loaded), ["mark", "strict"]);
    // Positions count from the text after the mark.
    let positions = loaded.diagnostics.iter().map(|problem| (&*problem.location.file, problem.location.position));
    let columns: Vec<_> = positions.map(|(file, position)| (file, position.map(|position| position.column))).collect();
    assert!(columns.contains(&("tasks/wrong.yao", Some(2))), "{columns:?}");
}

#[cfg(target_os = "linux")] // other systems word these errors differently
#[test]
fn links_and_special_files_cannot_loop_block_or_leave_the_app() {
    use std::os::unix::fs::symlink;
    let outside = app(&[("secret.json", r#"{"password": "hunter2"}"#)]);
    let dir = app(&[("tasks/real.yao", MINIMAL), ("shared/inside.yao", MINIMAL)]);
    let tasks = dir.path().join("tasks");
    symlink(dir.path().join("shared/inside.yao"), tasks.join("inside.yao")).unwrap();
    symlink(&tasks, tasks.join("again")).unwrap();
    symlink(tasks.join("loop.yao"), tasks.join("loop.yao")).unwrap();
    symlink(outside.path().join("secret.json"), tasks.join("secret.json")).unwrap();
    symlink("/dev/zero", tasks.join("zero.yao")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(tasks.join("pipe.yao")).status().unwrap().success());
    let loaded = loaded(dir.path());
    assert_eq!(ids(&loaded), ["inside", "real"]);
    insta::assert_snapshot!(rendered(&loaded));
}
