//! Checks whether the files at the store's paths are still the ones that it has open. A program that deletes or
//! replaces one of them does not disturb the host, which would continue to write to a file that has no name any more.

use std::fs::Metadata;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::SqliteError;
use super::failure::Failure;
use super::open::beside;

/// The inode of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// The database and its WAL as they were opened. Their inodes never change while a store is open.
#[derive(Debug)]
pub(super) struct StoreFiles([(PathBuf, FileId); 2]);

impl StoreFiles {
    /// Records the files of `database`, which SQLite has opened.
    pub(super) fn of(database: &Path) -> Result<Self> {
        let with_id = |path: PathBuf| Ok::<_, Error>((path.clone(), FileId::of(&path.symlink_metadata()?)));
        Ok(Self([with_id(database.to_owned())?, with_id(beside(database, "-wal"))?]))
    }

    /// Fails the store if one of them was deleted or replaced: all later writes, and those since it happened, are lost
    /// when the host stops.
    pub(super) fn check(&self, failure: &Failure) -> std::result::Result<(), SqliteError> {
        for (path, id) in &self.0 {
            let what = match path.symlink_metadata() {
                Ok(metadata) if FileId::of(&metadata) == *id => continue,
                Ok(_) => "replaced by another file",
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    "deleted or moved"
                }
                // The error says nothing about the file.
                Err(_) => continue,
            };
            let error = Error::other(format!("{} was {what}", path.display()));
            return Err(
                failure.fail("a file of the job store was deleted or replaced while the host was using it", &error)
            );
        }
        Ok(())
    }
}
