//! A client disconnects before the response: its request is carried out nevertheless, and every subscriber is notified.

use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use saggar::{Events, JobEventKind, NewJob, Reason};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::TestHost;
use serde_json::json;

const ALL: &str = "[]";

/// Sends a request, and disconnects at once.
async fn ask_and_leave<T>(asking: impl Future<Output = T>) {
    let mut asking = pin!(asking);
    assert!(poll!(asking.as_mut()).is_pending(), "it was answered before anybody could leave");
}

async fn hear(events: &mut Events, kind: impl Fn(&JobEventKind) -> bool) {
    let heard = async { while !kind(&events.next().await.expect("few events").kind) {} };
    tokio::time::timeout(Duration::from_secs(30), heard).await.expect("nobody was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_is_done_and_told() {
    let told = json!({ "process": "plugins.echo", "event": { "add": "plugins.recorder" } });
    let app = App::new()
        .simple_task("echo", guests::ECHO)
        .plugin("recorder", guests::RECORDER)
        .task("told", &told)
        .simple_task("records", guests::RECORDER);
    let host = TestHost::start_durable(app).await;
    let mut events = host.inner().events();
    let succeeded = |kind: &JobEventKind| matches!(kind, JobEventKind::Succeeded);

    ask_and_leave(host.inner().add("told", ALL)).await;
    hear(&mut events, |kind| matches!(kind, JobEventKind::Added)).await;
    hear(&mut events, succeeded).await;

    host.inner().pause("echo").await.unwrap();
    host.inner().add("echo", ALL).await.unwrap();
    ask_and_leave(host.inner().resume("echo")).await;
    hear(&mut events, succeeded).await;

    ask_and_leave(host.inner().retry("echo", 1)).await;
    hear(&mut events, |kind| matches!(kind, JobEventKind::Retried)).await;
    hear(&mut events, succeeded).await;

    let later = host.inner().add_job("echo", NewJob::new(ALL).with_delay_ms(3_600_000)).await.unwrap();
    let (mut wait, mut events) = (pin!(host.inner().wait("echo", later)), host.inner().events());
    assert!(poll!(wait.as_mut()).is_pending());
    ask_and_leave(host.inner().cancel("echo", later)).await;
    hear(&mut events, |kind| matches!(kind, JobEventKind::Failed { reason: Reason::Cancelled })).await;
    assert_eq!(wait.await.unwrap().reason, Some(Reason::Cancelled));

    ask_and_leave(host.inner().delete("echo", later)).await;
    hear(&mut events, |kind| matches!(kind, JobEventKind::Deleted)).await;
    host.shutdown().await;
}
