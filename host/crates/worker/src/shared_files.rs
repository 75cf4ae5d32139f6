//! What the workers of a process share for the files of guests.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use saggar_files::Files;
use saggar_tenant::FairSemaphore;

/// How many operations on files run at the same time. Each needs a thread; a disk is not faster with more.
const AT_ONCE: usize = 32;

/// What an operation is charged until it has ended.
const ESTIMATE: Duration = Duration::from_micros(100);

/// What the workers of a process share for the files of guests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SharedFiles {
    pub(crate) files: Arc<Files>,
    /// Shares operations by weight between tenants, so that the slow disk of one does not hold up the others.
    pub(crate) limit: FairSemaphore,
}

impl SharedFiles {
    /// Uses `scratch` for scratch directories, and removes what processes that died have left there. Without it, there are
    /// no scratch directories. Blocks.
    pub fn new(scratch: Option<PathBuf>) -> Self {
        Self { files: Arc::new(Files::new(scratch)), limit: FairSemaphore::by_time(AT_ONCE, ESTIMATE) }
    }
}
