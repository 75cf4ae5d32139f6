//! The walls of a host are decided at its start: what is elsewhere later needs a restart, and the host says so.

use std::fs;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::json;

/// Starts a hardened host on a link to one of two directories.
fn serve(apps: &App) -> Server {
    let plugin = fs::read(guests::ECHO).expect("a guest");
    for version in ["one", "two"] {
        apps.write(format!("{version}/plugins/echo.wasm"), &plugin);
        apps.write(format!("{version}/tasks/echo.json"), json!({ "process": "plugins.echo" }).to_string());
    }
    std::os::unix::fs::symlink("one", apps.path().join("current")).expect("a link");
    let mut serve = saggar_tests::program::command();
    serve.arg("serve").arg(apps.path().join("current")).args(["--harden", "require", "--store", "memory"]);
    Server::start_by(serve)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_another_directory_needs_a_restart() {
    let apps = App::new();
    let server = serve(&apps);
    assert_eq!(server.act("/v1/reload").await.status, 200);
    let link = apps.path().join("current");
    fs::remove_file(&link).expect("the link");
    std::os::unix::fs::symlink("two", &link).expect("a link");
    let refused = server.act("/v1/reload").await;
    let text = refused.body.to_string();
    assert!(text.contains("a hardened host cannot read it") && text.contains("restart the host"), "{text}");
    let id = server.add("echo", &json!({ "args": [1] })).await;
    assert_eq!(server.ended("echo", id).await["status"], "SUCCESS");
    fs::remove_file(&link).expect("the link");
    std::os::unix::fs::symlink("one", &link).expect("a link");
    assert_eq!(server.act("/v1/reload").await.status, 200);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_below_the_app_needs_no_restart() {
    let apps = App::new();
    let server = serve(&apps);
    apps.write("one/tasks/deeper/more.json", json!({ "process": "plugins.echo" }).to_string());
    assert_eq!(server.act("/v1/reload").await.status, 200);
    let id = server.add("deeper.more", &json!({ "args": [1] })).await;
    assert_eq!(server.ended("deeper.more", id).await["status"], "SUCCESS");
    server.stop();
}
