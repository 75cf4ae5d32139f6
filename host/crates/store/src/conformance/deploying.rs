//! Deployments and versions: what is appended and kept is returned, in bounded space, also after a restart.

use std::sync::Arc;

use saggar_job::Timestamp;

use super::{Fixture, Locations, works};
use crate::{DeployedCode, Deployment, DeploymentCause, DeploymentQuery, DeploymentStore, Rules, Version};

fn code(name: &str, digest: &str) -> DeployedCode {
    DeployedCode {
        name: name.into(),
        digest: digest.into(),
        content: digest.into(),
        bytes: 3,
        instead_of: None,
        pinned: false,
    }
}

fn deployment(code: Vec<DeployedCode>) -> Deployment {
    Deployment { number: 0, at: Timestamp(5), cause: DeploymentCause::Reload, by: "ci".into(), code }
}

fn version(digest: &str, bytes: usize) -> Version {
    let bytes: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
    Version { digest: digest.into(), bytes: bytes.into() }
}

fn all(tenant: &str) -> DeploymentQuery {
    DeploymentQuery { tenant: tenant.into(), before: None, limit: DeploymentQuery::PAGE }
}

/// Returns the numbers of a query's deployments.
async fn numbers(store: &Arc<dyn DeploymentStore>, query: &DeploymentQuery) -> Vec<u64> {
    works(store.page(query).await).deployments.iter().map(|one| one.number).collect()
}

/// Evicts versions until nothing more is to be removed.
async fn evict(store: &Arc<dyn DeploymentStore>, tenant: &str, most: u64) {
    while works(store.evict(tenant, most).await) {}
}

pub(super) async fn deployments_are_numbered_and_survive_a_restart(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let store = fixture.store.deployments();
    assert!(works(store.page(&all("acme")).await).deployments.is_empty());
    let rolled_back = DeployedCode {
        content: "c1".into(),
        bytes: u64::from(u32::MAX) + 1,
        instead_of: Some("c2".into()),
        pinned: true,
        ..code("scripts.a", "d3")
    };
    let mut appended = [
        Deployment { cause: DeploymentCause::Start, by: "start".into(), ..deployment(vec![code("plugins.a", "d1")]) },
        deployment(Vec::new()),
        Deployment {
            at: Timestamp(u64::MAX),
            cause: DeploymentCause::Rollback(1),
            by: "„odd“\n".into(),
            ..deployment(vec![code("plugins.a", "d1"), rolled_back])
        },
    ];
    for (number, deployment) in (1..).zip(&mut appended) {
        assert_eq!(works(store.append("acme", deployment.clone()).await), number);
        deployment.number = number;
    }
    assert_eq!(works(store.append("zeta", deployment(Vec::new())).await), 1, "each tenant has numbers of its own");
    drop(store);
    let fixture = fixture.die().await;
    let store = fixture.store.deployments();
    let mut page = works(store.page(&all("acme")).await);
    page.deployments.reverse();
    assert_eq!((page.deployments.as_slice(), page.more), (appended.as_slice(), false));
    assert_eq!(works(store.page(&DeploymentQuery::last(&"acme".into())).await).deployments, appended[2..]);
    assert_eq!(numbers(&store, &DeploymentQuery::one(&"acme".into(), 2)).await, [2]);
    assert_eq!(works(store.append("acme", deployment(Vec::new())).await), 4);
}

pub(super) async fn pages_of_deployments_are_bounded(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let store = fixture.store.deployments();
    for _ in 0..5 {
        works(store.append("acme", deployment(vec![code("plugins.a", "d1")])).await);
    }
    let page = works(store.page(&DeploymentQuery { limit: 2, ..all("acme") }).await);
    assert!(page.more);
    assert_eq!(numbers(&store, &DeploymentQuery { limit: 2, before: Some(4), ..all("acme") }).await, [3, 2]);
    let last = works(store.page(&DeploymentQuery { limit: 2, before: Some(3), ..all("acme") }).await);
    assert!(!last.more);
    let much = (0..DeploymentQuery::MOST_CODE).map(|number| code(&format!("plugins.p{number:04}"), "d1")).collect();
    works(store.append("acme", deployment(much)).await);
    let page = works(store.page(&all("acme")).await);
    assert_eq!((page.deployments.len(), page.more), (1, true), "it ends after much code");
    assert_eq!(page.deployments[0].code.len(), DeploymentQuery::MOST_CODE);
    assert_eq!(page.deployments[0].code[7].name.as_ref(), "plugins.p0007", "the order is kept");
}

pub(super) async fn the_newest_deployments_are_kept(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let store = fixture.store.deployments();
    works(store.append("zeta", deployment(Vec::new())).await);
    for _ in 0..Deployment::MOST + 2 {
        works(store.append("acme", deployment(vec![code("plugins.a", "d1")])).await);
    }
    assert_eq!(numbers(&store, &DeploymentQuery { before: Some(4), ..all("acme") }).await, [3]);
    assert_eq!(numbers(&store, &all("zeta")).await, [1]);
}

pub(super) async fn versions_are_kept_whole_and_survive_a_restart(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let store = fixture.store.deployments();
    let versions = [version("d0", 0), version("d1", 1), version("large", (1 << 20) + 7)];
    for version in &versions {
        assert!(!works(store.touch("acme", &version.digest).await));
        works(store.keep("acme", version.clone()).await);
        works(store.keep("acme", version.clone()).await);
    }
    works(store.append("acme", deployment(vec![code("plugins.a", "d1"), code("plugins.b", "gone")])).await);
    drop(store);
    let fixture = fixture.die().await;
    let store = fixture.store.deployments();
    for version in &versions {
        assert_eq!(works(store.size("acme", &version.digest).await), Some(version.bytes.len() as u64));
        assert_eq!(works(store.version("acme", &version.digest).await).as_ref(), Some(&version.bytes));
        assert_eq!(works(store.version("zeta", &version.digest).await), None, "of another tenant");
        assert!(works(store.touch("acme", &version.digest).await));
        assert!(!works(store.touch("zeta", &version.digest).await));
    }
    assert_eq!(works(store.size("acme", "gone").await), None);
    assert_eq!(works(store.version("acme", "gone").await), None);
    let kept: Vec<_> = works(store.page(&all("acme")).await).kept.into_iter().collect();
    assert_eq!(kept, [Arc::<str>::from("d1")]);
}

pub(super) async fn the_versions_that_were_not_used_for_longest_are_evicted(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let store = fixture.store.deployments();
    for digest in ["d1", "d2", "d3", "d4"] {
        works(store.keep("acme", version(digest, 300_000)).await);
        works(store.keep("zeta", version(digest, 300_000)).await);
    }
    works(store.append("acme", deployment(vec![code("plugins.a", "d1")])).await);
    evict(&store, "acme", 1_200_000).await;
    works(store.touch("acme", "d2").await);
    evict(&store, "acme", 1_199_999).await;
    let kept = async |tenant: &str| {
        let mut kept = Vec::new();
        for digest in ["d1", "d2", "d3", "d4"] {
            kept.extend(works(store.version(tenant, digest).await).map(|_| digest));
        }
        kept
    };
    assert_eq!(kept("acme").await, ["d1", "d2", "d4"]);
    evict(&store, "acme", 300_000).await;
    assert_eq!(kept("acme").await, ["d1"], "what the last deployment uses is removed last");
    let rolled_back = DeployedCode { instead_of: Some("c2".into()), ..code("plugins.a", "d1") };
    let pinned = DeployedCode { pinned: true, ..code("plugins.a", "d1") };
    for needed in [rolled_back, pinned] {
        works(store.append("acme", deployment(vec![needed])).await);
        evict(&store, "acme", 0).await;
        assert_eq!(kept("acme").await, ["d1"], "its file has other code");
    }
    works(store.append("acme", deployment(vec![code("plugins.a", "d1")])).await);
    evict(&store, "acme", 0).await;
    assert_eq!(kept("acme").await, [] as [&str; 0]);
    assert_eq!(kept("zeta").await, ["d1", "d2", "d3", "d4"]);
    works(store.keep("acme", version("d3", 5)).await);
    assert_eq!(kept("acme").await, ["d3"], "it can come back");
}

pub(super) async fn the_deployments_of_a_tenant_are_removed(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let store = fixture.store.deployments();
    for tenant in ["gone", "acme"] {
        works(store.keep(tenant, version("d1", 600_000)).await);
        works(store.append(tenant, deployment(vec![code("plugins.a", "d1")])).await);
        works(store.append(tenant, deployment(vec![code("plugins.a", "d1")])).await);
    }
    for tenant in ["gone", "nobody"] {
        while works(store.remove(tenant).await) {}
    }
    drop(store);
    let fixture = fixture.die().await;
    let store = fixture.store.deployments();
    assert_eq!(numbers(&store, &all("gone")).await, [] as [u64; 0]);
    assert_eq!(works(store.version("gone", "d1").await), None);
    assert_eq!(numbers(&store, &all("acme")).await, [2, 1]);
    assert!(works(store.version("acme", "d1").await).is_some());
    assert_eq!(works(store.append("gone", deployment(Vec::new())).await), 1);
    for tenant in ["gone", "acme"] {
        while works(store.remove(tenant).await) {}
    }
    drop(store);
    let Fixture { mut location, store, task, .. } = fixture;
    drop((store, task));
    assert_eq!(location.left_over().await, Vec::<String>::new());
}
