//! Names of jobs besides their ids: keys, which hold as long as the job is kept, and fingerprints, which hold while it
//! waits or runs.

use std::collections::HashMap;
use std::sync::Arc;

use saggar_job::JobId;

use super::record::Labels;
use crate::NewJob;

#[derive(Default)]
pub(super) struct Names {
    keys: HashMap<Arc<str>, JobId>,
    unique: HashMap<Arc<str>, JobId>,
}

/// The job that is answered instead of adding one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twin {
    /// None: it is added.
    None,
    /// One that is there.
    Kept(JobId),
    /// The one at this position of the same batch.
    Earlier(usize),
}

impl Names {
    /// The twin of each of the jobs; nothing if none of them has a name, which is the rule.
    pub(super) fn twins(&self, jobs: &[NewJob]) -> Vec<Twin> {
        if jobs.iter().all(|job| job.key.is_none() && job.unique.is_none()) {
            return Vec::new();
        }
        let (mut keys, mut unique) = (HashMap::new(), HashMap::new());
        let mut twins = Vec::with_capacity(jobs.len());
        for (at, job) in jobs.iter().enumerate() {
            let by_key = find(job.key.as_ref(), &self.keys, &keys);
            let twin = if by_key == Twin::None { find(job.unique.as_ref(), &self.unique, &unique) } else { by_key };
            if twin == Twin::None {
                keys.extend(job.key.as_deref().map(|key| (key, at)));
                unique.extend(job.unique.as_deref().map(|fingerprint| (fingerprint, at)));
            }
            twins.push(twin);
        }
        twins
    }

    pub(super) fn enter(&mut self, id: JobId, labels: &Labels) {
        self.keys.extend(labels.key.clone().map(|key| (key, id)));
        self.unique.extend(labels.unique.clone().map(|fingerprint| (fingerprint, id)));
    }

    /// Lets go of the fingerprint of a job that has ended.
    pub(super) fn end(&mut self, id: JobId, labels: &Labels) {
        remove(&mut self.unique, labels.unique.as_deref(), id);
    }

    /// Lets go of all names of a job that is removed.
    pub(super) fn leave(&mut self, id: JobId, labels: &Labels) {
        self.end(id, labels);
        remove(&mut self.keys, labels.key.as_deref(), id);
    }

    /// The job that holds the fingerprint of `labels`.
    pub(super) fn holder(&self, labels: &Labels) -> Option<JobId> {
        self.unique.get(labels.unique.as_deref()?).copied()
    }
}

fn find(name: Option<&Arc<str>>, kept: &HashMap<Arc<str>, JobId>, earlier: &HashMap<&str, usize>) -> Twin {
    let Some(name) = name else { return Twin::None };
    match (kept.get(name), earlier.get(&**name)) {
        (Some(id), _) => Twin::Kept(*id),
        (None, Some(at)) => Twin::Earlier(*at),
        (None, None) => Twin::None,
    }
}

/// Removes a name if it is this job's: by then it may be another's.
fn remove(names: &mut HashMap<Arc<str>, JobId>, name: Option<&str>, id: JobId) {
    if let Some(name) = name
        && names.get(name) == Some(&id)
    {
        names.remove(name);
    }
}
