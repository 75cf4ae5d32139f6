//! Versions: code that the store keeps under its digest, and which code of an app comes from there and not from its files.

use std::collections::BTreeMap;
use std::sync::Arc;

use saggar_job::CodeFile;
use saggar_queue::{DeployedCode, Deployment, DeploymentPage, DeploymentQuery, DeploymentStore, Store, StoreError};
use saggar_sandbox::Plugin;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Which code of an app comes from the store. By default none, and the store is not known.
#[derive(Default)]
pub(crate) struct Versions {
    store: Option<(Arc<dyn DeploymentStore>, Arc<str>)>,
    /// The last deployment, with what is kept of it.
    last: DeploymentPage,
    /// What runs instead of a file, by the name of the code.
    overrides: BTreeMap<Arc<str>, Override>,
}

/// A version that runs instead of a file, because a rollback has chosen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Override {
    pub(crate) digest: Arc<str>,
    content: Arc<str>,
    /// The content of the file that it runs instead of; `None` if it does so whatever the file has.
    instead_of: Option<Arc<str>>,
}

/// The files of a script, as they are kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ScriptArchive {
    /// The file that tasks refer to.
    pub(crate) entry: String,
    /// The texts of all its files.
    pub(crate) files: BTreeMap<String, String>,
}

/// The content of a file that is missing or cannot be read.
pub(crate) const NO_CONTENT: &str = "";

impl Versions {
    /// Reads the last deployment of a tenant: what a rollback has chosen stays until the file has another content.
    pub(crate) async fn of_last(store: &Arc<dyn Store>, tenant: &Arc<str>) -> Result<Self, StoreError> {
        let mut versions = Self::without_overrides(store, tenant).await?;
        let last = versions.last.deployments.first();
        let chosen = last.into_iter().flat_map(|last| &last.code).filter(|code| code.instead_of.is_some());
        versions.overrides =
            chosen.map(|code| (code.name.clone(), Override::of(code, code.instead_of.clone()))).collect();
        Ok(versions)
    }

    /// Makes all code that the deployment has run instead of the files.
    pub(crate) async fn of_deployment(
        store: &Arc<dyn Store>,
        tenant: &Arc<str>,
        deployment: &Deployment,
    ) -> Result<Self, StoreError> {
        let mut versions = Self::without_overrides(store, tenant).await?;
        let chosen = deployment.code.iter().filter(|code| !code.pinned);
        versions.overrides = chosen.map(|code| (code.name.clone(), Override::of(code, None))).collect();
        Ok(versions)
    }

    async fn without_overrides(store: &Arc<dyn Store>, tenant: &Arc<str>) -> Result<Self, StoreError> {
        let deployments = store.deployments();
        let last = deployments.page(&DeploymentQuery::last(tenant)).await?;
        Ok(Self { store: Some((deployments, tenant.clone())), last, overrides: BTreeMap::new() })
    }

    /// Returns the last deployment.
    pub(crate) fn last(&self) -> Option<&Deployment> {
        self.last.deployments.first()
    }

    /// Returns whether versions can be looked up.
    pub(crate) fn has_store(&self) -> bool {
        self.store.is_some()
    }

    /// Returns whether code of the last deployment is kept.
    pub(crate) fn is_kept(&self, digest: &str) -> bool {
        self.last.kept.contains(digest)
    }

    /// Returns whether the code of a file may come from the store.
    pub(crate) fn may_override(&self, file: &CodeFile) -> bool {
        !self.overrides.is_empty() && self.overrides.contains_key(&*file.to_string())
    }

    /// Returns the version that runs instead of a file with this content.
    pub(crate) fn instead_of(&self, file: &CodeFile, content: &str) -> Option<&Override> {
        self.overrides.get(&*file.to_string()).filter(|chosen| chosen.applies_to(content))
    }

    /// Returns a version; the error is one sentence about why it cannot be used.
    pub(crate) async fn bytes(&self, digest: &str) -> Result<Arc<[u8]>, String> {
        let Some((store, tenant)) = &self.store else {
            return Err(format!("the version sha256:{digest} cannot be looked up, because no host runs"));
        };
        match store.version(tenant, digest).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(format!("the version sha256:{digest} is not kept")),
            Err(error) => Err(format!("the version sha256:{digest} cannot be read: {error}")),
        }
    }
}

impl Override {
    fn of(code: &DeployedCode, instead_of: Option<Arc<str>>) -> Self {
        Self { digest: code.digest.clone(), content: code.content.clone(), instead_of }
    }

    fn applies_to(&self, content: &str) -> bool {
        *self.content != *content && self.instead_of.as_deref().is_none_or(|of| of == content)
    }
}

impl ScriptArchive {
    /// Returns the archive of a script; `None` for a component.
    fn of(plugin: &Plugin) -> Option<Self> {
        let texts = plugin.script()?.texts();
        let files = texts.iter().map(|(file, text)| (file.clone(), text.to_string())).collect();
        Some(Self { entry: plugin.path().to_string_lossy().into_owned(), files })
    }

    /// Returns the bytes that are kept of a script; `None` for a component.
    pub(crate) fn bytes_of(plugin: &Plugin) -> Option<Vec<u8>> {
        // Texts can always be serialized.
        Self::of(plugin).map(|archive| serde_json::to_vec(&archive).unwrap_or_default())
    }

    /// Reads an archive.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("the version is damaged: {error}"))
    }
}

/// Returns the SHA-256 of what is kept of loaded code, in hexadecimal.
pub(crate) fn content_of(plugin: &Plugin) -> Arc<str> {
    match ScriptArchive::bytes_of(plugin) {
        Some(bytes) => sha256(&bytes).into(),
        None => plugin.digest().clone(),
    }
}

/// Returns the SHA-256 of bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(instead_of: Option<&str>) -> Override {
        Override { digest: "d1".into(), content: "c1".into(), instead_of: instead_of.map(Into::into) }
    }

    #[test]
    fn what_a_rollback_has_chosen_runs_until_the_file_changes() {
        assert!(chosen(Some("c2")).applies_to("c2"));
        assert!(!chosen(Some("c2")).applies_to("c3"), "the file has changed");
        assert!(!chosen(Some("c2")).applies_to("c1"), "the file has the same content");
        assert!(chosen(Some(NO_CONTENT)).applies_to(NO_CONTENT), "the file is missing");
    }

    #[test]
    fn a_rollback_replaces_every_other_content() {
        assert!(chosen(None).applies_to("c2") && chosen(None).applies_to(NO_CONTENT));
        assert!(!chosen(None).applies_to("c1"));
    }

    #[test]
    fn an_archive_is_read_as_it_was_written() {
        let files = BTreeMap::from([("scripts/a.js".to_owned(), "let é = `\n`;".to_owned())]);
        let bytes = serde_json::to_vec(&ScriptArchive { entry: "scripts/a.js".into(), files: files.clone() }).unwrap();
        let archive = ScriptArchive::read(&bytes).unwrap();
        assert_eq!((archive.entry.as_str(), archive.files), ("scripts/a.js", files));
        assert!(ScriptArchive::read(b"\0asm").unwrap_err().contains("damaged"));
    }
}
