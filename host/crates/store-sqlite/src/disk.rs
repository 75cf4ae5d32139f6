//! The WAL file as the store uses it beside SQLite: the only file that both write. Tests replace it with a simulated
//! disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// The WAL file.
pub(super) trait Disk: Send + Sync {
    /// Returns the file as the kernel shows it.
    fn file(&self) -> &File;

    /// Returns when all earlier writes are on the disk.
    fn sync(&self) -> io::Result<()> {
        self.file().sync_data()
    }

    /// Writes all of `bytes` at the offset `at`.
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        FileExt::write_all_at(self.file(), bytes, at)
    }

    /// Changes the file's length.
    fn set_len(&self, length: u64) -> io::Result<()> {
        File::set_len(self.file(), length)
    }
}

impl Disk for File {
    fn file(&self) -> &File {
        self
    }
}

/// A database and the VFS of its files.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) path: PathBuf,
    /// The name of SQLite's VFS; `None` for the operating system's.
    pub(super) vfs: Option<&'static str>,
}

impl Database {
    /// Returns a database on the operating system's files.
    pub(super) fn on_files(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), vfs: None }
    }
}

/// The storage that a store is opened on.
pub(super) struct Medium<D> {
    pub(super) vfs: Option<&'static str>,
    /// Creates the WAL's disk from its file.
    pub(super) disk: D,
}

impl<D: FnOnce(File) -> Arc<dyn Disk>> Medium<D> {
    /// Returns the operating system's files, with the WAL on the result of `disk`.
    pub(super) fn with_disk(disk: D) -> Self {
        Self { vfs: None, disk }
    }
}
