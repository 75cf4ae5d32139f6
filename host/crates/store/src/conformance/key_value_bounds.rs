//! The bounds of key-value stores: versions, expiry, limits, what the removal of a tenant leaves, and random operations.

use std::sync::Arc;

use saggar_job::Timestamp;
use saggar_kv::{MAX_KEY, MAX_VALUE};

use super::key_values::{ENOUGH, KvTenant, delete, increment, set, swap, usage};
use super::{Fixture, Locations, some, works};
use crate::{KvAnswer, KvChange, KvError, KvLimits, KvOperation, KvRefusal, KvStore, KvUsage, MemoryStore, Rules};

pub(super) async fn versions_only_grow(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let mut last = 0;
    for round in 0..3 {
        let mut tenant = KvTenant::of(&fixture, "acme");
        for key in ["a", "b", "a"] {
            let version = tenant.set(key, "").await;
            assert!(version > last, "round {round}: {version} after {last}");
            last = version;
        }
        works(tenant.change("a", delete(None)).await);
        let version = tenant.set("a", "").await;
        assert!(version > last, "the version of an entry that was deleted is not given again");
        works(tenant.change("a", set("", Some(1))).await);
        tenant.now = tenant.now.plus_ms(5);
        last = tenant.set("a", "").await;
        assert!(last > version + 1);
        drop(tenant);
        fixture = fixture.die().await;
    }
}

pub(super) async fn entries_expire(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let mut tenant = KvTenant::of(&fixture, "acme");
    works(tenant.change("k", set("1", Some(10))).await);
    works(tenant.change("n", set("5", Some(10))).await);
    works(tenant.change("ever", set("5", Some(u64::MAX))).await);
    tenant.now = tenant.now.plus_ms(9);
    assert_eq!(some(tenant.get("k").await, "the entry").expires_in_ms, Some(1));
    tenant.now = tenant.now.plus_ms(1);
    assert_eq!((tenant.get("k").await, tenant.keys("", None, 9).await.keys), (None, vec!["ever".to_owned()]));
    assert_eq!(works(tenant.change("k", delete(None)).await), KvAnswer::Deleted(false));
    assert_eq!(works(tenant.change("n", increment(1)).await), KvAnswer::Number(1), "it counts from 0");
    assert!(matches!(works(tenant.change("k", swap(None, "2")).await), KvAnswer::Swapped(Some(_))));
    assert_eq!(some(tenant.get("k").await, "the entry").expires_in_ms, None, "a write without a time has none");
    // A shorter or longer time replaces the one before.
    works(tenant.change("k", set("1", Some(1_000))).await);
    works(tenant.change("k", set("1", Some(5))).await);
    works(tenant.change("n", set("1", Some(5))).await);
    works(tenant.change("n", set("1", Some(1_000))).await);
    tenant.now = tenant.now.plus_ms(5);
    assert_eq!((tenant.get("k").await.is_some(), tenant.get("n").await.is_some()), (false, true));
}

pub(super) async fn bounds_are_exact(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let mut tenant = KvTenant::of(&fixture, "acme");
    let full = usage(&[("a", 10), ("b", 10)]);
    tenant.limits = KvLimits { keys: 2, bytes: full.bytes };
    let ten = "x".repeat(10);
    for key in ["a", "b"] {
        tenant.set(key, &ten).await;
    }
    assert_eq!(tenant.usage().await, full);
    let too_many = KvRefusal::TooManyBytes { bytes: full.bytes + 1, limit: full.bytes };
    assert_eq!(tenant.refusal("a", set(&"x".repeat(11), None)).await, too_many);
    assert_eq!(tenant.value("a").await.as_deref(), Some(&*ten), "nothing was changed");
    works(tenant.change("a", delete(None)).await);
    tenant.set("c", "").await;
    tenant.limits.bytes = ENOUGH.bytes;
    let too_many = KvRefusal::TooManyKeys { keys: 2, limit: 2 };
    assert_eq!(tenant.refusal("d", set("", None)).await, too_many);
    assert_eq!(tenant.refusal("d", increment(1)).await, too_many);
    tenant.limits.bytes = full.bytes;
    tenant.set("c", &ten).await;
    assert_eq!(tenant.usage().await, usage(&[("b", 10), ("c", 10)]));
    // With lower limits, entries can shrink but not grow.
    tenant.limits = KvLimits { keys: 0, bytes: 0 };
    tenant.set("c", "x").await;
    assert!(matches!(tenant.refusal("c", set("xy", None)).await, KvRefusal::TooManyBytes { limit: 0, .. }));
    assert!(works(tenant.change("c", delete(None)).await) == KvAnswer::Deleted(true));
    assert_eq!(tenant.usage().await, usage(&[("b", 10)]));
}

pub(super) async fn expired_entries_make_room(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let mut tenant = KvTenant::of(&fixture, "acme");
    tenant.limits = KvLimits { keys: 3, bytes: usage(&[("a", 1), ("b", 1), ("c", 1)]).bytes };
    for (key, ttl_ms) in [("a", 30), ("b", 10), ("c", 20)] {
        works(tenant.change(key, set("x", Some(ttl_ms))).await);
    }
    assert!(matches!(tenant.refusal("d", set("x", None)).await, KvRefusal::TooManyBytes { .. }));
    tenant.now = tenant.now.plus_ms(20);
    tenant.set("d", "x").await;
    assert_eq!(tenant.usage().await, usage(&[("a", 1), ("c", 1), ("d", 1)]), "only what is needed is removed, first b");
    tenant.set("e", "x").await;
    assert!(matches!(tenant.refusal("f", set("x", None)).await, KvRefusal::TooManyBytes { .. }));
    assert_eq!(tenant.keys("", None, 9).await.keys, ["a", "d", "e"]);
    tenant.now = tenant.now.plus_ms(10);
    works(tenant.change("a", set("x", Some(5))).await);
    assert_eq!(tenant.usage().await.keys, 3, "an expired entry is replaced");
}

async fn remove(tenant: &KvTenant, most: usize) -> bool {
    works(tenant.store.remove_expired(&tenant.name, most, tenant.now).await)
}

pub(super) async fn expired_entries_are_removed_in_steps(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let mut tenant = KvTenant::of(&fixture, "acme");
    for number in 0..5 {
        works(tenant.change(&format!("k{number}"), set("x", Some(10 + number))).await);
    }
    works(tenant.change("long", set(&"x".repeat(100_000), Some(1))).await);
    tenant.set("kept", "").await;
    assert!(!remove(&tenant, 3).await, "nothing has expired");
    tenant.now = tenant.now.plus_ms(13);
    assert!(remove(&tenant, 3).await, "a long value is as much work as many short ones");
    assert_eq!(tenant.usage().await.keys, 6);
    assert!(remove(&tenant, 3).await, "there may be more");
    assert_eq!(tenant.usage().await.keys, 3);
    assert!(!remove(&tenant, 3).await, "one was left that has expired");
    assert_eq!(tenant.keys("", None, 9).await.keys, ["k4", "kept"]);
    assert_eq!(tenant.usage().await, usage(&[("k4", 1), ("kept", 0)]));
}

pub(super) async fn keys_and_values_are_checked(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let tenant = KvTenant::of(&fixture, "acme");
    let longest = "k".repeat(MAX_KEY);
    works(tenant.change(&longest, KvChange::Set { value: vec![7; MAX_VALUE], ttl_ms: None }).await);
    assert_eq!(some(tenant.get(&longest).await, "the entry").value.len(), MAX_VALUE);
    assert_eq!(tenant.keys("k", None, 1).await.keys, [longest.as_str()]);
    let invalid = KvRefusal::InvalidKey { bytes: MAX_KEY + 1 };
    assert_eq!(tenant.refusal(&"k".repeat(MAX_KEY + 1), set("", None)).await, invalid);
    assert_eq!(tenant.refusal("", delete(None)).await, KvRefusal::InvalidKey { bytes: 0 });
    let large = KvChange::Swap { expected: None, value: vec![7; MAX_VALUE + 1], ttl_ms: None };
    assert_eq!(tenant.refusal("k", large).await, KvRefusal::ValueTooLarge { bytes: MAX_VALUE + 1 });
    let get = tenant.ask(KvOperation::Get { key: String::new() }).await;
    assert!(matches!(get, Err(KvError::Refused(KvRefusal::InvalidKey { bytes: 0 }))));
}

pub(super) async fn a_removed_tenant_leaves_no_entries(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let (gone, kept) = (KvTenant::of(&fixture, "gone"), KvTenant::of(&fixture, "kept"));
    for number in 0..20 {
        gone.set(&format!("k{number}"), &"x".repeat(5_000)).await;
    }
    kept.set("k", "1").await;
    works(fixture.store.remove_tenant("gone").await);
    assert_eq!((gone.get("k1").await, gone.usage().await), (None, KvUsage::default()));
    works(fixture.store.free_removed(3).await);
    assert_eq!(gone.set("new", "").await, 1, "a tenant that comes back is another one");
    drop((gone, kept));
    let fixture = fixture.die().await;
    while works(fixture.store.free_removed(3).await) {}
    let (gone, kept) = (KvTenant::of(&fixture, "gone"), KvTenant::of(&fixture, "kept"));
    assert_eq!(gone.keys("", None, 9).await.keys, ["new"]);
    assert_eq!(kept.value("k").await.as_deref(), Some("1"));
    for tenant in [&gone, &kept] {
        works(fixture.store.remove_tenant(&tenant.name).await);
    }
    while works(fixture.store.free_removed(3).await) {}
    drop((gone, kept));
    let Fixture { mut location, store, task, .. } = fixture;
    drop((store, task));
    assert_eq!(location.left_over().await, Vec::<String>::new());
}

/// Returns a random operation on one of a few keys, often with a version that an entry has.
fn random_operation(random: &mut fastrand::Rng, versions: &[u64]) -> KvOperation {
    let key = ["a", "ab", "b", "c/1", "c/2", "n"][random.usize(..6)].to_owned();
    let version = |random: &mut fastrand::Rng| {
        let known = versions.get(random.usize(..versions.len().max(1))).copied();
        if random.bool() { known } else { None }
    };
    let ttl_ms = random.bool().then(|| random.u64(0..20));
    let value = match random.u8(..4) {
        0 => random.i64(-9..99).to_string().into_bytes(),
        1 => vec![b'x'; random.usize(..6_000)],
        _ => vec![b'x'; random.usize(..40)],
    };
    match random.u8(..10) {
        0 | 1 => KvOperation::Get { key },
        2 => {
            let prefix = ["", "a", "c/", "z"][random.usize(..4)].to_owned();
            KvOperation::Keys { prefix, after: random.bool().then_some(key), limit: random.u32(..4) }
        }
        3 | 4 => KvOperation::Change { key, change: KvChange::Set { value, ttl_ms } },
        5 | 6 => {
            let change = KvChange::Swap { expected: version(random), value, ttl_ms };
            KvOperation::Change { key, change }
        }
        7 | 8 => KvOperation::Change { key, change: KvChange::Increment { by: random.i64(-5..9), ttl_ms } },
        _ => KvOperation::Change { key, change: KvChange::Delete { expected: version(random) } },
    }
}

pub(super) async fn random_operations_are_answered_as_in_memory(locations: &dyn Locations) {
    let names: [Arc<str>; 2] = ["acme".into(), "zeta".into()];
    for seed in 0..8 {
        let mut random = fastrand::Rng::with_seed(seed);
        let model = MemoryStore::new();
        let mut fixture = Fixture::new(locations, Rules::default()).await;
        let (mut now, mut versions) = (Timestamp(1_000), vec![1]);
        for step in 0..300 {
            let name = &names[random.usize(..2)];
            now = now.plus_ms(random.u64(..4));
            let limits = if random.u8(..8) == 0 { ENOUGH } else { KvLimits { keys: 4, bytes: 7_000 } };
            if random.u8(..30) == 0 {
                let most = random.usize(1..4);
                let expected = works(model.remove_expired(name, most, now).await);
                assert_eq!(works(fixture.store.remove_expired(name, most, now).await), expected);
            }
            if random.u8(..100) == 0 {
                fixture = fixture.die().await;
            }
            let operation = random_operation(&mut random, &versions);
            let expected = outcome(model.kv(name, operation.clone(), limits, now).await);
            let found = outcome(fixture.store.kv(name, operation.clone(), limits, now).await);
            assert_eq!(found, expected, "seed {seed}, step {step}: {operation:?}");
            let used = works(fixture.store.kv_usage(name).await);
            assert_eq!(used, works(model.kv_usage(name).await), "seed {seed}, step {step}: {operation:?}");
            if let Ok(KvAnswer::Version(version) | KvAnswer::Swapped(Some(version))) = found {
                versions.push(version);
                versions.drain(..versions.len().saturating_sub(8));
            }
        }
    }
}

/// Returns an answer or a refusal, which can be compared.
fn outcome(answer: Result<KvAnswer, KvError>) -> Result<KvAnswer, KvRefusal> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(KvError::Refused(refusal)) => Err(refusal),
        Err(KvError::Store(error)) => panic!("the store failed: {error:?}"),
    }
}
