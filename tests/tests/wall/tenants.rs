//! A hardened host of tenants reads their directories and what is beside them, which is decided at its start.

use saggar_tests::server::Server;
use serde_json::json;

use super::stage::{Operator, table, with};

fn serve(operator: &Operator) -> Server {
    let mut serve = operator.command("serve");
    serve.args(["--harden", "require"]);
    Server::start_by(serve)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_beside_the_others_is_added_and_one_elsewhere_needs_a_restart() {
    let (operator, elsewhere) = (Operator::new(&["acme"]), Operator::new(&["globex"]));
    let server = serve(&operator);
    let (op, acme) = (with(&server, "operator"), with(&server, "acme"));
    operator.write_echo("initech", "echo");
    operator.configure(&["acme", "initech"], "");
    assert_eq!(op.reload().await["tenants"]["added"], json!(["initech"]));
    with(&server, "initech").assert_echoes("echo").await;

    let dir = format!("dir = {:?}", elsewhere.path("globex"));
    operator.configure(&["acme", "initech"], &table("globex").replace("dir = \"globex\"", &dir));
    let refused = op.act("/v1/reload").await;
    assert_eq!(refused.code(), "reload-failed", "{refused:?}");
    let problems = refused.body["problems"].to_string();
    assert!(problems.contains("outside of those of the start") && problems.contains("restart the host"), "{problems}");
    assert!(op.tenant("globex").await.is_null(), "nothing has changed");
    acme.assert_echoes("echo").await;
    server.stop();

    let server = serve(&operator);
    with(&server, "globex").assert_echoes("echo").await;
    server.stop();
}
