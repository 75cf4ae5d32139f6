//! Every error code, provoked over a real socket. This file does not compile if a code has no test.

mod failed_store;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Method;
use saggar::wire::Code;
use saggar_tests::client::{ApiResponse, job_path, send};
use saggar_tests::guests;
use saggar_tests::program::command;
use saggar_tests::raw::RawAnswer;
use saggar_tests::server::Server;
use saggar_tests::small_disk::{MOUNTED_AT, SmallDisk};
use serde_json::{Value, json};
use tokio::task::{JoinSet, spawn_blocking};

use super::in_process;
use super::stage::{app, drain, serve, serve_with};
use super::tenants::{Operator, table, with};

const JOBS: &str = "/v1/tasks/mail.send/jobs";

/// The servers that answer with all codes that do not need a host of their own.
struct Stage {
    open: Server,
    guarded: Server,
}

async fn provoke(stage: Arc<Stage>, code: Code) -> Value {
    let open = &stage.open;
    match code {
        Code::MalformedRequest => raw(stage, |server| server.raw("how are you?\r\n\r\n")).await,
        Code::HeadTimeout => spawn_blocking(head_timeout).await.expect("it does not panic"),
        Code::HeadTooLarge => raw(stage, |server| server.raw(server.head("GET /", &"x: y\r\n".repeat(101)))).await,
        Code::UnknownRoute => open.get("/v2/jobs").await.document(),
        Code::MethodNotAllowed => send(open.request(Method::PUT, JOBS)).await.document(),
        Code::InvalidPath => open.get("/v1/tasks/%ff").await.document(),
        Code::InvalidId => open.get(&format!("{JOBS}/0")).await.document(),
        Code::InvalidQuery => open.get("/v1/jobs?limit=0").await.document(),
        Code::InvalidHeader => send(add(open, json!({})).header("idempotency-key", "é")).await.document(),
        Code::InvalidUtf8 => raw(stage, |server| server.raw(posted(server, b"{\"args\":[\"\xff\"]}"))).await,
        Code::InvalidBody => send(add(open, json!({ "arg": [] }))).await.document(),
        Code::IncompleteBody => raw(stage, incomplete_body).await,
        Code::BodyTimeout => raw(stage, body_timeout).await,
        Code::BodyTooLarge => raw(stage, body_too_large).await,
        Code::UnsupportedMediaType => send(open.request(Method::POST, JOBS).body("{}")).await.document(),
        Code::Unauthorized => stage.guarded.get("/v1/jobs").await.document(),
        Code::TokenExpired | Code::TenantRequired => in_process::of_operator(code).await,
        Code::UnknownTenant => {
            send(open.request(Method::GET, "/v1/jobs").header("saggar-tenant", "nobody")).await.document()
        }
        Code::QuotaExceeded => quota_exceeded().await,
        Code::TenantConfigured => open.delete("/v1/tenants/default").await.document(),
        Code::Forbidden => send(add(&stage.guarded, json!({})).bearer_auth("read-token")).await.document(),
        Code::ForeignOrigin => {
            send(open.request(Method::GET, JOBS).header("origin", "https://a.example")).await.document()
        }
        Code::InvalidArgs => send(add(open, json!({ "args": {} }))).await.document(),
        Code::UnknownTask => open.get("/v1/tasks/mail.sned").await.document(),
        Code::TaskBroken => open.post("/v1/tasks/broken/jobs", &json!({})).await.document(),
        Code::TaskPreparing => task_preparing().await,
        Code::UnknownJob => open.get(&format!("{JOBS}/{}", u64::MAX)).await.document(),
        Code::NotRecorded => open.get(&format!("{}/record", delayed(open).await)).await.document(),
        Code::QueueFull => queue_full(open).await,
        Code::KeepBytesExceeded => keep_bytes_exceeded(open).await,
        Code::KeyReused => key_reused(open).await,
        Code::DuplicateId => second(open, "seven").await,
        Code::IdsExhausted => second(open, "last").await,
        Code::NextFailed => open.post("/v1/tasks/numberless/jobs", &json!({})).await.document(),
        Code::NextTimeout => {
            open.post("/v1/tasks/unhurried/jobs/batch", &json!({ "jobs": vec![json!({}); 60] })).await.document()
        }
        Code::Ended => act_on(open, cancelled(open).await, "cancel").await,
        Code::NotEnded => act_on(open, delayed(open).await, "retry").await,
        Code::Running => send(open.request(Method::DELETE, &running(open).await)).await.document(),
        Code::CallbackPending => callback_pending(open).await,
        Code::NotGivenUp => act_on(open, cancelled(open).await, "redeliver").await,
        Code::NotUnique => not_unique(open).await,
        Code::ReloadFailed => open.act("/v1/reload").await.document(),
        Code::UnknownDeployment => open.act("/v1/rollback?to=99").await.document(),
        Code::UnknownVersion => open.get("/v1/versions/0f").await.document(),
        Code::UnknownPlugin => open.get("/v1/plugins/plugins.ehco").await.document(),
        Code::Stopping => stopping().await,
        Code::Overloaded => spawn_blocking(overloaded).await.expect("it does not panic"),
        Code::StoreFull => store_full().await,
        Code::StoreBusy => store_busy().await,
        Code::StoreFailed => failed_store::store_failed().await,
        Code::Internal => in_process::internal().await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_has_its_problem_document() {
    let stage = Arc::new(Stage {
        open: serve(),
        guarded: serve_with(&["--token", "read:0328587016f9e316b9c31c94f944a2c453e1494a564062b5eab68039c75b58bf"]),
    });
    let mut provoking = JoinSet::new();
    for &code in Code::ALL {
        let stage = stage.clone();
        provoking.spawn(async move { (code, provoke(stage, code).await) });
    }
    let provoked = provoking.join_all().await;
    assert_eq!(provoked.len(), Code::ALL.len());
    for (code, document) in &provoked {
        check(*code, document);
    }
    let stage = Arc::into_inner(stage).expect("all have ended");
    for server in [stage.open, stage.guarded] {
        assert!(server.stop().iter().all(|line| !line.contains("panicked")));
    }
}

/// Asserts that a document matches the table of its code, and that the OpenAPI document lists the code for its route.
fn check(code: Code, document: &Value) {
    assert_eq!(document["code"], code.name(), "{document}");
    assert_eq!(document["status"], code.status(), "{document}");
    assert_eq!(document["title"], code.title(), "{document}");
    assert_eq!(document["type"], code.type_uri(), "{document}");
    assert!(document["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{document}");
    let path = document["instance"].as_str().unwrap_or_else(|| panic!("{document}"));
    let has_path = !matches!(code, Code::MalformedRequest | Code::HeadTimeout | Code::HeadTooLarge);
    assert_eq!(path.starts_with('/'), has_path, "{document}");
    let has_route = !matches!(code, Code::UnknownRoute | Code::MethodNotAllowed);
    assert_eq!(is_documented(code, path), has_route, "{document}");
}

/// Returns whether an operation on this path lists the code.
fn is_documented(code: Code, path: &str) -> bool {
    let openapi: Value = serde_json::from_str(saggar::api::openapi()).expect("JSON");
    let matches = |template: &str| {
        let (given, parts) = (path.split('/'), template.split('/'));
        given.clone().count() == parts.clone().count()
            && given.zip(parts).all(|(given, part)| part.starts_with('{') || part == given)
    };
    let status = code.status().to_string();
    let says = |operation: &Value| {
        let schema = &operation["responses"][&status]["content"]["application/problem+json"]["schema"];
        let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array();
        codes.is_some_and(|codes| codes.iter().any(|name| name == code.name()))
    };
    let paths = openapi["paths"].as_object().expect("paths");
    let mut on_path = paths.iter().filter(|(template, _)| path.is_empty() || matches(template));
    on_path.any(|(_, operations)| operations.as_object().expect("operations").values().any(says))
}

async fn quota_exceeded() -> Value {
    let operator = Operator::new(&[]);
    operator.configure(&[], &format!("{}[tenant.quotas]\nstreams = 0\n{}", table("acme"), table("globex")));
    operator.write_echo("acme", "echo");
    operator.write_echo("globex", "echo");
    let server = operator.serve();
    let refused = with(&server, "acme").get("/v1/events").await;
    refused.code();
    server.stop();
    refused.body
}

async fn key_reused(server: &Server) -> Value {
    let with_key = |args: Value| add(server, json!({ "args": args })).header("idempotency-key", "of-another");
    assert_eq!(send(with_key(json!([1]))).await.status, 201);
    send(with_key(json!([2]))).await.document()
}

trait Document {
    /// Returns the problem document that this must be.
    fn document(&self) -> Value;
}

impl Document for ApiResponse {
    fn document(&self) -> Value {
        self.code();
        self.body.clone()
    }
}

impl Document for RawAnswer {
    fn document(&self) -> Value {
        self.code();
        self.json()
    }
}

fn add(server: &Server, body: Value) -> reqwest::RequestBuilder {
    server.request(Method::POST, JOBS).json(&body)
}

/// Provokes a code with raw bytes, on a thread that may block.
async fn raw(stage: Arc<Stage>, provoke: impl FnOnce(&Server) -> RawAnswer + Send + 'static) -> Value {
    spawn_blocking(move || provoke(&stage.open)).await.expect("it does not panic").document()
}

/// Sends a part of a head and then nothing.
fn head_timeout() -> Value {
    let server = serve_with(&["--http-head-time", "1s"]);
    let mut raw = server.connect();
    raw.send("GET /v1/jobs HTTP/1.1\r\n");
    let answer = raw.answer().expect("an answer");
    server.stop();
    answer.document()
}

/// Returns a request with this body.
fn posted(server: &Server, body: &[u8]) -> Vec<u8> {
    let head = server.post_head(JOBS, &format!("content-length: {}\r\n", body.len()));
    [head.as_bytes(), body].concat()
}

fn incomplete_body(server: &Server) -> RawAnswer {
    server.raw_and_no_more(server.post_head(JOBS, "content-length: 100\r\n") + "{\"args\":")
}

/// Sends a part of a body and then nothing.
fn body_timeout(server: &Server) -> RawAnswer {
    let mut raw = server.connect();
    raw.send(server.post_head(JOBS, "content-length: 100\r\n") + "{\"args\":");
    raw.answer().expect("an answer")
}

fn body_too_large(server: &Server) -> RawAnswer {
    server.raw(server.post_head(JOBS, "content-length: 100000000\r\n"))
}

async fn queue_full(server: &Server) -> Value {
    let args = json!({ "args": ["keys", 1] });
    server.close_gate("narrow").await;
    server.add("narrow", &args).await;
    server.post("/v1/tasks/narrow/jobs", &args).await.document()
}

async fn keep_bytes_exceeded(server: &Server) -> Value {
    let half = json!({ "args": ["x".repeat(600_000)], "delay_ms": 3_600_000 });
    server.add("tight", &half).await;
    let refused = server.post("/v1/tasks/tight/jobs", &half).await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.document()
}

/// Returns the response to the second job of a task that accepts the first one.
async fn second(server: &Server, task: &str) -> Value {
    server.add(task, &json!({})).await;
    server.post(&format!("/v1/tasks/{task}/jobs"), &json!({})).await.document()
}

/// Returns the path of a job that waits.
async fn delayed(server: &Server) -> String {
    job_path("mail.send", server.add("mail.send", &json!({ "delay_ms": 3_600_000 })).await)
}

/// Returns the path of a job that was cancelled.
async fn cancelled(server: &Server) -> String {
    let job = delayed(server).await;
    assert_eq!(server.act(&format!("{job}/cancel")).await.status, 200);
    job
}

/// Returns the path of a job that runs.
async fn running(server: &Server) -> String {
    job_path("gated", server.close_gate("gated").await)
}

async fn act_on(server: &Server, job: String, what: &str) -> Value {
    server.act(&format!("{job}/{what}")).await.document()
}

/// Acts on a job that has ended and whose success handler spins.
async fn callback_pending(server: &Server) -> Value {
    let id = server.add("deaf", &json!({})).await;
    server.ended("deaf", id).await;
    act_on(server, job_path("deaf", id), "retry").await
}

async fn not_unique(server: &Server) -> Value {
    let job = json!({ "unique": { "by": "task" }, "delay_ms": 3_600_000 });
    let first = job_path("mail.send", server.add("mail.send", &job).await);
    assert_eq!(server.act(&format!("{first}/cancel")).await.status, 200);
    server.add("mail.send", &job).await;
    act_on(server, first, "retry").await
}

/// Adds a job to a host that drains because a job runs.
async fn stopping() -> Value {
    let server = serve_with(&["--drain", "60s"]);
    server.close_gate("gated").await;
    drain(&server).await;
    let document = send(add(&server, json!({}))).await.document();
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0));
    document
}

/// Sends more bodies at once than a task may have, all but their ends; one of them is refused.
fn overloaded() -> Value {
    /// The length of the largest body; four of them fill the task's share of the memory for bodies.
    const LENGTH: usize = 16 << 20;
    /// Sent slowly, because a body must not pause for long; less than the unit in which memory is granted.
    const REST: usize = 32 << 10;
    let server = serve();
    let body = vec![b' '; LENGTH - 1 - REST];
    let head = server.post_head("/v1/tasks/mail.send/jobs/batch", &format!("content-length: {LENGTH}\r\n"));
    let refused = OnceLock::new();
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                let mut raw = server.connect();
                raw.send(&head);
                raw.send(&body);
                while refused.get().is_none() {
                    match raw.answer_within(Duration::from_millis(200)) {
                        Some(answer) => drop(refused.set(answer)),
                        None => raw.send(b" "),
                    }
                }
            });
        }
    });
    let refused: RawAnswer = refused.into_inner().expect("one was refused");
    assert!(refused.headers.contains(&"retry-after: 1".to_owned()), "{refused:?}");
    // All clients have disconnected, and the memory is released.
    while server.raw(posted(&server, b"{}")).status != 201 {}
    server.stop();
    refused.document()
}

/// Adds a job to a host that still compiles its many plugins; the ids of the task come from the last one.
async fn task_preparing() -> Value {
    let echo = std::fs::read(guests::ECHO).expect("the guests have been built");
    let app = (0..300_u16).fold(app(), |app, n| {
        let (name, mut bytes) = (format!("cold{n:03}"), echo.clone());
        // A custom section, so that all plugins differ.
        bytes.extend([0, 3, 2, n.to_le_bytes()[0] & 127, n.to_le_bytes()[1]]);
        bytes.extend([0, 3, 2, (n >> 7) as u8 & 127, 0]);
        app.plugin_bytes(&name, bytes).task(&name, &json!({ "process": format!("plugins.{name}") }))
    });
    let last = json!({ "process": "plugins.echo", "event": { "next": "plugins.zz#always-seven" } });
    let app = app.plugin("zz", guests::IDS).task("later", &last);
    let cache = tempfile::tempdir().expect("a directory");
    let mut serve = command();
    serve.arg("serve").arg(app.path()).args(["--store", "memory", "--cache-dir"]).arg(cache.path());
    let server = Server::start_unprepared(serve);
    let document = server.post("/v1/tasks/later/jobs", &json!({})).await.document();
    server.stop();
    document
}

/// Adds a job that does not fit on a disk of a few MiB.
async fn store_full() -> Value {
    let (disk, app) = (SmallDisk::mount(16 * 1024), app());
    let mut serve = disk.saggar();
    serve.arg("serve").arg(app.path()).args(["--store", &format!("sqlite:{MOUNTED_AT}/saggar.db")]);
    let server = Server::start_by(serve);
    disk.leave_free(16);
    assert_eq!(server.get("/readyz").await.status, 200, "no write has failed yet");
    let large = || add(&server, json!({ "args": ["x".repeat(2 << 20)] }));
    let document = send(large()).await.document();
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.code()), (503, "store-full"));
    assert_eq!(ready.headers["retry-after"], "5");
    disk.free_space();
    // Although nothing has been written since.
    assert_eq!(server.get("/readyz").await.status, 200);
    assert_eq!(send(large()).await.status, 201);
    assert_eq!(server.get("/readyz").await.status, 200);
    server.stop();
    document
}

/// Adds a job while another process has an open write transaction.
async fn store_busy() -> Value {
    let app = app();
    let server = Server::start(&app, &[]);
    let other = rusqlite::Connection::open(app.path().join(".saggar/saggar.db")).expect("a database");
    other.execute_batch("BEGIN IMMEDIATE").expect("no other process writes");
    let refused = send(add(&server, json!({}))).await;
    assert_eq!(refused.headers["retry-after"], "5");
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.code()), (503, "store-busy"));
    other.execute_batch("ROLLBACK").expect("it was begun");
    // The host notices without new jobs.
    while server.get("/readyz").await.status != 200 {}
    server.add("mail.send", &json!({})).await;
    server.stop();
    refused.document()
}
