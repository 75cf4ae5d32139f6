//! The examples, plugins and scripts, do the same again.

use std::path::PathBuf;

use saggar::grant::{
    Access, Grants, HttpGrant, KvGrant, Methods, Network, OriginPattern, SecretGrant, SecretSource, SignatureAlgorithm,
    SignatureEncoding, SignedMessage, Signing,
};
use saggar_tests::app::App;
use saggar_tests::host::{Start, TestHost};
use serde_json::{Value, json};

use super::rerun::is_same_again;
use crate::server::{Reply, Server};

const SCRIPTS: [(&str, &str); 2] = [
    ("task", include_str!("../../../examples/apps/yao/scripts/task.js")),
    ("loop", include_str!("../../../examples/apps/yao/scripts/loop.js")),
];

/// The examples that use capabilities, each as a plugin and as a script: their names, and the functions and texts of the scripts.
const SERVICES: [(&str, &str, &str); 2] = [
    ("webhook", "Send", include_str!("../../../examples/apps/webhook/scripts/webhook.js")),
    ("pages", "Fetch", include_str!("../../../examples/apps/pages/scripts/pages.js")),
];

/// The key that signs webhooks.
const KEY: &str = "whsec_0123456789";

/// The processors of the examples, with arguments.
fn calls() -> Vec<(&'static str, &'static str, Value)> {
    let document = json!({ "name": "kiln.md", "text": "# The kiln\n\n## Wood\n\n| a | b |\n|---|---|\n| 1 | 2 |\n" });
    vec![
        ("hello", "plugins.hello", json!(["Ada"])),
        ("flaky", "plugins.flaky", json!([0])),
        ("failing", "plugins.flaky", json!([9])),
        ("endless", "plugins.endless", json!([])),
        ("slow", "plugins.slow", json!([1])),
        ("render", "plugins.markdown", json!([[document]])),
        ("empty", "plugins.markdown", json!([[]])),
        ("test", "plugins.task#Send", json!(["x"])),
        ("loop", "plugins.task#Loop", json!([])),
        ("send", "scripts.task.Send", json!(["x", 2])),
        ("adding", "scripts.loop.task", json!([])),
    ]
}

fn app(plugins: &[PathBuf]) -> App {
    let mut app = App::new();
    for plugin in plugins {
        let name = plugin.file_stem().and_then(|stem| stem.to_str()).expect("a name in UTF-8");
        app = app.plugin(name, plugin.to_str().expect("a path in UTF-8"));
    }
    for (name, text) in SCRIPTS {
        app = app.script(name, text);
    }
    for (task, process, _) in calls() {
        // One of them ends at its timeout, and another one works for a second.
        let timeout = if task == "endless" { 1 } else { 30 };
        let task_file =
            json!({ "process": process, "timeout": timeout, "attempts": 0, "sandbox": { "record": "all" } });
        app = app.task(task, &task_file);
    }
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_do_the_same_again() {
    let plugins = xtask::examples::install().expect("the examples build");
    for hashes_memories in [false, true] {
        let host = TestHost::start_as(app(&plugins), Start { hashes_memories, ..Start::default() }).await;
        for (task, _, args) in calls() {
            for _ in 0..2 {
                let id = host.add(task, args.clone()).await;
                host.end(task, id).await;
                assert!(is_same_again(&host, task, id).await, "{task} is not recorded");
            }
        }
        host.idle().await;
        host.shutdown().await;
    }
}

fn app_of_services(plugins: &[PathBuf], origin: &str) -> App {
    let mut app = App::new();
    for (name, function, text) in SERVICES {
        let plugin = plugins.iter().find(|plugin| plugin.file_stem().is_some_and(|stem| stem == name));
        let plugin = plugin.and_then(|plugin| plugin.to_str()).expect("the example has a plugin");
        app = app.plugin(name, plugin).script(name, text);
        let mut sandbox = json!({ "record": "all", "http": [origin] });
        if name == "webhook" {
            sandbox["secrets"] = json!(["webhook"]);
        } else {
            sandbox["kv"] = json!({ "access": "write", "prefix": "pages/" });
        }
        for (task, process) in [("plugin", format!("plugins.{name}")), ("script", format!("scripts.{name}.{function}"))]
        {
            let task_file = json!({ "process": process, "attempts": 0, "sandbox": sandbox });
            app = app.task(&format!("{name}.{task}"), &task_file);
        }
    }
    app
}

fn grants_of_services(origin: &str) -> Grants {
    let origins = vec![OriginPattern::parse(origin).expect("an origin")];
    let message = SignedMessage::parse("{x-webhook-timestamp}.{body}").expect("a pattern");
    let secret = SecretGrant {
        name: "webhook".into(),
        source: SecretSource::Env("WEBHOOK_KEY".into()),
        origins: origins.clone(),
        header: "x-webhook-signature".into(),
        signing: Some(Signing { algorithm: SignatureAlgorithm::HmacSha256, encoding: SignatureEncoding::Hex, message }),
    };
    let networks = vec![Network::parse("127.0.0.1").expect("a network")];
    Grants {
        http: Some(HttpGrant { origins, methods: Methods::ALL, networks }),
        secrets: vec![secret],
        kv: Some(KvGrant { access: Access::Write, max_bytes: 1 << 20, max_keys: 100 }),
        ..Grants::of_single_app()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_that_use_capabilities_do_the_same_again() {
    let plugins = xtask::examples::install().expect("the examples build");
    let server = Server::start(|received| {
        if received.head.starts_with("POST /busy ") {
            Reply::Send(b"HTTP/1.1 503 Busy\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n".to_vec())
        } else {
            Reply::ok("<title>The kiln</title>")
        }
    })
    .await;
    let url = |path: &str| server.url("http", "127.0.0.1", path);
    let origin = url("");
    for hashes_memories in [false, true] {
        let (grants, variables) = (grants_of_services(&origin), vec![("WEBHOOK_KEY", KEY)]);
        let start = Start { grants, variables, hashes_memories, ..Start::default() };
        let host = TestHost::start_as(app_of_services(&plugins, &origin), start).await;
        let mut added = Vec::new();
        for task in ["plugin", "script"] {
            let (webhook, pages) = (format!("webhook.{task}"), format!("pages.{task}"));
            let page = json!([url(&format!("/{task}"))]);
            // The second request for a page finds it in the key-value store.
            for (task, args) in [
                (&webhook, json!([url("/orders"), { "order": 7 }])),
                (&webhook, json!([url("/busy"), {}])),
                (&pages, page.clone()),
                (&pages, page),
            ] {
                let id = host.add(task, args).await;
                host.end(task, id).await;
                added.push((task.clone(), id));
            }
        }
        let received = server.received().len();
        for (task, id) in added {
            assert!(is_same_again(&host, &task, id).await, "{task} is not recorded");
            let record = host.inner().record(&task, id, None).await.expect("a lookup").expect("a record");
            assert!(!record.windows(KEY.len()).any(|part| part == KEY.as_bytes()), "the record of {task} has the key");
        }
        assert_eq!(server.received().len(), received, "a request was sent again");
        host.idle().await;
        host.shutdown().await;
    }
}
