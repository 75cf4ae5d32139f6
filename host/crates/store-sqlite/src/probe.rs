//! Finds out whether there is room on the disk. SQLite reports a full disk only for ENOSPC. A user whose quota is used
//! up gets the same write error as from a broken disk, and SQLite does not return the system's error. So the probe
//! tries to write.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::open;
use super::open::beside;

/// Larger than the space that a file system may have preallocated for the file.
static BLOCK: [u8; 64 * 1024] = [1; 64 * 1024];

/// A file without a name on the database's disk, so that it disappears with the process; `None` if there was no room
/// for it either.
pub(super) struct Probe(Option<File>);

impl Probe {
    pub(super) fn beside(database: &Path) -> std::io::Result<Self> {
        let path = beside(database, ".probe");
        match open::replace(&path) {
            Ok(file) => std::fs::remove_file(&path).map(|()| Self(Some(file))),
            // On a full disk, the database itself decides whether it can be opened.
            Err(error) if is_no_room(error.kind()) => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }

    /// Returns whether nothing can be written because the disk or the quota is full.
    pub(super) fn finds_no_room(&self) -> bool {
        let Some(file) = &self.0 else { return false };
        let written = file.write_all_at(&BLOCK, 0);
        // Not every file can be truncated; such a file takes no space to be freed.
        let _ = file.set_len(0);
        written.is_err_and(|error| is_no_room(error.kind()))
    }
}

/// Returns whether a system error says that there is no room, on the disk or for this user.
pub(super) fn is_no_room(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::super::error::{Severity, severity_beside};
    use super::*;

    #[test]
    fn a_write_error_means_a_full_disk_if_the_probe_cannot_write_either() {
        let of = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        let failed = of(rusqlite::ffi::SQLITE_IOERR_WRITE);
        let full = Probe(Some(File::options().write(true).open("/dev/full").unwrap()));
        assert_eq!(severity_beside(&failed, &full), Severity::Full);
        assert_eq!(severity_beside(&of(rusqlite::ffi::SQLITE_IOERR_FSYNC), &full), Severity::Fatal);
        let directory = tempfile::tempdir().unwrap();
        let probe = Probe::beside(&directory.path().join("a.db")).unwrap();
        assert_eq!(severity_beside(&failed, &probe), Severity::Fatal, "there is room, so the disk is broken");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(is_no_room(ErrorKind::QuotaExceeded) && !is_no_room(ErrorKind::FileTooLarge));
    }
}
