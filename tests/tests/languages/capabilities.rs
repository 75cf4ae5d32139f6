//! Each capability without a grant, with a narrower one and with the right one, as one table: what a task requests, what its
//! job does, and what that answers. A request beyond the grants is an error of its task.

use std::path::Path;

use saggar::grant::{
    Access, DirGrant, Grants, HttpGrant, JobAccess, KvGrant, Method, Methods, Network, OriginPattern, SecretGrant,
    SecretSource,
};
use saggar_tests::app::App;
use saggar_tests::host::{Start, TestHost};
use serde_json::{Value, json};

use super::Language;
use super::server::{Received, Reply, Server};

/// The value of the secret that the guest has a placeholder of.
const VALUE: &str = "sk_live_0123456789";

/// A row: the id of the task, what it requests, the function of the guest, the arguments of its job, and the response.
type Row = (&'static str, Value, &'static str, Value, Value);

/// Two servers: the secret may go to the first one.
struct Servers {
    first: Server,
    second: Server,
}

impl Servers {
    async fn start() -> Self {
        Self { first: Server::start(echo).await, second: Server::start(echo).await }
    }

    fn origins(&self) -> [String; 2] {
        [&self.first, &self.second].map(|server| server.url("http", "127.0.0.1", ""))
    }
}

/// Repeats the secret and the body.
fn echo(received: &Received) -> Reply {
    let sent = received.head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
    Reply::with(&format!("x-echo: {sent}\r\ncontent-type: application/json\r\n"), &received.body)
}

fn of_http(origins: &[String; 2]) -> Vec<Row> {
    let [first, second] = origins;
    let (url, other_url) = (json!([format!("{first}/a?b=c")]), json!([format!("{second}/")]));
    let refused = json!("http-not-granted");
    let answered = json!([200, "Bearer $SECRET.it", { "a": "ü" }]);
    let get = json!({ "http": { "origins": [first], "methods": ["GET"] }, "secrets": ["it"] });
    let elsewhere = json!({ "http": [second], "secrets": ["it"] });
    let both = json!({ "http": [first, second], "secrets": ["it"] });
    vec![
        ("http.none", json!({}), "exchange", url.clone(), refused.clone()),
        ("http.method", get, "exchange", url.clone(), refused.clone()),
        ("http.origin", elsewhere, "exchange", url.clone(), refused.clone()),
        ("http.right", json!({ "http": [first], "secrets": ["it"] }), "exchange", url.clone(), answered.clone()),
        ("secrets.none", json!({ "http": [first] }), "exchange", url.clone(), refused.clone()),
        ("secrets.elsewhere", both.clone(), "exchange", other_url, refused),
        ("secrets.right", both, "exchange", url, answered),
    ]
}

fn of_kv() -> Vec<Row> {
    let (args, refused) = (json!(["a", [1]]), json!("not-granted"));
    let mine = json!({ "kv": { "access": "write", "prefix": "mine/" } });
    vec![
        ("kv.none", json!({}), "stored", args.clone(), refused.clone()),
        ("kv.read", json!({ "kv": "read" }), "stored", args.clone(), refused.clone()),
        ("kv.prefix", mine.clone(), "stored", args.clone(), refused),
        ("kv.mine", mine, "stored", json!(["mine/a", 2]), json!(2)),
        ("kv.right", json!({ "kv": "write" }), "stored", args, json!([1])),
        ("kv.reading", json!({ "kv": "read" }), "kept", json!(["mine/a"]), json!(2)),
    ]
}

fn of_files() -> Vec<Row> {
    let (text, large, refused) = ("ü \u{1f680}", "x".repeat(5_000), json!("refused"));
    let (new, scratch) = (json!(["/data/new.txt", text]), json!(["/scratch/a", large]));
    let (there, read) = (json!(["/data/there.txt"]), json!({ "dirs": ["data"] }));
    let write = json!({ "dirs": [{ "name": "data", "write": true }] });
    vec![
        ("env.none", json!({}), "variable", json!(["REGION"]), Value::Null),
        ("env.other", json!({ "env": ["OTHER"] }), "variable", json!(["REGION"]), Value::Null),
        ("env.right", json!({ "env": ["REGION"] }), "variable", json!(["REGION"]), json!("eu-west")),
        ("dirs.none", json!({}), "contents", there.clone(), refused.clone()),
        ("dirs.read", read.clone(), "written", new.clone(), refused.clone()),
        ("dirs.outside", read.clone(), "contents", json!(["/data/../secret.txt"]), refused.clone()),
        ("dirs.reading", read, "contents", there, json!("was there")),
        ("dirs.right", write, "written", new, json!(text)),
        ("scratch.none", json!({}), "written", scratch.clone(), refused.clone()),
        ("scratch.small", json!({ "scratch": "4KiB" }), "written", scratch.clone(), refused),
        ("scratch.right", json!({ "scratch": "16KiB" }), "written", scratch, json!(large)),
    ]
}

/// The first job of `journal` has ended, and no job of these tasks has added it.
fn of_tasks(language: &Language) -> Vec<Row> {
    let (job, only_journal) = (json!(["journal", 1]), json!({ "tasks": { "add": ["journal"] } }));
    // A script gets 0 for a job that is refused.
    let refused = if language.is_script() { json!(0) } else { json!("not-granted") };
    vec![
        ("tasks.none", json!({}), "cancel", job.clone(), json!("not-added")),
        ("tasks.added", json!({ "tasks": "added" }), "cancel", job.clone(), json!("not-added")),
        ("tasks.all", json!({ "tasks": "all" }), "cancel", job, json!("ended")),
        ("tasks.add", only_journal, "unknown", json!([]), refused),
        ("tasks.any", json!({}), "unknown", json!([]), json!("unknown-task")),
    ]
}

/// Grants of more than any row requests.
pub(super) fn grants(origins: &[String; 2], data: &Path) -> Grants {
    let patterns = origins.each_ref().map(|origin| OriginPattern::parse(origin).expect("an origin"));
    let secret = SecretGrant {
        name: "it".into(),
        source: SecretSource::Env("KEY".into()),
        origins: vec![patterns[0].clone()],
        header: "authorization".into(),
        signing: None,
    };
    let networks = vec![Network::parse("127.0.0.1").expect("a network")];
    let dir = DirGrant {
        name: "data".into(),
        path: data.to_owned(),
        access: Access::Write,
        max_bytes: 1 << 20,
        max_files: 100,
    };
    Grants {
        http: Some(HttpGrant { origins: patterns.into(), methods: Methods::ALL, networks }),
        secrets: vec![secret],
        kv: Some(KvGrant { access: Access::Write, max_bytes: 1 << 20, max_keys: 100 }),
        env: vec!["REGION".into(), "OTHER".into()],
        dirs: vec![dir],
        scratch: Some(64 << 10),
        ..Grants::of_single_app()
    }
}

/// The environment of the host.
fn variable(name: &str) -> Option<String> {
    let known = [("KEY", VALUE), ("REGION", "eu-west"), ("OTHER", "other")];
    known.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

pub(super) async fn conform(language: &Language) {
    in_force(language).await;
    beyond_the_grants(language).await;
}

/// What a task has in force is what it requests, even if more is granted.
async fn in_force(language: &Language) {
    let servers = Servers::start().await;
    let (origins, operator) = (servers.origins(), App::new().file("data/there.txt", "was there"));
    operator.write("secret.txt", "secret");
    let rows = [of_http(&origins), of_kv(), of_files(), of_tasks(language)].concat();
    let app = rows.iter().fold(language.app(), |app, (id, sandbox, function, ..)| {
        let mut task = language.task(function);
        task["sandbox"] = sandbox.clone();
        app.task(id, &task)
    });
    let granted = grants(&origins, &operator.path().join("data"));
    let host = TestHost::start_with(app, |builder| builder.grants(granted).env(variable)).await;
    host.response("journal", json!(["ended"])).await;
    for (id, _, _, args, expected) in rows {
        assert_eq!(host.response(id, args).await, expected, "{id}");
    }
    host.shutdown().await;
    let received = servers.first.received();
    assert_eq!((received.len(), servers.second.connections()), (2, 0), "only what is right reaches a server");
    for request in received {
        assert!(request.head.starts_with("POST /a?b=c HTTP/1.1\r\n"), "{}", request.head);
        assert!(request.head.contains(&format!("authorization: Bearer {VALUE}\r\n")), "{}", request.head);
    }
}

/// Requests of everything, and of what the message of each names.
fn requests() -> [(&'static str, Value, &'static str); 8] {
    let origin = "https://api.example.com";
    [
        ("http", json!({ "http": [origin] }), "HTTP to `https://api.example.com`"),
        ("methods", json!({ "http": { "origins": ["https://a.example"], "methods": ["POST"] } }), "the method POST"),
        ("secrets", json!({ "http": ["https://a.example"], "secrets": ["it"] }), "the secret `it`"),
        ("kv", json!({ "kv": "write" }), "to write values of the key-value store"),
        ("env", json!({ "env": ["REGION"] }), "the environment variable `REGION`"),
        ("dirs", json!({ "dirs": [{ "name": "data", "write": true }] }), "the directory `data`"),
        ("scratch", json!({ "scratch": "16KiB" }), "a scratch directory of 16KiB"),
        ("tasks", json!({ "tasks": "all" }), "access to all jobs"),
    ]
}

/// Without a grant, and with a narrower one, a task that requests more cannot run, whatever its code is.
async fn beyond_the_grants(language: &Language) {
    let none = Grants::of_tenant();
    let narrower = Grants {
        http: Some(HttpGrant {
            origins: vec![OriginPattern::parse("https://a.example").expect("an origin")],
            methods: [Method::Get].into_iter().collect(),
            networks: Vec::new(),
        }),
        kv: Some(KvGrant { access: Access::Read, max_bytes: 1 << 20, max_keys: 100 }),
        env: vec!["OTHER".into()],
        dirs: vec![DirGrant {
            name: "data".into(),
            path: "/nowhere".into(),
            access: Access::Read,
            max_bytes: 1 << 20,
            max_files: 100,
        }],
        scratch: Some(4 << 10),
        tasks: JobAccess::Added,
        ..Grants::of_single_app()
    };
    for (grants, is_narrower) in [(none, false), (narrower, true)] {
        let app = requests().iter().fold(language.app(), |app, (id, sandbox, _)| {
            let mut task = language.task("echo");
            task["sandbox"] = sandbox.clone();
            app.task(id, &task)
        });
        let refused = TestHost::try_start(app, Start { grants, ..Start::default() }).await;
        let problems = refused.err().expect("the tasks request more than is granted");
        for (id, _, what) in requests() {
            // Without any HTTP, the origin is refused before the method.
            if is_narrower || id != "methods" {
                assert!(problems.contains(what), "{id}: {problems}");
            }
        }
        assert_eq!(problems.contains("and the operator grants `"), is_narrower, "{problems}");
    }
}
