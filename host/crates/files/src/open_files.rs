//! How many files guests have open. The operating system limits the open files of the process, which its sockets and
//! store need, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Resource, getrlimit};

use crate::error::FileError;

/// The part of the process's open files that guests may have.
const SHARE: u64 = 4;

/// The limit where the operating system has none, and the greatest that is used.
const MOST: u64 = 1 << 16;

/// The open files of all guests of a process.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    open: Arc<AtomicUsize>,
    most: usize,
}

/// The open files of one tenant's guests.
#[derive(Debug, Clone, Default)]
pub struct TenantFiles(Arc<AtomicUsize>);

/// The right to have one file open, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenPermit {
    all: Arc<AtomicUsize>,
    own: Arc<AtomicUsize>,
}

impl OpenFiles {
    /// Uses a share of what the process may have open.
    pub(crate) fn of_process() -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(MOST).min(MOST);
        Self::new(usize::try_from(limit / SHARE).unwrap_or(usize::MAX))
    }

    fn new(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    /// Takes the right to open one more file. A tenant gets no more than what is still free for others, so it leaves
    /// room for those that have fewer.
    pub(crate) fn acquire(&self, tenant: &TenantFiles) -> Result<OpenPermit, FileError> {
        let all = self.open.fetch_add(1, Ordering::Relaxed);
        let own = tenant.0.fetch_add(1, Ordering::Relaxed);
        let permit = OpenPermit { all: Arc::clone(&self.open), own: Arc::clone(&tenant.0) };
        if own < self.most.saturating_sub(all) { Ok(permit) } else { Err(FileError::TooManyOpen) }
    }
}

impl Drop for OpenPermit {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
        self.own.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_leaves_files_for_others() {
        let (files, greedy, modest) = (OpenFiles::new(8), TenantFiles::default(), TenantFiles::default());
        let held: Vec<_> = std::iter::from_fn(|| files.acquire(&greedy).ok()).collect();
        assert_eq!(held.len(), 4, "half of them");
        let other: Vec<_> = std::iter::from_fn(|| files.acquire(&modest).ok()).collect();
        assert_eq!(other.len(), 2, "half of the rest");
        drop(held);
        assert!(files.acquire(&modest).is_ok());
        drop(other);
        assert_eq!(files.open.load(Ordering::Relaxed), 0);
    }
}
