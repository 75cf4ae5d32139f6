//! How many attempts run at a time.

use saggar_tenant::{Quota, Quotas};
use serde_json::json;

use super::fixture::{Fixture, at_the_gate, started};

fn running(most: u64) -> Quotas {
    Quotas { running: Some(most), ..Quotas::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_attempts_run_than_the_quota_allows_over_all_tasks() {
    let fixture = Fixture::new(running(3)).await;
    let Fixture { acme, other, .. } = &fixture;
    let (mut events, mut of_other) = (acme.events(), other.events());
    let mut jobs = Vec::new();
    for task in ["gated", "gated", "gated", "gated", "second", "second"] {
        jobs.push((task, acme.add(task, at_the_gate()).await));
        other.add(task, at_the_gate()).await;
    }
    started(&mut events, 3).await;
    started(&mut of_other, 6).await;
    assert_eq!((acme.running(), acme.tenant.level(Quota::Running).used()), (3, 3));
    assert_eq!((other.running(), other.tenant.level(Quota::Running).used()), (6, 6), "it has no quota");
    assert_eq!(acme.worker.task("second").expect("the task").held_by, Some("running"));
    assert_eq!(other.worker.task("second").expect("the task").held_by, None);
    // One more may run at once.
    acme.tenant.set_quotas(&running(4));
    started(&mut events, 1).await;
    assert_eq!(acme.running(), 4);
    // The job that opens the gate needs a slot of its own.
    acme.tenant.set_quotas(&running(5));
    acme.open_the_gate().await;
    for (task, id) in jobs {
        acme.ended(task, id).await;
    }
    other.open_the_gate().await;
    fixture.stop().await;
}

/// A task with many jobs does not keep another one of its tenant out.
#[tokio::test(flavor = "multi_thread")]
async fn the_tasks_of_a_tenant_take_turns_within_the_quota() {
    let fixture = Fixture::new(running(1)).await;
    let acme = &fixture.acme;
    let held = acme.tenant.hold(Quota::Running, 1).expect("nothing runs");
    for n in 0..100 {
        acme.add("memory", json!(["fill_memory", n])).await;
    }
    let echo = acme.add("echo", json!([1])).await;
    drop(held);
    acme.tenant.set_quotas(&running(1));
    acme.ended("echo", echo).await;
    let waiting = acme.worker.queue("memory").expect("the task").counts().waiting;
    assert!(waiting > 0, "the job that was added last waited for all others");
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_of_zero_lets_nothing_begin_and_everything_wait() {
    let fixture = Fixture::new(running(0)).await;
    let Fixture { acme, other, .. } = &fixture;
    let id = acme.add("echo", json!([1])).await;
    other.run("echo", json!([1])).await;
    assert_eq!((acme.running(), acme.worker.queue("echo").expect("the task").counts().waiting), (0, 1));
    acme.tenant.set_quotas(&Quotas::default());
    acme.ended("echo", id).await;
    fixture.stop().await;
}
