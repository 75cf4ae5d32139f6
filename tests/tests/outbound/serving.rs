//! The real binary, hardened as always: grants and secrets of the configuration, and the roots of the environment.

use std::path::Path;

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server as Saggar;
use serde_json::{Value, json};

use super::secrets::VALUE;
use crate::server::{Received, Reply, Server};

fn echo(received: &Received) -> Reply {
    Reply::ok(&received.head)
}

/// Returns an app whose task `fetch` requests this.
fn app(sandbox: &Value) -> App {
    let task = json!({ "process": "plugins.fetch", "sandbox": sandbox });
    App::new().plugin("fetch", guests::FETCHING).task("fetch", &task)
}

fn serve(app: &App, configuration: &Path) -> Saggar {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/crates/http-client/tests/certificates/root.pem");
    Saggar::start_as(app, |serve| {
        serve.args(["--store", "memory", "--config"]).arg(configuration).env("KEY", VALUE).env("SSL_CERT_FILE", root)
    })
}

/// Runs a job, and returns the job with its log.
async fn run(saggar: &Saggar, args: Value) -> (Value, Value) {
    let id = saggar.add("fetch", &json!({ "args": args })).await;
    let job = saggar.ended("fetch", id).await;
    let log = saggar.get(&format!("/v1/tasks/fetch/jobs/{id}/logs")).await.body;
    (job, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_come_from_files_the_environment_and_programs() {
    for source in ["file = \"key\"", "env = \"KEY\"", "command = [\"printf\", \"sk_live_0123456789\"]"] {
        let server = Server::start_tls("trusted", echo).await;
        let origin = format!("https://localhost:{}", server.address.port());
        let operator = App::new().file("key", format!("{VALUE}\n"));
        operator.write(
            "host.toml",
            format!(
                "[grants.http]\norigins = [\"{origin}\"]\nnetworks = [\"127.0.0.0/8\", \"::1\"]\n\
                 [grants.secrets.it]\n{source}\norigins = [\"{origin}\"]\nheader = \"authorization\"\n"
            ),
        );
        let app = app(&json!({ "http": [origin], "secrets": ["it"] }));
        let saggar = serve(&app, &operator.path().join("host.toml"));
        for way in super::stage::WAYS {
            let args = json!([way, "GET", format!("{origin}/"), { "authorization": "Bearer $SECRET.it" }, ""]);
            let (job, log) = run(&saggar, args).await;
            assert_eq!(job["response"]["status"], 200, "{source} {way}: {job} {log}");
            let head = server.received().last().expect("a request").head.clone();
            assert!(head.contains(&format!("authorization: Bearer {VALUE}\r\n")), "{source} {way}: {head}");
            assert!(!format!("{job} {log}").contains("0123456789"), "{source} {way}: {job} {log}");
        }
        let log = saggar.stop();
        assert!(!log.iter().any(|line| line.contains("0123456789")), "{log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_without_a_value_is_named() {
    let server = Server::start(echo).await;
    let origin = format!("http://127.0.0.1:{}", server.address.port());
    let operator = App::new();
    operator.write(
        "host.toml",
        format!(
            "[grants.http]\norigins = [\"{origin}\"]\nnetworks = [\"127.0.0.1\"]\n\
             [grants.secrets.it]\nenv = \"UNSET\"\norigins = [\"{origin}\"]\nheader = \"authorization\"\n"
        ),
    );
    let app = app(&json!({ "http": [origin], "secrets": ["it"] }));
    let saggar = serve(&app, &operator.path().join("host.toml"));
    let args = json!(["own", "GET", format!("{origin}/"), { "authorization": "$SECRET.it" }, ""]);
    let (job, _) = run(&saggar, args).await;
    assert_eq!(job["response"]["error"], "http-not-granted", "{job}");
    let message = job["response"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("no value for the secret `it`"), "{job}");
    assert_eq!(server.connections(), 0);
    let log = saggar.stop();
    assert!(log.iter().any(|line| line.contains("`it` cannot be used") && line.contains("`UNSET`")), "{log:#?}");
}

/// What a reload takes away is gone for the next request, also where a connection is open.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_replaces_grants_and_secrets() {
    let server = Server::start(echo).await;
    let origin = format!("http://127.0.0.1:{}", server.address.port());
    let operator = App::new().file("key", VALUE);
    let configuration = |networks: &str| {
        format!(
            "[grants.http]\norigins = [\"{origin}\"]\nnetworks = [{networks}]\n\
             [grants.secrets.it]\nfile = \"key\"\norigins = [\"{origin}\"]\nheader = \"authorization\"\n"
        )
    };
    operator.write("host.toml", configuration("\"127.0.0.1\""));
    let app = app(&json!({ "http": [origin], "secrets": ["it"] }));
    let saggar = serve(&app, &operator.path().join("host.toml"));
    let args = json!(["own", "GET", format!("{origin}/"), { "authorization": "$SECRET.it" }, ""]);
    let (job, log) = run(&saggar, args.clone()).await;
    assert_eq!(job["response"]["status"], 200, "{job} {log}");

    operator.write("key", "rotated-9876543210");
    assert_eq!(saggar.act("/v1/reload").await.status, 200);
    run(&saggar, args.clone()).await;
    let head = server.received().last().expect("a request").head.clone();
    assert!(head.contains("authorization: rotated-9876543210\r\n"), "{head}");

    operator.write("host.toml", configuration(""));
    assert_eq!(saggar.act("/v1/reload").await.status, 200);
    let (job, _) = run(&saggar, args).await;
    assert_eq!(job["response"]["error"], "address-denied", "{job}");
    assert_eq!(server.received().len(), 2);
    saggar.stop();
}
