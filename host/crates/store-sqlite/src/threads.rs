//! The threads of a store: starting and joining them.

use std::path::Path;
use std::thread::JoinHandle;

use super::error::SqliteError;

pub(super) fn spawn(
    path: &Path,
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, SqliteError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    thread.map_err(|source| SqliteError::of_path(path, source))
}

pub(super) fn is_this(thread: &JoinHandle<()>) -> bool {
    thread.thread().id() == std::thread::current().id()
}

/// Joins threads, except for the current one: an answer that a thread of the store sends may have had the last handle.
pub(super) fn join(threads: impl Iterator<Item = JoinHandle<()>>) {
    for thread in threads.filter(|thread| !is_this(thread)) {
        if thread.join().is_err() {
            tracing::error!("a thread of the job store had panicked");
        }
    }
}
