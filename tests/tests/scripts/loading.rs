//! Loading scripts: files that are refused, imports, what `check` shows, and reloads that notice a changed file.

use std::os::unix::fs::symlink;

use saggar::CodeFile;
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::{TestHost, builder};
use saggar_tests::program::{saggar, saggar_on};
use serde_json::{Value, json};

const IMPORTING: &str =
    "import { greet } from './lib/greet.js';\nexport function run(id, name) { return greet(name); }\n";

fn importing(greeting: &str) -> App {
    let greet = format!("export const greet = (name) => `{greeting} ${{name}}`;");
    App::new().script("it", IMPORTING).script("lib.greet", &greet).task("run", &super::task("run"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_imports_its_siblings() {
    let host = TestHost::start(importing("hello")).await;
    assert_eq!(host.response("run", json!(["Ada"])).await, json!("hello Ada"));
    let app = host.inner().app();
    let plugin = app.plugin(&CodeFile::Script("it".into())).expect("the script is loaded");
    let script = plugin.script().expect("it is a script");
    assert_eq!(script.texts().keys().collect::<Vec<_>>(), ["scripts/it.js", "scripts/lib/greet.js"]);
    assert_eq!(script.functions(), ["run"]);
    assert_eq!(script.engine(), saggar::SCRIPT_ENGINE, "the constant is for `saggar --version`");
    drop(app);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_notices_a_changed_import_and_the_record_names_the_code() {
    let host = TestHost::start(importing("hello")).await;
    let digest = |host: &TestHost| {
        let app = host.inner().app();
        app.plugin(&CodeFile::Script("it".into())).expect("the script is loaded").digest().to_string()
    };
    let before = digest(&host);
    assert_eq!(host.response("run", json!(["Ada"])).await, json!("hello Ada"));
    host.reload().await.expect("nothing changed");
    assert_eq!(digest(&host), before, "the same files have the same digest");
    host.app().write("scripts/lib/greet.js", "export const greet = (name) => `bye ${name}`;");
    host.reload().await.expect("the new script is valid");
    let after = digest(&host);
    assert_ne!(after, before);
    let job = host.run("run", json!(["Ada"])).await;
    assert_eq!(job.response.as_deref(), Some("\"bye Ada\""));
    let attempts = host.inner().attempts("run", job.id).await.expect("the job is there");
    assert_eq!(&*attempts[0].cost.as_ref().expect("the attempt has a cost").digest, after);
    host.shutdown().await;
}

/// The engine is not tuned for scripts then, but runs them.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_can_bring_the_first_script() {
    let host = TestHost::start(App::new().simple_task("echo", guests::ECHO)).await;
    host.app().write("scripts/it.js", "function run() { return 'a script'; }");
    host.app().write("tasks/run.json", super::task("run").to_string());
    host.reload().await.expect("the script is valid");
    assert_eq!(host.response("run", json!([])).await, json!("a script"));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_scripts_are_refused() {
    let app = || App::new().task("run", &super::task("run"));
    let missing = super::refusal(app()).await;
    assert!(
        missing.contains("the script scripts/it.js does not exist") && missing.contains("tasks/run.json:1:"),
        "{missing}"
    );
    let both = super::refusal(app().file("scripts/it.ts", "function run(): void {}").file("scripts/it.js", "")).await;
    assert!(both.contains("there are both scripts/it.js and scripts/it.ts"), "{both}");
    let other = super::refusal(app().file("scripts/it.mts", "export function run(): void {}")).await;
    assert!(other.contains("there is scripts/it.mts"), "{other}");
    let case = super::refusal(app().file("scripts/it.js", "").file("scripts/IT.js", "")).await;
    assert!(case.contains("`scripts/it.js` and `scripts/IT.js` differ only in case"), "{case}");
    let large = super::refusal(app().file("scripts/it.js", " ".repeat((1 << 20) + 1))).await;
    assert!(large.contains("larger than 1 MiB"), "{large}");
    let latin = super::refusal(app().file("scripts/it.js", b"// caf\xe9")).await;
    assert!(latin.contains("invalid UTF-8"), "{latin}");
    let linked = app();
    let elsewhere = App::new().file("secret.js", "function run() {}");
    std::fs::create_dir(linked.path().join("scripts")).expect("a directory");
    symlink(elsewhere.path().join("secret.js"), linked.path().join("scripts/it.js")).expect("a link");
    let linked = super::refusal(linked).await;
    assert!(linked.contains("leads out of the app"), "{linked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_with_too_many_imports_is_refused() {
    let imports: String = (0..5).map(|n| format!("import './big{n}.js';\n")).collect();
    let app = App::new().script("it", &format!("{imports}export function run() {{}}")).task("run", &super::task("run"));
    let comment = format!("//{}\n", "x".repeat(1_000_000));
    let app = (0..5).fold(app, |app, n| app.script(&format!("big{n}"), &comment));
    let why = super::refusal(app).await;
    assert!(why.contains("at most 4 MiB together"), "{why}");
}

#[test]
fn check_shows_scripts_with_their_files_and_functions() {
    let said = saggar_on("check", &importing("hello"), &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    for line in ["  process                scripts.it.run", "script scripts.it", "  functions              run"] {
        assert!(said.out.lines().any(|found| found == line), "no `{line}` in:\n{}", said.out);
    }
    let said = saggar_on("check", &importing("hello"), &["--json"]);
    let document: Value = serde_json::from_str(&said.out).expect("a JSON document");
    assert_eq!(document["scripts"]["scripts.it"]["files"], json!(["scripts/it.js", "scripts/lib/greet.js"]));
    assert_eq!(document["tasks"][0]["definition"]["process"], json!("scripts.it.run"));
}

#[test]
fn the_version_names_the_engine() {
    let said = saggar(["--version"]);
    assert_eq!(said.out, format!("saggar {}\nscripts: {}\n", env!("CARGO_PKG_VERSION"), saggar::SCRIPT_ENGINE));
}

/// All scripts share the compiled runner, and each has code of its own.
#[tokio::test(flavor = "multi_thread")]
async fn many_scripts_load_at_once() {
    let app = (0..100).fold(App::new(), |app, n| {
        let task = json!({ "process": format!("scripts.s{n}.run") });
        app.script(&format!("s{n}"), &format!("function run() {{ return {n}; }}")).task(&format!("t{n}"), &task)
    });
    let host = builder(&app).build().await.expect("all scripts load");
    for n in [0, 50, 99] {
        let task = format!("t{n}");
        let id = host.add(&task, "[]").await.expect("the task takes jobs");
        let job = host.wait(&task, id).await.expect("the job ends");
        assert_eq!(job.response, Some(n.to_string()));
    }
    host.shutdown(std::time::Duration::ZERO).await;
}
