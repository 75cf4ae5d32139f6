//! Backups: copies of the whole store as of one point in time, made while the host runs.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::disk::Database;
use super::error::SqliteError;
use super::open::beside;
use super::{SqliteStore, connect, open};

impl SqliteStore {
    /// Copies the store in the file `from` like [`backup`](Self::backup), even while another process has it open.
    /// Blocks until it is done.
    ///
    /// # Errors
    ///
    /// As [`backup`](Self::backup), or if there is no store at `from`.
    pub fn copy(from: &Path, to: &Path) -> Result<(), SqliteError> {
        connect::check_library()?;
        copy(&Database::on_files(connect::resolve(from)?), to)
    }
}

/// Copies the database `from` to the file `to`, which must not exist.
///
/// `VACUUM INTO` reads one snapshot, so commits continue meanwhile (the WAL cannot be reset until it is done), and
/// compacts its output. SQLite's backup API restarts after each commit, which under load means always.
pub(super) fn copy(from: &Database, to: &Path) -> Result<(), SqliteError> {
    if exists(to) {
        return Err(SqliteError::BackupExists { path: to.to_owned() });
    }
    // The final name only ever holds a complete copy.
    let part = beside(to, ".part");
    let made = make(from, to, &part);
    if made.is_err() {
        // The file may not have been created at all.
        let _ = std::fs::remove_file(&part);
    }
    made
}

/// Returns whether the name is taken, including by a dangling link.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn make(from: &Database, to: &Path, part: &Path) -> Result<(), SqliteError> {
    let broken = |source: std::io::Error| SqliteError::Path { path: to.to_owned(), source: Arc::new(source) };
    let db = connect::for_reading(from)?;
    // SQLite would follow a link, and create a file that other users can read. It accepts an existing empty file.
    let copy = open::replace(part).map_err(broken)?;
    let name = part.to_str().ok_or_else(|| broken(std::io::ErrorKind::InvalidFilename.into()))?;
    db.execute("VACUUM INTO ?1", [name])
        .map_err(|source| SqliteError::Backup { path: to.to_owned(), source: Arc::new(source) })?;
    copy.sync_all().map_err(broken)?;
    publish(part, to).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => SqliteError::BackupExists { path: to.to_owned() },
        _ => broken(error),
    })?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent).and_then(|directory| directory.sync_all()).map_err(broken)
}

/// Gives the copy its name, unless another program has created a file of that name meanwhile: a link is refused then,
/// whereas a rename would replace the file.
fn publish(part: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::hard_link(part, to) {
        Ok(()) => std::fs::remove_file(part),
        Err(error) if error.kind() == ErrorKind::AlreadyExists || exists(to) => Err(ErrorKind::AlreadyExists.into()),
        // Not every file system has hard links.
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            std::fs::rename(part, to)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_created_meanwhile_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (part, to) = (directory.path().join("copy.db.part"), directory.path().join("copy.db"));
        std::fs::write(&part, "a copy").unwrap();
        publish(&part, &to).unwrap();
        assert!(!part.exists());
        std::fs::write(&part, "another copy").unwrap();
        assert_eq!(publish(&part, &to).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "a copy");
    }
}
