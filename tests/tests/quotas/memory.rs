//! The memory of all sandboxes of a tenant.

use saggar_job::{FailureKind, Status};
use saggar_queue::JobEventKind;
use saggar_tenant::{Quota, Quotas};
use saggar_tests::timeout::within;
use serde_json::{Value, json};

use super::fixture::{Fixture, Side, problem};

const MIB: u64 = 1 << 20;

fn memory(bytes: u64) -> Quotas {
    Quotas { memory: Some(bytes), ..Quotas::default() }
}

/// Returns how many MiB a guest gets in addition to its first memory.
async fn grown(side: &Side) -> u64 {
    let (job, _) = side.run("memory", json!(["grow_until_refused"])).await;
    let response = job.response().unwrap_or_else(|| panic!("{job:?}"));
    serde_json::from_str::<Value>(response).expect("JSON").as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_gets_no_more_memory_than_the_tenant_has_left() {
    let fixture = Fixture::new(memory(24 * MIB)).await;
    let Fixture { acme, other, .. } = &fixture;
    let without_quota = grown(other).await;
    assert!((48..64).contains(&without_quota), "{without_quota}: up to `sandbox.memory`");
    let alone = grown(acme).await;
    assert!((12..24).contains(&alone), "{alone}");
    let held = acme.tenant.hold(Quota::Memory, 10 * MIB).expect("there is room");
    assert_eq!(grown(acme).await, alone - 10, "what others hold is not there");
    drop(held);
    let (job, _) = acme.run("memory", json!(["leak_forever"])).await;
    let (code, details) = problem(&job);
    assert_eq!(
        (job.reason(), code, &details["quota"]),
        (Some(FailureKind::OutOfMemory), "quota-exceeded", &json!("memory"))
    );
    let message = &job.problem().expect("a problem").message;
    assert!(message.contains("the tenant's quota `memory` is 25165824"), "{message}");
    let (job, _) = other.run("memory", json!(["leak_forever"])).await;
    assert_eq!(problem(&job).0, "out-of-memory", "another tenant has its own limit only");
    fixture.stop().await;
}

/// What the host keeps behind a guest's handles is memory of the tenant, too.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_behind_handles_count() {
    let fixture = Fixture::new(memory(3 * MIB)).await;
    let Fixture { acme, other, .. } = &fixture;
    for behaviour in ["fill_fields", "fill_bodies", "fill_responses"] {
        let (job, _) = acme.run("handles", json!([behaviour])).await;
        let (code, details) = problem(&job);
        assert_eq!(
            (job.reason(), code, &details["quota"]),
            (Some(FailureKind::OutOfMemory), "quota-exceeded", &json!("memory")),
            "{behaviour}"
        );
        let (job, _) = other.run("handles", json!([behaviour])).await;
        assert_eq!(job.status(), Status::Success, "{behaviour}: another tenant has its own limit only");
    }
    // The guest itself fits, and handles with little behind them.
    let (job, _) = acme.run("handles", json!(["hold_pollables"])).await;
    assert_eq!(job.status(), Status::Success, "{job:?}");
    fixture.stop().await;
}

/// Instances that are kept warm count, and are given up before a guest is refused.
#[tokio::test(flavor = "multi_thread")]
async fn warm_instances_are_given_up_first() {
    let fixture = Fixture::new(memory(24 * MIB)).await;
    let Fixture { acme, other, .. } = &fixture;
    let alone = grown(acme).await;
    for side in [acme, other] {
        side.run("echo", json!([1])).await;
    }
    let (warm, warm_of_other) = (acme.tenant.level(Quota::Memory).used(), other.tenant.level(Quota::Memory).used());
    assert!(warm > 0 && warm == warm_of_other, "{warm} {warm_of_other}: a warm instance counts");
    assert_eq!(grown(acme).await, alone);
    assert_eq!(acme.tenant.level(Quota::Memory).used(), 0, "it was given up");
    assert_eq!(other.tenant.level(Quota::Memory).used(), warm, "those of other tenants are not");
    for (side, is_fresh) in [(acme, true), (other, false)] {
        let id = side.add("echo", json!([2])).await;
        side.ended("echo", id).await;
        let queue = side.worker.queue("echo").expect("the task");
        let history = queue.history(id).await.expect("memory does not fail").expect("a job");
        let fresh = history.attempts[0].cost.as_ref().expect("a cost").fresh;
        assert_eq!(fresh, is_fresh, "{}", side.tenant.name());
    }
    fixture.stop().await;
}

/// A job whose instance cannot be created because others hold the memory waits, and no attempt is used.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_gets_no_first_memory_waits_for_it() {
    let fixture = Fixture::new(memory(24 * MIB)).await;
    let Fixture { acme, other, .. } = &fixture;
    let (mut events, held) = (acme.events(), acme.tenant.hold(Quota::Memory, 24 * MIB).expect("there is room"));
    let id = acme.add("echo", json!([1])).await;
    while within("a requeued job", events.next()).await.expect("no event is missed").kind != JobEventKind::Requeued {}
    let waiting = acme.worker.queue("echo").expect("the task").get(id).await.expect("memory works").expect("a job");
    assert_eq!((waiting.status(), waiting.life.attempt), (Status::Waiting, 0));
    other.run("echo", json!([1])).await;
    drop(held);
    let (job, _) = acme.ended("echo", id).await;
    assert_eq!((job.status(), job.life.attempt), (Status::Success, 1));
    // Alone, it can never have an instance.
    acme.tenant.set_quotas(&memory(1_000));
    // The warm instance goes on.
    acme.run("echo", json!([2])).await;
    let (job, _) = acme.run("memory", json!(["fill_memory"])).await;
    assert_eq!((job.reason(), problem(&job).0), (Some(FailureKind::OutOfMemory), "quota-exceeded"));
    fixture.stop().await;
}
