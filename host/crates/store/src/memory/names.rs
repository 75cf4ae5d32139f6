//! Names of jobs besides their ids: keys, which are in use as long as the job is stored, and fingerprints, which are in
//! use while it waits or runs.

use std::collections::HashMap;
use std::sync::Arc;

use saggar_job::JobId;

use super::record::Labels;

#[derive(Default)]
pub(super) struct Names {
    keys: HashMap<Arc<str>, JobId>,
    unique: HashMap<Arc<str>, JobId>,
}

impl Names {
    pub(super) fn by_key(&self, key: &str) -> Option<JobId> {
        self.keys.get(key).copied()
    }

    pub(super) fn by_fingerprint(&self, fingerprint: &str) -> Option<JobId> {
        self.unique.get(fingerprint).copied()
    }

    pub(super) fn enter(&mut self, id: JobId, labels: &Labels) {
        self.keys.extend(labels.key.clone().map(|key| (key, id)));
        self.unique.extend(labels.unique.clone().map(|fingerprint| (fingerprint, id)));
    }

    /// Releases the fingerprint of a job that has ended.
    pub(super) fn end(&mut self, id: JobId, labels: &Labels) {
        remove(&mut self.unique, labels.unique.as_deref(), id);
    }

    /// Releases all names of a job that is removed.
    pub(super) fn leave(&mut self, id: JobId, labels: &Labels) {
        self.end(id, labels);
        remove(&mut self.keys, labels.key.as_deref(), id);
    }
}

/// Removes a name if it belongs to this job; it may belong to another one by then.
fn remove(names: &mut HashMap<Arc<str>, JobId>, name: Option<&str>, id: JobId) {
    if let Some(name) = name
        && names.get(name) == Some(&id)
    {
        names.remove(name);
    }
}
