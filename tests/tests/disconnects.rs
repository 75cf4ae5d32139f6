//! A caller drops its request before the response: the request is carried out nevertheless, and subscribers are
//! notified.

use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use saggar::{Events, FailureKind, JobEventKind, NewJob};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::TestHost;
use serde_json::json;

const ALL: &str = "[]";

/// Sends a request, and drops it at once.
async fn ask_and_drop<T>(request: impl Future<Output = T>) {
    let mut request = pin!(request);
    assert!(poll!(request.as_mut()).is_pending(), "it was answered before it could be dropped");
}

async fn receive(events: &mut Events, kind: impl Fn(&JobEventKind) -> bool) {
    let received = async { while !kind(&events.next().await.expect("few events").kind) {} };
    tokio::time::timeout(Duration::from_secs(30), received).await.expect("an event in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_requests_are_carried_out_and_reported() {
    let with_handler = json!({ "process": "plugins.echo", "event": { "add": "plugins.recorder" } });
    let app = App::new()
        .simple_task("echo", guests::ECHO)
        .plugin("recorder", guests::RECORDER)
        .task("with-handler", &with_handler)
        .simple_task("records", guests::RECORDER);
    let host = TestHost::start_durable(app).await;
    let mut events = host.inner().events();
    let succeeded = |kind: &JobEventKind| matches!(kind, JobEventKind::Succeeded);

    ask_and_drop(host.inner().add("with-handler", ALL)).await;
    receive(&mut events, |kind| matches!(kind, JobEventKind::Added)).await;
    receive(&mut events, succeeded).await;

    host.inner().pause("echo").await.unwrap();
    host.inner().add("echo", ALL).await.unwrap();
    ask_and_drop(host.inner().resume("echo")).await;
    receive(&mut events, succeeded).await;

    ask_and_drop(host.inner().retry("echo", 1)).await;
    receive(&mut events, |kind| matches!(kind, JobEventKind::Retried)).await;
    receive(&mut events, succeeded).await;

    let later = host.inner().add_job("echo", NewJob::new(ALL).with_delay_ms(3_600_000)).await.unwrap();
    let (mut wait, mut events) = (pin!(host.inner().wait("echo", later)), host.inner().events());
    assert!(poll!(wait.as_mut()).is_pending());
    ask_and_drop(host.inner().cancel("echo", later)).await;
    receive(&mut events, |kind| matches!(kind, JobEventKind::Failed { reason: FailureKind::Cancelled })).await;
    assert_eq!(wait.await.unwrap().reason, Some(FailureKind::Cancelled));

    ask_and_drop(host.inner().delete("echo", later)).await;
    receive(&mut events, |kind| matches!(kind, JobEventKind::Deleted)).await;
    host.shutdown().await;
}
