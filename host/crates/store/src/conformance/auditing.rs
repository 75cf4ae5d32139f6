//! The audit: what is appended is returned, for all tenants and for one, in bounded space, also after a restart.

use std::sync::Arc;

use saggar_job::{JobId, Timestamp};

use super::{Fixture, Locations, works};
use crate::{AuditEntry, AuditLimits, AuditQuery, AuditSize, Rules, Store};

fn entry(tenant: &str, number: u64) -> AuditEntry {
    AuditEntry {
        at: Timestamp(number),
        until: Timestamp(number + 1),
        tenant: Some(tenant).filter(|tenant| !tenant.is_empty()).map(Into::into),
        token: None,
        role: None,
        from: None,
        action: "jobs.add".into(),
        task: None,
        jobs: Vec::new(),
        requests: 1,
        count: number,
        status: None,
        code: None,
        detail: None,
    }
}

fn full(tenant: &str) -> AuditEntry {
    AuditEntry {
        token: Some("ci".into()),
        role: Some("admin".into()),
        from: Some("192.0.2.1".into()),
        task: Some("mail.send".into()),
        jobs: vec![JobId(1), JobId(u64::MAX)],
        requests: u64::MAX,
        count: 1 << 40,
        status: Some(503),
        code: Some("store-failed".into()),
        detail: Some("it is „odd“\n".into()),
        ..entry(tenant, 7)
    }
}

fn all() -> AuditQuery {
    AuditQuery { tenant: None, after: None, limit: AuditQuery::PAGE }
}

fn of(tenant: &str) -> AuditQuery {
    AuditQuery { tenant: Some(tenant.into()), ..all() }
}

/// Returns the counts of a query's entries, the newest first.
async fn counts(store: &Arc<dyn Store>, query: &AuditQuery) -> Vec<u64> {
    works(store.audit(query).await).entries.iter().map(|entry| entry.count).collect()
}

/// Limits of the number of entries, and of nothing else.
fn limits(of_tenant: u64, of_all: u64) -> AuditLimits {
    let size = |entries| AuditSize { entries, bytes: u64::MAX };
    AuditLimits { of_tenant: size(of_tenant), of_all: size(of_all) }
}

pub(super) async fn entries_are_returned_as_appended_and_survive_a_restart(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    assert!(works(fixture.store.audit(&all()).await).entries.is_empty());
    let appended = [full("acme"), entry("", 8), entry("zeta", 9)];
    works(fixture.store.append_audit(appended.to_vec()).await);
    works(fixture.store.append_audit(Vec::new()).await);
    for fixture in [fixture.die().await] {
        let mut page = works(fixture.store.audit(&all()).await);
        page.entries.reverse();
        assert_eq!((page.entries.as_slice(), page.next), (appended.as_slice(), None));
        works(fixture.store.append_audit(vec![entry("acme", 10)]).await);
        assert_eq!(counts(&fixture.store, &of("acme")).await, [10, 1 << 40]);
        assert_eq!(counts(&fixture.store, &of("zeta")).await, [9]);
        assert_eq!(counts(&fixture.store, &of("nobody")).await, [] as [u64; 0]);
    }
}

pub(super) async fn pages_of_the_audit_continue_and_count_only_what_they_show(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let tenants = ["acme", "zeta", "zeta", "acme", "zeta", "acme", "acme"];
    let entries = tenants.iter().zip(1..).map(|(tenant, number)| entry(tenant, number)).collect();
    works(fixture.store.append_audit(entries).await);
    let mut added = 0;
    for (query, expected) in
        [(all(), vec![7, 6, 5, 4, 3, 2, 1]), (of("acme"), vec![7, 6, 4, 1]), (of("zeta"), vec![5, 3, 2])]
    {
        let (mut seen, mut query) = (Vec::new(), AuditQuery { limit: 2, ..query });
        loop {
            let page = works(fixture.store.audit(&query).await);
            assert!(page.entries.len() <= 2);
            seen.extend(page.entries.iter().map(|entry| entry.count));
            // What is added meanwhile is not on a later page.
            works(fixture.store.append_audit(vec![entry("acme", 99), entry("zeta", 99)]).await);
            added += 1;
            let Some(next) = page.next else { break };
            if let Some(tenant) = &query.tenant {
                let own = tenants.iter().filter(|of| ***of == **tenant).count() as u64 + added;
                assert!(next <= own, "the position {next} counts entries of another tenant, which has {own}");
            }
            query.after = Some(next);
        }
        seen.retain(|count| *count != 99);
        assert_eq!(seen, expected);
    }
}

pub(super) async fn a_tenant_with_many_entries_keeps_those_of_others(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let store = &fixture.store;
    store.set_audit_limits(limits(4, 8));
    for tenant in ["acme", "zeta", "beta"] {
        works(store.append_audit(vec![entry(tenant, 1), entry(tenant, 2)]).await);
    }
    works(store.append_audit((3..=20).map(|number| entry("acme", number)).collect()).await);
    assert_eq!(counts(store, &of("acme")).await, [20, 19, 18, 17], "the limit of a tenant");
    assert_eq!((counts(store, &of("zeta")).await, counts(store, &of("beta")).await), (vec![2, 1], vec![2, 1]));
    works(store.append_audit(vec![entry("zeta", 3)]).await);
    assert_eq!(counts(store, &of("acme")).await, [20, 19, 18], "the limit of all takes from the one with the most");
    assert_eq!((counts(store, &of("zeta")).await, counts(store, &of("beta")).await), (vec![3, 2, 1], vec![2, 1]));
    let bytes = AuditSize { entries: u64::MAX, bytes: 2 * entry("acme", 0).bytes() };
    store.set_audit_limits(AuditLimits { of_tenant: bytes, ..limits(u64::MAX, u64::MAX) });
    works(store.append_audit(vec![entry("acme", 21)]).await);
    assert_eq!(counts(store, &of("acme")).await, [21, 20], "the limit of bytes");
    let fixture = fixture.die().await;
    assert_eq!(counts(&fixture.store, &of("acme")).await, [21, 20]);
}

pub(super) async fn the_audit_of_a_tenant_is_removed_in_steps(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let store = &fixture.store;
    works(store.append_audit((1..=5).map(|number| entry("gone", number)).collect()).await);
    works(store.append_audit(vec![entry("acme", 1), entry("", 2)]).await);
    assert!(works(store.remove_audit("gone", 2).await), "three remain");
    assert_eq!(counts(store, &of("gone")).await, [5, 4, 3]);
    assert!(!works(store.remove_audit("gone", 9).await));
    assert!(!works(store.remove_audit("nobody", 9).await));
    assert_eq!(counts(store, &all()).await, [2, 1]);
    works(store.append_audit(vec![entry("gone", 6)]).await);
    let fixture = fixture.die().await;
    assert_eq!(counts(&fixture.store, &of("gone")).await, [6]);
}
