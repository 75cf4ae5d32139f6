//! Adding jobs: how many per second, how many wait, and how many bytes are stored.

use saggar_job::FailureKind;
use saggar_queue::NewJob;
use saggar_tenant::{Quota, Quotas};
use serde_json::json;

use super::fixture::{Fixture, assert_refused, problem};

fn delayed(count: usize) -> Vec<NewJob> {
    vec![NewJob::new("[]").with_delay_ms(3_600_000); count]
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_jobs_are_limited_over_all_tasks() {
    let fixture = Fixture::new(Quotas { waiting: Some(5), ..Quotas::default() }).await;
    let Fixture { acme, other, .. } = &fixture;
    acme.try_add("echo", delayed(3)).await.expect("there is room");
    assert_refused(acme.try_add("chain", delayed(3)).await, "waiting", true);
    assert_refused(acme.try_add("chain", delayed(6)).await, "waiting", false);
    acme.try_add("chain", delayed(2)).await.expect("exactly the quota");
    for task in ["echo", "chain", "gated"] {
        assert_refused(acme.try_add(task, delayed(1)).await, "waiting", true);
    }
    assert_eq!(acme.tenant.level(Quota::Waiting).used(), 5);
    other.try_add("echo", delayed(50)).await.expect("it has no quota");
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_bytes_are_limited_and_the_tenants_ended_jobs_make_room() {
    let fixture = Fixture::new(Quotas { keep_bytes: Some(40_000), ..Quotas::default() }).await;
    let Fixture { acme, other, .. } = &fixture;
    let large =
        |count: usize| vec![NewJob::new(json!(["x".repeat(10_000)]).to_string()).with_delay_ms(3_600_000); count];
    let first = other.add("echo", json!(["x".repeat(10_000)])).await;
    other.ended("echo", first).await;
    let own = acme.add("echo", json!(["x".repeat(10_000)])).await;
    acme.ended("echo", own).await;
    assert_refused(acme.try_add("chain", large(4)).await, "keep_bytes", false);
    acme.try_add("chain", large(3)).await.expect("its own ended job makes room");
    let get = async |side: &super::fixture::Side, id| {
        side.worker.queue("echo").expect("the task").get(id).await.expect("memory works")
    };
    assert!(get(acme, own).await.is_none() && get(other, first).await.is_some(), "not that of another tenant");
    assert_refused(acme.try_add("chain", large(1)).await, "keep_bytes", true);
    assert!(acme.tenant.level(Quota::KeepBytes).used() <= 40_000);
    other.try_add("chain", large(10)).await.expect("it has no quota");
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adds_of_clients_and_of_guests_count_against_the_rate() {
    let fixture = Fixture::new(Quotas { adds_per_second: Some(5), ..Quotas::default() }).await;
    let Fixture { acme, other, .. } = &fixture;
    assert_refused(acme.try_add("echo", delayed(6)).await, "adds_per_second", false);
    acme.try_add("echo", delayed(5)).await.expect("exactly the quota");
    // Nothing may be added any more, so the test does not depend on the time that it takes.
    acme.tenant.set_quotas(&Quotas::default());
    acme.worker.set_paused("chain", true).await.expect("the memory store does not fail");
    let id = acme.add("chain", json!(["chain", 1, "x"])).await;
    acme.tenant.set_quotas(&Quotas { adds_per_second: Some(0), ..Quotas::default() });
    assert_refused(acme.try_add("echo", delayed(1)).await, "adds_per_second", false);
    acme.worker.set_paused("chain", false).await.expect("the memory store does not fail");
    let (job, _) = acme.ended("chain", id).await;
    let (code, details) = problem(&job);
    assert_eq!((job.reason(), code), (Some(FailureKind::Rejected), "quota-exceeded"));
    assert_eq!((&details["quota"], &details["limit"]), (&json!("adds_per_second"), &json!(0)));
    for _ in 0..20 {
        other.try_add("echo", delayed(20)).await.expect("it has no quota");
    }
    fixture.stop().await;
}
