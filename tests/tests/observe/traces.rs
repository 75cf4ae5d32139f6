//! Traces: from the request that adds a job to the guest that runs it, across retries, children and restarts.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use reqwest::Method;
use saggar_tests::app::App;
use saggar_tests::client::send;
use saggar_tests::guests;
use saggar_tests::program::{command, output};
use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::metrics::Metrics;
use super::receiver::Receiver;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn app() -> App {
    let failing = json!({ "process": "plugins.failing", "attempts": 1, "attempt_after": 1 });
    App::new()
        .simple_task("context", guests::CONTEXT)
        .simple_task("adder", guests::ADDER)
        .plugin("failing", guests::FAILING)
        .task("failing", &failing)
}

/// Starts a service that exports its spans at once.
fn start(app: &App, receiver: &str) -> Server {
    Server::start_as(app, |command| command.args(["--otlp-endpoint", receiver]).env("OTEL_BSP_SCHEDULE_DELAY", "20"))
}

fn caller(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// Adds a job in the caller's trace.
async fn add(server: &Server, task: &str, args: Value, flags: &str) -> u64 {
    let add = server.request(Method::POST, &format!("/v1/tasks/{task}/jobs")).json(&json!({ "args": args }));
    let added = send(add.header("traceparent", caller(flags))).await;
    assert_eq!(added.status, 201, "{added:?}");
    added.body["id"].as_u64().expect("an id")
}

/// Waits until the job has succeeded; returns its response.
async fn response(server: &Server, task: &str, id: u64) -> Value {
    let job = server.get(&format!("/v1/tasks/{task}/jobs/{id}?wait=30s")).await;
    assert_eq!(job.body["status"], "SUCCESS", "{job:?}");
    job.body["response"].clone()
}

/// Returns the trace context that the guest of a job of the task `context` sees.
async fn guest_context(server: &Server, id: u64) -> String {
    let response = response(server, "context", id).await;
    response["trace_parent"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_a_child_of_its_adding_and_that_of_the_caller() {
    let receiver = Receiver::start().await;
    let app = app();
    let server = start(&app, &receiver.url());
    let id = add(&server, "context", json!([]), "01").await;
    let seen = guest_context(&server, id).await;
    let spans = receiver.until(TRACE, 2).await;
    let [adding, attempt] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((&*adding.span.name, &*adding.service), ("add context", "saggar"));
    assert_eq!((adding.parent(), adding.span.kind), (CALLER.to_owned(), SpanKind::Producer as i32));
    assert_eq!((adding.attribute("saggar.task"), adding.attribute("saggar.job.id")), ("context".into(), "1".into()));
    assert_eq!((&*attempt.span.name, attempt.span.kind), ("attempt context", SpanKind::Consumer as i32));
    assert_eq!(attempt.parent(), adding.id());
    let attributes = ["task", "job.id", "attempt", "outcome"].map(|key| attempt.attribute(&format!("saggar.{key}")));
    assert_eq!(attributes, ["context", "1", "1", "success"]);
    assert_eq!(seen, format!("00-{TRACE}-{}-01", attempt.id()), "the parent of the guest's own spans is its attempt");
    let shown = server.job("context", id).await["trace_parent"].clone();
    assert_eq!(shown, format!("00-{TRACE}-{}-01", adding.id()), "the parent of all attempts is the adding");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_job_of_a_batch_has_spans_of_its_own() {
    let receiver = Receiver::start().await;
    let app = app();
    let server = start(&app, &receiver.url());
    let add = server.request(Method::POST, "/v1/tasks/context/jobs/batch").json(&json!({ "jobs": [{}, {}, {}] }));
    assert_eq!(send(add.header("traceparent", caller("01"))).await.status, 201);
    let spans = receiver.until(TRACE, 6).await;
    let of = |name: &str| spans.iter().filter(|span| span.span.name == name).collect::<Vec<_>>();
    let (addings, attempts) = (of("add context"), of("attempt context"));
    assert_eq!((addings.len(), attempts.len()), (3, 3));
    for adding in addings {
        assert_eq!(adding.parent(), CALLER);
        let attempt = attempts.iter().find(|attempt| attempt.parent() == adding.id()).expect("its attempt");
        assert_eq!(attempt.attribute("saggar.job.id"), adding.attribute("saggar.job.id"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_attempts_of_a_job_are_in_one_trace_even_without_a_caller() {
    let receiver = Receiver::start().await;
    let app = app();
    let server = start(&app, &receiver.url());
    let id = add(&server, "failing", json!(["retry", 1, 0]), "01").await;
    assert_eq!(response(&server, "failing", id).await, json!(2));
    let spans = receiver.until(TRACE, 3).await;
    let [adding, first, second] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!([first.parent(), second.parent()], [adding.id(), adding.id()]);
    assert_eq!([first, second].map(|span| span.attribute("saggar.attempt")), ["1", "2"]);
    assert_eq!([first, second].map(|span| span.attribute("saggar.outcome")), ["failed", "success"]);
    let status = first.span.status.clone().expect("an attempt that failed has a status");
    assert_eq!((status.code(), &*status.message), (StatusCode::Error, "attempt 1 fails by retry"));
    assert_eq!(first.attribute("error.type"), "not-yet");
    // A job without a trace context starts a trace.
    let added = server.post("/v1/tasks/context/jobs", &json!({})).await;
    let seen = guest_context(&server, added.body["id"].as_u64().expect("an id")).await;
    let trace = seen.split('-').nth(1).expect("a context").to_owned();
    let spans = receiver.until(&trace, 2).await;
    assert_eq!((spans[0].parent(), spans[1].parent()), (String::new(), spans[0].id()));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_added_by_a_guest_is_a_child_of_its_attempt() {
    let receiver = Receiver::start().await;
    let app = app();
    let server = start(&app, &receiver.url());
    let id = add(&server, "adder", json!(["context", 1, []]), "01").await;
    let child = response(&server, "adder", id).await["ids"][0].as_u64().expect("the child's id");
    let seen = guest_context(&server, child).await;
    let spans = receiver.until(TRACE, 4).await;
    let named = |name: &str| spans.iter().find(|span| span.span.name == name).expect("a span for each").clone();
    assert_eq!(named("add context").parent(), named("attempt adder").id());
    assert_eq!(named("attempt context").parent(), named("add context").id());
    assert!(seen.contains(&named("attempt context").id()), "{seen}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_continues_after_a_restart_and_pending_spans_are_sent() {
    let receiver = Receiver::start().await;
    let app = app();
    let server = start(&app, &receiver.url());
    assert_eq!(server.post("/v1/tasks/context/pause", &json!({})).await.status, 204);
    let id = add(&server, "context", json!([]), "01").await;
    server.stop();
    assert_eq!(receiver.of_trace(TRACE).len(), 1, "the span of the adding is exported before the host ends");
    // This host would export its spans only after the test.
    let late = ["--otlp-endpoint", &receiver.url()];
    let server = Server::start_as(&app, |command| command.args(late).env("OTEL_BSP_SCHEDULE_DELAY", "3600000"));
    assert_eq!(server.post("/v1/tasks/context/resume", &json!({})).await.status, 204);
    guest_context(&server, id).await;
    server.stop();
    let spans = receiver.until(TRACE, 2).await;
    assert_eq!(spans[1].parent(), spans[0].id());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsampled_caller_and_a_sample_of_0_leave_no_spans() {
    let receiver = Receiver::start().await;
    let app = app();
    let none = ["--otlp-endpoint", &receiver.url(), "--otlp-sample", "0"];
    let server = Server::start(&app, &none);
    let id = add(&server, "context", json!([]), "00").await;
    assert_eq!(guest_context(&server, id).await, caller("00"), "the guest sees the context of the caller");
    server.post("/v1/tasks/context/jobs", &json!({})).await;
    assert_eq!(guest_context(&server, 2).await, "");
    // The caller's decision overrides the share.
    let id = add(&server, "failing", json!(["retry", 0, 0]), "01").await;
    response(&server, "failing", id).await;
    server.stop();
    let names: Vec<_> = receiver.of_trace(TRACE).into_iter().map(|span| span.span.name).collect();
    assert_eq!(names, ["add failing", "attempt failing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_receiver_guests_see_the_context_of_the_adding() {
    let app = app();
    let server = Server::start(&app, &[]);
    let id = add(&server, "context", json!([]), "01").await;
    assert_eq!(guest_context(&server, id).await, caller("01"));
    assert_eq!(server.job("context", id).await["trace_parent"], caller("01"));
    let sheet = output(command().args(["get", "context", &id.to_string(), "--url", &server.url("")]));
    assert!(sheet.out.contains(&format!("trace      {}\n", caller("01"))), "{sheet:?}");
    let parent = add(&server, "adder", json!(["context", 1, []]), "01").await;
    let child = response(&server, "adder", parent).await["ids"][0].as_u64().expect("the child's id");
    assert_eq!(guest_context(&server, child).await, caller("01"), "a child inherits it");
    assert_eq!(server.post("/v1/tasks/context/pause", &json!({})).await.status, 204);
    let id = add(&server, "context", json!([]), "01").await;
    server.stop();
    let server = Server::start(&app, &[]);
    assert_eq!(server.post("/v1/tasks/context/resume", &json!({})).await.status, 204);
    assert_eq!(guest_context(&server, id).await, caller("01"), "the store retains it");
    // A job that was added without a trace context does not get one.
    let id = server.add("context", &json!({})).await;
    assert_eq!(server.job("context", id).await["trace_parent"], Value::Null);
    server.stop();
}

/// The variables are those of the specification.
#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_gets_the_configured_attributes() {
    let receiver = Receiver::start().await;
    let app = app().file("saggar.toml", "otlp.service_name = \"mail host\"\n");
    let server = Server::start_as(&app, |command| {
        command
            .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{}/v1/traces", receiver.url()))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
            .env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret,x-tenant=a%20b")
            .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
            .env("OTEL_BSP_SCHEDULE_DELAY", "20")
    });
    let id = add(&server, "context", json!([]), "01").await;
    guest_context(&server, id).await;
    for span in receiver.until(TRACE, 2).await {
        assert_eq!((&*span.service, &*span.of_service("deployment.environment.name")), ("mail host", "staging"));
        assert_eq!(span.of_service("service.version"), env!("CARGO_PKG_VERSION"));
        assert_eq!(
            (&span.headers["x-key"], &span.headers["x-tenant"]),
            (&"secret".parse().unwrap(), &"a b".parse().unwrap())
        );
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_receiver_is_reported_and_does_not_stop_jobs() {
    let app = app();
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it has one").port();
    let server = start(&app, &format!("http://127.0.0.1:{port}"));
    for _ in 0..3 {
        let id = add(&server, "context", json!([]), "01").await;
        guest_context(&server, id).await;
    }
    server.log().until("cannot export spans");
    assert!(Metrics::of(&server).await.value("saggar_spans_lost_total", &[]) > 0.0);
    let log = server.stop();
    assert_eq!(log.iter().filter(|line| line.contains("cannot export spans")).count(), 1, "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unresponsive_receiver_delays_the_end_by_a_bounded_time() {
    let app = app();
    // The system accepts connections, and no process reads them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let server = start(&app, &format!("http://{}", silent.local_addr().expect("it has one")));
    let id = add(&server, "context", json!([]), "01").await;
    guest_context(&server, id).await;
    let began = Instant::now();
    let log = server.stop();
    assert!(began.elapsed() < Duration::from_secs(9), "it took {:?}", began.elapsed());
    assert!(log.iter().any(|line| line.contains("cannot export the last spans")), "{log:#?}");
}
