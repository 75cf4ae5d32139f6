//! Tokens of tenants: they are replaced by reloads, and expire.

use saggar_tests::app::App;
use saggar_tests::client::send;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::json;

use super::stage::{Operator, token, with};

fn acme(tokens: &str) -> String {
    format!("[[tenant]]\nname = \"acme\"\ndir = \"acme\"\n{tokens}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_rotated_without_a_restart() {
    let operator = Operator::new(&["acme"]);
    let old = token("tenant.token", "old", "write");
    operator.configure(&[], &acme(&old));
    let server = operator.serve();
    let op = with(&server, "operator");
    with(&server, "old").assert_echoes("echo").await;
    assert_eq!(with(&server, "new").get("/v1/tasks").await.code(), "unauthorized");
    // Both for a while, then only the new one, which may do less.
    operator.configure(&[], &acme(&format!("{old}{}", token("tenant.token", "new", "write"))));
    assert_eq!(op.reload().await["needs_restart"], json!([]));
    with(&server, "old").assert_echoes("echo").await;
    with(&server, "new").assert_echoes("echo").await;
    operator.configure(&[], &acme(&token("tenant.token", "new", "read")));
    server.signal("HUP");
    while with(&server, "old").get("/v1/tasks").await.status != 401 {}
    let new = with(&server, "new");
    assert_eq!(new.listed().await.len(), 3);
    assert_eq!(new.post("/v1/tasks/echo/jobs", &json!({})).await.code(), "forbidden");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_refused() {
    let operator = Operator::new(&["acme"]);
    let past = token("tenant.token", "past", "read") + "expires = 2020-01-01T00:00:00Z\n";
    let future = token("tenant.token", "future", "read") + "expires = \"2999-01-01T00:00:00+02:00\"\n";
    operator.configure(&[], &acme(&format!("{past}{future}")));
    let server = operator.serve();
    assert_eq!(with(&server, "past").get("/v1/tasks").await.code(), "token-expired");
    assert_eq!(with(&server, "future").get("/v1/tasks").await.status, 200);
    server.stop();
}

/// Also on a host of one app, whose reload is that of its admin.
#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_of_a_single_app_are_rotated_too() {
    let app = App::new().simple_task("echo", guests::ECHO).file("saggar.toml", token("token", "old", "admin"));
    let server = Server::start(&app, &["--store", "memory"]);
    app.write("saggar.toml", token("token", "new", "admin"));
    let (old, new) = (with(&server, "old"), with(&server, "new"));
    assert_eq!(new.get("/v1/tasks").await.code(), "unauthorized");
    assert_eq!(old.reload().await["needs_restart"], json!([]));
    assert_eq!(old.get("/v1/tasks").await.code(), "unauthorized");
    new.assert_echoes("echo").await;
    app.write("saggar.toml", "");
    let refused = new.act("/v1/reload").await;
    assert_eq!(refused.code(), "reload-failed", "a reload never opens a host: {refused:?}");
    let open = send(server.request(reqwest::Method::GET, "/v1/tasks")).await;
    assert_eq!(open.code(), "unauthorized");
    new.assert_echoes("echo").await;
    server.stop();
}
