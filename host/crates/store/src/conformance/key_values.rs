//! The key-value stores of tenants: every operation, one order of all callers, and what a restart leaves.

use std::collections::HashSet;
use std::sync::Arc;

use saggar_job::Timestamp;
use tokio::task::JoinSet;

use super::{Fixture, Locations, some, works};
use crate::{KvAnswer, KvChange, KvEntry, KvError, KvKeys, KvLimits, KvOperation, KvRefusal, KvUsage, Rules, Store};

/// Limits that no test reaches.
pub(super) const ENOUGH: KvLimits = KvLimits { keys: 1_000_000, bytes: 1 << 30 };

/// One tenant's key-value store.
#[derive(Clone)]
pub(super) struct KvTenant {
    pub(super) store: Arc<dyn Store>,
    pub(super) name: Arc<str>,
    pub(super) limits: KvLimits,
    pub(super) now: Timestamp,
}

impl KvTenant {
    pub(super) fn of(fixture: &Fixture, name: &str) -> Self {
        Self { store: Arc::clone(&fixture.store), name: name.into(), limits: ENOUGH, now: Timestamp(1_000) }
    }

    pub(super) async fn ask(&self, operation: KvOperation) -> Result<KvAnswer, KvError> {
        self.store.kv(&self.name, operation, self.limits, self.now).await
    }

    pub(super) async fn change(&self, key: &str, change: KvChange) -> Result<KvAnswer, KvError> {
        self.ask(KvOperation::Change { key: key.to_owned(), change }).await
    }

    pub(super) async fn refusal(&self, key: &str, change: KvChange) -> KvRefusal {
        match self.change(key, change).await {
            Err(KvError::Refused(refusal)) => refusal,
            other => panic!("the store must refuse it: {other:?}"),
        }
    }

    pub(super) async fn set(&self, key: &str, value: &str) -> u64 {
        match works(self.change(key, set(value, None)).await) {
            KvAnswer::Version(version) => version,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn get(&self, key: &str) -> Option<KvEntry> {
        match works(self.ask(KvOperation::Get { key: key.to_owned() }).await) {
            KvAnswer::Entry(entry) => entry,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn value(&self, key: &str) -> Option<String> {
        self.get(key).await.map(|entry| String::from_utf8(entry.value).expect("a text"))
    }

    pub(super) async fn keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> KvKeys {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        match works(self.ask(KvOperation::Keys { prefix, after, limit }).await) {
            KvAnswer::Keys(keys) => keys,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn usage(&self) -> KvUsage {
        works(self.store.kv_usage(&self.name).await)
    }
}

pub(super) fn set(value: &str, ttl_ms: Option<u64>) -> KvChange {
    KvChange::Set { value: value.into(), ttl_ms }
}

pub(super) fn swap(expected: Option<u64>, value: &str) -> KvChange {
    KvChange::Swap { expected, value: value.into(), ttl_ms: None }
}

pub(super) fn increment(by: i64) -> KvChange {
    KvChange::Increment { by, ttl_ms: None }
}

pub(super) fn delete(expected: Option<u64>) -> KvChange {
    KvChange::Delete { expected }
}

/// Returns the usage of entries with these keys and values.
pub(super) fn usage(entries: &[(&str, usize)]) -> KvUsage {
    let bytes = entries.iter().map(|(key, value)| saggar_kv::KvStored::bytes(key, *value)).sum();
    KvUsage { keys: entries.len() as u64, bytes }
}

pub(super) async fn entries_are_written_read_and_deleted(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let tenant = KvTenant::of(&fixture, "acme");
    assert_eq!(tenant.get("α/1").await, None);
    let version = tenant.set("α/1", "one").await;
    let entry = KvEntry { value: b"one".to_vec(), version, expires_in_ms: None };
    assert_eq!(tenant.get("α/1").await, Some(entry));
    let bytes: Vec<u8> = (0..=255).collect();
    works(tenant.change("α/1", KvChange::Set { value: bytes.clone(), ttl_ms: None }).await);
    assert_eq!(some(tenant.get("α/1").await, "the entry").value, bytes);
    tenant.set("empty", "").await;
    assert_eq!(tenant.value("empty").await.as_deref(), Some(""));
    assert_eq!(works(tenant.change("α/1", delete(None)).await), KvAnswer::Deleted(true));
    assert_eq!(works(tenant.change("α/1", delete(None)).await), KvAnswer::Deleted(false));
    assert_eq!((tenant.get("α/1").await, tenant.usage().await), (None, usage(&[("empty", 0)])));
}

pub(super) async fn only_the_expected_version_is_swapped(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let tenant = KvTenant::of(&fixture, "acme");
    let swapped = |answer| match answer {
        KvAnswer::Swapped(version) => version,
        other => panic!("{other:?}"),
    };
    let first = some(swapped(works(tenant.change("k", swap(None, "1")).await)), "a version");
    for expected in [None, Some(first + 1), Some(0)] {
        assert_eq!(works(tenant.change("k", swap(expected, "2")).await), KvAnswer::Swapped(None), "{expected:?}");
        assert_eq!(tenant.value("k").await.as_deref(), Some("1"));
    }
    let second = some(swapped(works(tenant.change("k", swap(Some(first), "2")).await)), "a version");
    assert!(second > first && tenant.value("k").await.as_deref() == Some("2"));
    assert_eq!(works(tenant.change("k", delete(Some(first))).await), KvAnswer::Deleted(false));
    assert_eq!(works(tenant.change("k", delete(Some(second))).await), KvAnswer::Deleted(true));
    assert_eq!(works(tenant.change("k", swap(Some(second), "3")).await), KvAnswer::Swapped(None), "it is gone");
}

pub(super) async fn numbers_are_incremented(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let mut tenant = KvTenant::of(&fixture, "acme");
    for (by, sum) in [(5, 5), (-8, -3), (0, -3)] {
        assert_eq!(works(tenant.change("n", increment(by)).await), KvAnswer::Number(sum));
    }
    assert_eq!(tenant.value("n").await.as_deref(), Some("-3"));
    tenant.set("n", &i64::MAX.to_string()).await;
    assert_eq!(tenant.refusal("n", increment(1)).await, KvRefusal::Overflow { number: i64::MAX, by: 1 });
    tenant.set("n", &i64::MIN.to_string()).await;
    assert_eq!(tenant.refusal("n", increment(-1)).await, KvRefusal::Overflow { number: i64::MIN, by: -1 });
    assert_eq!(works(tenant.change("n", increment(1)).await), KvAnswer::Number(i64::MIN + 1));
    let long = "1".repeat(100_000);
    for text in ["", "000000000000000000001", long.as_str(), "1.5"] {
        tenant.set("n", text).await;
        assert_eq!(tenant.refusal("n", increment(1)).await, KvRefusal::NotANumber);
    }
    assert_eq!(tenant.value("n").await.as_deref(), Some("1.5"), "nothing was changed");
    // Only the increment that creates the entry says when it expires.
    for _ in 0..2 {
        works(tenant.change("minute", KvChange::Increment { by: 1, ttl_ms: Some(60) }).await);
        tenant.now = tenant.now.plus_ms(10);
    }
    assert_eq!(some(tenant.get("minute").await, "the entry").expires_in_ms, Some(40));
}

pub(super) async fn keys_are_listed_in_pages(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let mut tenant = KvTenant::of(&fixture, "acme");
    let keys = ["a", "mail", "mail/", "mail/1", "mail/10", "mail/2", "mail0", "\u{10ffff}"];
    for key in keys.iter().rev() {
        tenant.set(key, key).await;
    }
    works(tenant.change("mail/15", set("", Some(1))).await);
    tenant.now = tenant.now.plus_ms(1);
    let all = tenant.keys("", None, u32::MAX).await;
    assert_eq!((all.keys.as_slice(), all.next), (keys.map(str::to_owned).as_slice(), None));
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = tenant.keys("mail/", after.as_deref(), 2).await;
        assert!(page.keys.len() <= 2);
        found.extend(page.keys);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ["mail/", "mail/1", "mail/10", "mail/2"]);
    assert!(pages >= 2);
    assert_eq!(tenant.keys("mail/", Some("a"), 1).await.keys, ["mail/"], "it begins with the prefix");
    assert_eq!(tenant.keys("mail/", Some("z"), 1).await, KvKeys::default());
    assert_eq!(tenant.keys("nothing", None, 9).await, KvKeys::default());
}

pub(super) async fn tenants_have_their_own_entries(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let (acme, zeta) = (KvTenant::of(&fixture, "acme"), KvTenant::of(&fixture, "zeta"));
    acme.set("k", "of acme").await;
    zeta.set("k", "of zeta").await;
    zeta.set("other", "").await;
    assert_eq!(works(acme.change("k", delete(None)).await), KvAnswer::Deleted(true));
    assert_eq!(zeta.value("k").await.as_deref(), Some("of zeta"));
    assert_eq!((acme.usage().await.keys, zeta.usage().await.keys), (0, 2));
    assert_eq!(acme.keys("", None, 9).await, KvKeys::default());
    assert_eq!(acme.set("k", "").await, 2, "versions do not count what others write");
}

const CALLERS: i64 = 16;
const EACH: i64 = 20;

/// Increments a number, and swaps an entry; counts the swaps that won. Returns the sums.
async fn add_and_swap(tenant: KvTenant, caller: i64) -> Vec<i64> {
    let mut seen = Vec::new();
    for round in 0..EACH {
        let Ok(KvAnswer::Number(sum)) = tenant.change("n", increment(1)).await else { panic!("no number") };
        seen.push(sum);
        // One of those who swap at the same time wins.
        let expected = tenant.get("k").await.map(|entry| entry.version);
        let answer = works(tenant.change("k", swap(expected, &format!("{caller} {round}"))).await);
        if let KvAnswer::Swapped(Some(_)) = answer {
            works(tenant.change("won", increment(1)).await);
        }
    }
    assert!(seen.is_sorted(), "a caller finds what it wrote before: {seen:?}");
    seen
}

pub(super) async fn operations_of_many_callers_have_one_order(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let tenant = KvTenant::of(&fixture, "acme");
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(add_and_swap(tenant.clone(), caller));
    }
    let seen: HashSet<i64> = callers.join_all().await.into_iter().flatten().collect();
    assert_eq!(seen.len() as i64, CALLERS * EACH, "every increment has its own sum");
    assert_eq!(tenant.value("n").await, Some((CALLERS * EACH).to_string()));
    let won: u64 = some(tenant.value("won").await, "a number").parse().expect("a number");
    // Each write got the next version of the tenant: the increments, those of `won`, and the swaps that won.
    let versions = some(tenant.get("k").await, "an entry").version.max(some(tenant.get("n").await, "it").version);
    let versions = versions.max(some(tenant.get("won").await, "it").version);
    assert_eq!(versions, (CALLERS * EACH) as u64 + 2 * won);
}

pub(super) async fn entries_survive_a_restart(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let tenant = KvTenant::of(&fixture, "acme");
    tenant.set("k", "one").await;
    works(tenant.change("expires", set("two", Some(100))).await);
    works(tenant.change("n", increment(7)).await);
    tenant.set("gone", "").await;
    works(tenant.change("gone", delete(None)).await);
    let (entry, used) = (tenant.get("k").await, tenant.usage().await);
    drop(tenant);
    let fixture = fixture.die().await;
    let mut tenant = KvTenant::of(&fixture, "acme");
    assert_eq!((tenant.get("k").await, tenant.usage().await), (entry, used));
    assert_eq!(tenant.keys("", None, 9).await.keys, ["expires", "k", "n"]);
    assert_eq!(works(tenant.change("n", increment(1)).await), KvAnswer::Number(8));
    assert_eq!(some(tenant.get("expires").await, "the entry").expires_in_ms, Some(100));
    tenant.now = tenant.now.plus_ms(100);
    assert_eq!(tenant.get("expires").await, None);
}
