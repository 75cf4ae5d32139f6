//! The commands: `saggar deployments`, `saggar deploy`, `saggar rollback`.

use std::fs;

use saggar_tests::guests;
use saggar_tests::program::{CommandOutput, saggar};
use serde_json::{Value, json};

use super::stage::{app, assert_says, done, serve, write_plugin, write_script};

/// Asserts that a command succeeded without a word on standard error; returns its output.
fn output(said: CommandOutput) -> String {
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
    said.out
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_are_listed_and_shown() {
    let app = app();
    let server = serve(&app);
    let url = server.url("");
    write_script(&app, 2);
    done(&server, "/v1/reload").await;
    let listed = output(saggar(["deployments", "--url", &url]));
    let rows: Vec<&str> = listed.lines().collect();
    assert!(rows[0].starts_with("NUMBER") && rows[0].contains("CHANGED"), "{listed}");
    assert!(rows[1].contains("reload") && rows[1].contains("client") && rows[1].ends_with("scripts.it"), "{listed}");
    assert!(rows[2].contains("start"), "{listed}");
    let shown = output(saggar(["deployments", "1", "--url", &url]));
    assert!(shown.starts_with("deployment 1, ") && shown.contains("plugins.echo"), "{shown}");
    let shown: Value =
        serde_json::from_str(&output(saggar(["deployments", "2", "--json", "--url", &url]))).expect("JSON");
    assert_eq!((&shown["number"], &shown["code_count"]), (&json!(2), &json!(2)));
    let said = saggar(["deployments", "7", "--url", &url]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("there is no deployment 7"), "{}", said.err);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_is_kept_can_be_saved() {
    let app = app();
    let server = serve(&app);
    let url = server.url("");
    write_plugin(&app, "two");
    done(&server, "/v1/reload").await;
    let (plugin, script) = (app.path().join("old.wasm"), app.path().join("old.json"));
    let save = |name: &str, file: &std::path::Path| {
        let file = file.to_str().expect("a path in UTF-8");
        saggar(["deployments", "1", "--save", name, "-o", file, "--url", &url])
    };
    assert_eq!(save("plugins.echo", &plugin).code, Some(0));
    assert!(fs::read(&plugin).expect("the file") == fs::read(guests::ECHO).expect("the guest"), "other bytes");
    assert_eq!(save("scripts.it", &script).code, Some(0));
    let script: Value = serde_json::from_slice(&fs::read(&script).expect("the file")).expect("JSON");
    assert_eq!(script["entry"], "scripts/it.js");
    assert!(script["files"]["scripts/it.js"].as_str().is_some_and(|text| text.contains("version 1")), "{script}");
    let said = save("plugins.echo", &plugin);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("cannot create"), "it exists: {}", said.err);
    let said = save("plugins.nothing", &app.path().join("other.wasm"));
    assert!(said.code == Some(1) && said.err.contains("deployment 1 has no plugins.nothing"), "{}", said.err);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_what_would_change_and_changes_nothing() {
    let app = app();
    let server = serve(&app);
    let (url, dir) = (server.url(""), app.path().to_str().expect("a path in UTF-8").to_owned());
    let dry_run = || saggar(["deploy", &dir, "--dry-run", "--json", "--url", &url]);
    let unchanged: Value = serde_json::from_str(&output(dry_run())).expect("JSON");
    assert!(
        unchanged["code"].as_array().expect("a list").iter().all(|code| code["change"] == "unchanged"),
        "{unchanged}"
    );
    assert_eq!(unchanged["tasks"], json!({ "added": [], "changed": [], "removed": [] }));
    write_plugin(&app, "two");
    app.write("tasks/say.json", json!({ "process": "scripts.it.run", "timeout": 7 }).to_string());
    app.write("tasks/more.json", json!({ "process": "plugins.echo" }).to_string());
    let changed: Value = serde_json::from_str(&output(dry_run())).expect("JSON");
    assert_eq!(
        (&changed["code"][0]["name"], &changed["code"][0]["change"]),
        (&json!("plugins.echo"), &json!("changed"))
    );
    assert_eq!(changed["tasks"], json!({ "added": ["more"], "changed": ["say"], "removed": [] }));
    let shown = output(saggar(["deploy", &dir, "--dry-run", "--url", &url]));
    assert!(shown.contains("added tasks: more\n") && shown.contains("changed tasks: say\n"), "{shown}");
    let listed = output(saggar(["deployments", "--url", &url]));
    assert_eq!(listed.lines().count(), 2, "{listed}");

    let said = output(saggar(["deploy", &dir, "--url", &url]));
    assert!(said.contains("\nadded: more\n") && said.contains("\ndeployment: 2\n"), "{said}");
    app.write("tasks/bad.json", "{");
    let said = saggar(["deploy", &dir, "--dry-run", "--url", &url]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("tasks/bad.json") && said.err.contains("nothing was changed"), "{}", said.err);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_by_the_command() {
    let app = app();
    let server = serve(&app);
    let (url, dir) = (server.url(""), app.path().to_str().expect("a path in UTF-8").to_owned());
    let said = saggar(["rollback", "--url", &url]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("nothing to roll back to"), "{}", said.err);
    write_script(&app, 2);
    done(&server, "/v1/reload").await;
    let said = output(saggar(["rollback", "1", "--url", &url]));
    assert!(said.contains("\nchanged: say\n") && said.contains("\ndeployment: 3\n"), "{said}");
    assert_says(&server, 1).await;
    let dry_run = output(saggar(["deploy", &dir, "--dry-run", "--json", "--url", &url]));
    let dry_run: Value = serde_json::from_str(&dry_run).expect("JSON");
    assert_eq!(
        (&dry_run["code"][1]["name"], &dry_run["code"][1]["change"]),
        (&json!("scripts.it"), &json!("rolled-back"))
    );
    server.stop();
}
