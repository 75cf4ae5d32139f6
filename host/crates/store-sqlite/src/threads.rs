//! The threads of a store: beginning them, and waiting for their ends.

use std::path::Path;
use std::thread::JoinHandle;

use super::error::SqliteError;

pub(super) fn spawn(
    path: &Path,
    name: &str,
    life: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, SqliteError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(life);
    thread.map_err(|source| SqliteError::of_path(path, source))
}

pub(super) fn is_this(thread: &JoinHandle<()>) -> bool {
    thread.thread().id() == std::thread::current().id()
}

/// Waits for the end of threads, save for this one: an answer that a thread of the store sends may have held the last handle.
pub(super) fn join(threads: impl Iterator<Item = JoinHandle<()>>) {
    for thread in threads.filter(|thread| !is_this(thread)) {
        if thread.join().is_err() {
            tracing::error!("a thread of the job store had panicked");
        }
    }
}
