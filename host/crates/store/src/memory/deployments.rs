//! The deployments and versions of the memory store.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::{Deployment, DeploymentPage, DeploymentQuery, DeploymentStore, StoreError, Version};

/// The deployments and versions of all tenants.
#[derive(Debug, Default)]
pub(super) struct MemoryDeployments(Mutex<BTreeMap<Arc<str>, TenantDeployments>>);

#[derive(Debug, Default)]
struct TenantDeployments {
    /// The newest last.
    deployments: VecDeque<Deployment>,
    versions: BTreeMap<Arc<str>, KeptVersion>,
    /// How often a version was used so far.
    uses: u64,
}

#[derive(Debug)]
struct KeptVersion {
    bytes: Arc<[u8]>,
    /// The number of its last use.
    used: u64,
}

impl TenantDeployments {
    fn touch(&mut self, digest: &str) -> bool {
        let Some(version) = self.versions.get_mut(digest) else { return false };
        self.uses += 1;
        version.used = self.uses;
        true
    }

    /// Returns the version that is to be evicted next.
    fn next_eviction(&self, most: u64) -> Option<Arc<str>> {
        let bytes: u64 = self.versions.values().map(|version| version.bytes.len() as u64).sum();
        if bytes <= most {
            return None;
        }
        let last = || self.deployments.back().into_iter().flat_map(|last| &last.code);
        let is_in_use = |digest: &Arc<str>| last().any(|code| code.digest == *digest);
        let is_needed = |digest: &Arc<str>| last().any(|code| code.digest == *digest && code.is_from_store());
        let removable = self.versions.iter().filter(|(digest, _)| !is_needed(digest));
        let next = removable.min_by_key(|(digest, version)| (is_in_use(digest), version.used));
        next.map(|(digest, _)| Arc::clone(digest))
    }

    fn page(&self, query: &DeploymentQuery) -> DeploymentPage {
        let mut page = DeploymentPage::default();
        let mut codes = 0;
        let newest_first = self.deployments.iter().rev();
        for deployment in newest_first.filter(|one| query.before.is_none_or(|before| one.number < before)) {
            if page.deployments.len() >= query.bounded_limit() || codes >= DeploymentQuery::MOST_CODE {
                page.more = true;
                break;
            }
            codes += deployment.code.len();
            let kept = deployment.code.iter().filter(|code| self.versions.contains_key(&code.digest));
            page.kept.extend(kept.map(|code| Arc::clone(&code.digest)));
            page.deployments.push(deployment.clone());
        }
        page
    }
}

#[async_trait]
impl DeploymentStore for MemoryDeployments {
    async fn append(&self, tenant: &str, mut deployment: Deployment) -> Result<u64, StoreError> {
        let mut tenants = self.0.lock();
        let own = tenants.entry(tenant.into()).or_default();
        let number = own.deployments.back().map_or(0, |last| last.number) + 1;
        deployment.number = number;
        own.deployments.push_back(deployment);
        while own.deployments.len() as u64 > Deployment::MOST {
            own.deployments.pop_front();
        }
        Ok(number)
    }

    async fn page(&self, query: &DeploymentQuery) -> Result<DeploymentPage, StoreError> {
        Ok(self.0.lock().get(&query.tenant).map(|own| own.page(query)).unwrap_or_default())
    }

    async fn keep(&self, tenant: &str, Version { digest, bytes }: Version) -> Result<(), StoreError> {
        let mut tenants = self.0.lock();
        let own = tenants.entry(tenant.into()).or_default();
        if !own.touch(&digest) {
            own.uses += 1;
            own.versions.insert(digest, KeptVersion { bytes, used: own.uses });
        }
        Ok(())
    }

    async fn touch(&self, tenant: &str, digest: &str) -> Result<bool, StoreError> {
        Ok(self.0.lock().get_mut(tenant).is_some_and(|own| own.touch(digest)))
    }

    async fn size(&self, tenant: &str, digest: &str) -> Result<Option<u64>, StoreError> {
        let tenants = self.0.lock();
        Ok(tenants.get(tenant).and_then(|own| own.versions.get(digest)).map(|version| version.bytes.len() as u64))
    }

    async fn version(&self, tenant: &str, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        let tenants = self.0.lock();
        Ok(tenants.get(tenant).and_then(|own| own.versions.get(digest)).map(|version| Arc::clone(&version.bytes)))
    }

    async fn evict(&self, tenant: &str, most: u64) -> Result<bool, StoreError> {
        let mut tenants = self.0.lock();
        let Some(own) = tenants.get_mut(tenant) else { return Ok(false) };
        while let Some(digest) = own.next_eviction(most) {
            own.versions.remove(&digest);
        }
        Ok(false)
    }

    async fn remove(&self, tenant: &str) -> Result<bool, StoreError> {
        self.0.lock().remove(tenant);
        Ok(false)
    }
}
