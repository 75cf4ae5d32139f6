//! How long guests compute, and how much they log.

use std::time::Duration;

use saggar_job::{FailureKind, Status};
use saggar_tenant::Quotas;
use serde_json::json;

use super::fixture::Fixture;

fn hour(seconds: u64) -> Quotas {
    Quotas { cpu_seconds_per_hour: Some(seconds), ..Quotas::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attempt_begins_when_the_cpu_time_of_the_hour_is_used_up() {
    let fixture = Fixture::new(Quotas::default()).await;
    let Fixture { acme, other, .. } = &fixture;
    // Its plugins have been compiled, which counts, too.
    let limit = acme.tenant.compile_time().as_secs() + 1;
    acme.tenant.set_quotas(&hour(limit));
    // It may begin, and goes on to its own timeout.
    let (job, _) = acme.run("time", json!(["spin"])).await;
    assert_eq!(job.reason(), Some(FailureKind::Timeout));
    let usage = acme.tenant.usage().into_iter().find(|usage| usage.quota == "cpu_seconds_per_hour").expect("a quota");
    assert!(usage.used >= limit && usage.limit == Some(limit), "the time of the call was counted: {usage:?}");
    let id = acme.add("echo", json!([1])).await;
    other.run("time", json!(["spin"])).await;
    other.run("echo", json!([1])).await;
    let task = acme.worker.task("echo").expect("the task");
    assert_eq!((task.held_by, task.queue.counts().waiting), (Some("cpu_seconds_per_hour"), 1));
    acme.tenant.set_quotas(&hour(100));
    let (job, _) = acme.ended("echo", id).await;
    assert_eq!(job.status(), Status::Success);
    acme.tenant.count_cpu(Duration::from_secs(100), std::time::Instant::now());
    assert_eq!(other.worker.task("echo").expect("the task").held_by, None);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_beyond_the_rate_are_dropped_and_counted() {
    let fixture = Fixture::new(Quotas { log_bytes_per_second: Some(1_000), ..Quotas::default() }).await;
    let Fixture { acme, other, .. } = &fixture;
    let (job, log) = acme.run("floods", json!(["print_a_million_lines"])).await;
    assert_eq!(job.status(), Status::Success, "{job:?}");
    let last = log.last().expect("a line");
    assert!(last.ends_with("were dropped: the tenant's quota `log_bytes_per_second` was used up"), "{last}");
    // The rate allows some lines in each second that the guest takes; the log alone allows a thousand.
    let (_, unlimited) = other.run("floods", json!(["print_a_million_lines"])).await;
    assert!(unlimited.last().is_some_and(|last| last.ends_with("were dropped: it wrote too much")), "{unlimited:?}");
    assert!(log.len() < unlimited.len(), "{} {}", log.len(), unlimited.len());
    fixture.stop().await;
}
