//! `saggar new` writes templates that build, run and pass their tests at once.

use std::fs;
use std::path::{Path, PathBuf};

use saggar_tests::program::{self, CommandOutput, output_within};
use saggar_tests::shell;
use serde_json::Value;
use tempfile::TempDir;

/// An empty directory in which `saggar new` is called.
struct EmptyDir(TempDir);

impl EmptyDir {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn saggar(&self, arguments: &[&str]) -> CommandOutput {
        let said = program::output(program::command().args(arguments).current_dir(self.0.path()));
        assert!(!said.err.contains("panicked"), "{}", said.err);
        said
    }

    /// Runs `saggar new`, which succeeds; returns the written files and the next commands.
    fn created(&self, arguments: &[&str]) -> (Vec<String>, Vec<String>) {
        let said = self.saggar(&[&["new"], arguments, &["--json"]].concat());
        assert_eq!(said.code, Some(0), "{said:?}");
        let document: Value = serde_json::from_str(&said.out).expect("JSON");
        let texts = |name: &str| serde_json::from_value(document[name].clone()).expect("texts");
        (texts("files"), texts("next"))
    }

    /// Runs commands of a shell, which succeed.
    fn shell(&self, commands: &str) -> String {
        let said = output_within(&mut shell::command(self.0.path(), commands), shell::BUILD_TIME);
        assert_eq!(said.code, Some(0), "{commands}: {said:?}");
        said.out
    }
}

/// Returns all files below a directory, with their texts.
fn tree(root: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("a text");
                found.push((path.strip_prefix(root).expect("a path below the root").to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_template_is_filled_in_completely() {
    let languages = ["rust", "js", "python", "c", "go"];
    let of_language = languages.iter().flat_map(|lang| ["app", "plugin"].map(|what| vec![what, "it", "--lang", *lang]));
    for arguments in of_language.chain([vec!["app", "it"]]) {
        let place = EmptyDir::new();
        let (files, next) = place.created(&arguments);
        assert!(!next.is_empty());
        let tree = tree(&place.path("it"));
        assert_eq!(files.len(), tree.len(), "{files:?}");
        for (path, text) in tree {
            let place_of = |of: &str| text.find(of).is_some_and(|at| !text[..at].ends_with('$'));
            for placeholder in ["{{name}}", "{{crate}}", "{{version}}", "{{reference}}", "{{code}}", "{{handler}}"] {
                assert!(!place_of(placeholder), "{placeholder} in {}", path.display());
            }
            let may_be_empty = path.ends_with("py.typed");
            assert!(may_be_empty || !text.is_empty(), "{}", path.display());
            assert!(!path.ends_with("gitignore"), "{}", path.display());
        }
    }
}

#[test]
fn an_app_has_a_task_with_a_script() {
    let place = EmptyDir::new();
    let (mut files, _) = place.created(&["app", "shop"]);
    files.sort();
    let expected = [
        "shop/.gitignore",
        "shop/README.md",
        "shop/saggar.toml",
        "shop/scripts/hello.js",
        "shop/scripts/hello.test.json",
        "shop/tasks/hello.yao",
    ];
    assert_eq!(files, expected);
    place.created(&["task", "mail.send", "--dir", "shop"]);
    assert!(fs::read_to_string(place.path("shop/tasks/mail/send.yao")).unwrap().contains(r#""scripts.mail.send.Run""#));
    assert!(fs::read_to_string(place.path("shop/scripts/mail/send.js")).unwrap().contains("tasks.mail.send.progress"));
    let config = place.saggar(&["config", "shop"]);
    assert_eq!((config.code, config.err.as_str()), (Some(0), ""), "the configuration is valid");
}

#[test]
fn nothing_is_ever_replaced() {
    let place = EmptyDir::new();
    place.created(&["app", "shop"]);
    let before = tree(&place.path("shop"));
    let again = place.saggar(&["new", "app", "shop"]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("is not empty"), "{}", again.err);
    fs::remove_file(place.path("shop/tasks/hello.yao")).unwrap();
    let task = place.saggar(&["new", "task", "hello", "--dir", "shop"]);
    assert_eq!(task.code, Some(1));
    assert!(task.err.contains("exist already") && task.err.contains("scripts/hello.js"), "{}", task.err);
    let after = tree(&place.path("shop"));
    assert_eq!(after.len(), before.len() - 1, "no file was written");
    assert!(after.iter().all(|file| before.contains(file)));
}

#[test]
fn wrong_names_and_places_are_refused() {
    let place = EmptyDir::new();
    for (arguments, expected) in [
        (&["app", "../shop"][..], "invalid name `"),
        (&["app", "Shop"], "invalid name `"),
        (&["plugin", "a.b"], "invalid name `"),
        (&["task", "hello"], "is not an app"),
        (&["task", "mail..send"], "invalid name `"),
        (&["plugin", "it", "--lang", "script"], "a script needs no plugin"),
    ] {
        let said = place.saggar(&[&["new"], arguments].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{arguments:?}: {said:?}");
        assert!(said.err.contains(expected), "no `{expected}` in {}", said.err);
    }
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 0, "nothing was written");
}

/// Runs the commands that `saggar new app` prints, and then the tests of the template's sources.
fn builds_runs_and_passes(lang: &str, test: Option<&str>) {
    let place = EmptyDir::new();
    let (_, next) = place.created(&["app", "shop", "--lang", lang]);
    let said = place.shell(&next.join("\n"));
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.last(), Some(&"\"Hello, Ada!\""), "{said}");
    assert!(lines.contains(&"2 passed, 0 failed"), "{said}");
    if let Some(test) = test {
        place.shell(&format!("cd shop/sources/hello && {test}"));
    }
}

/// Runs the commands that `saggar new plugin` prints, for a plugin in no app: they build it, test it and call it.
fn builds_alone(lang: &str) {
    let place = EmptyDir::new();
    let (_, next) = place.created(&["plugin", "say-hello", "--lang", lang]);
    let said = place.shell(&next.join("\n"));
    assert_eq!(said.lines().last(), Some("\"Hello, Ada!\""), "{said}");
    let has_test_file = place.path("say-hello/say-hello.test.json").exists();
    assert_eq!(said.lines().any(|line| line == "2 passed, 0 failed"), has_test_file, "{said}");
}

#[test]
fn a_script_runs_and_passes_its_tests() {
    builds_runs_and_passes("script", None);
    let place = EmptyDir::new();
    place.created(&["app", "shop"]);
    let (_, next) = place.created(&["task", "mail.send", "--dir", "shop"]);
    let said = place.shell(&next.join("\n"));
    assert!(said.ends_with("4 passed, 0 failed\n\"Hello, Ada!\"\n"), "{said}");
}

#[test]
fn a_rust_plugin_builds_runs_and_passes_its_tests() {
    builds_runs_and_passes("rust", Some("cargo test --quiet"));
    builds_alone("rust");
    // The id of a task has dots, its plugin is in a directory of its own.
    let place = EmptyDir::new();
    place.created(&["app", "shop"]);
    let (_, next) = place.created(&["task", "mail.send", "--lang", "rust", "--dir", "shop"]);
    let said = place.shell(&next.join("\n"));
    assert!(said.ends_with("4 passed, 0 failed\n\"Hello, Ada!\"\n"), "{said}");
}

#[test]
fn a_js_plugin_builds_runs_and_passes_its_tests() {
    builds_runs_and_passes("js", Some("npm test"));
    builds_alone("js");
}

#[test]
fn a_python_plugin_builds_runs_and_passes_its_tests() {
    builds_runs_and_passes("python", Some("python3 -m unittest"));
    builds_alone("python");
}

#[test]
fn a_go_plugin_builds_runs_and_passes_its_tests() {
    builds_runs_and_passes("go", Some(".venv/bin/go test ."));
    builds_alone("go");
}

#[test]
fn a_c_plugin_builds_runs_and_passes_its_tests() {
    builds_runs_and_passes("c", None);
    builds_alone("c");
}
