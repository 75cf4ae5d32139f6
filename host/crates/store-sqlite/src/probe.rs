//! Whether there is room on the disk. SQLite says of ENOSPC alone that the disk is full; a user whose quota is used up gets an
//! error of writing like that of a broken disk, and what the system said cannot be asked for. So it is tried.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::open;
use super::open::beside;

/// More than a file system puts into what it has allotted already.
static BLOCK: [u8; 64 * 1024] = [1; 64 * 1024];

/// A file on the database's disk that has no name, so that nothing is left of it; none if there was no room for it either.
pub(super) struct Probe(Option<File>);

impl Probe {
    pub(super) fn beside(database: &Path) -> std::io::Result<Self> {
        let path = beside(database, ".probe");
        match open::replace(&path) {
            Ok(file) => std::fs::remove_file(&path).map(|()| Self(Some(file))),
            // Whether a start needs more room than there is, the database knows better.
            Err(error) if is_no_room(error.kind()) => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }

    /// Whether nothing can be written for want of room.
    pub(super) fn finds_no_room(&self) -> bool {
        let Some(file) = &self.0 else { return false };
        let written = file.write_all_at(&BLOCK, 0);
        // Not every file can be cut; then there is none of ours to be freed.
        let _ = file.set_len(0);
        written.is_err_and(|error| is_no_room(error.kind()))
    }
}

/// Whether an error of the system's says that there is no room, for anybody or for this user.
pub(super) fn is_no_room(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::super::error::{Severity, severity_beside};
    use super::*;

    #[test]
    fn an_error_of_writing_is_a_full_disk_if_nothing_else_can_be_written_either() {
        let of = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        let failed = of(rusqlite::ffi::SQLITE_IOERR_WRITE);
        let full = Probe(Some(File::options().write(true).open("/dev/full").unwrap()));
        assert_eq!(severity_beside(&failed, &full), Severity::Full);
        assert_eq!(severity_beside(&of(rusqlite::ffi::SQLITE_IOERR_FSYNC), &full), Severity::Fatal);
        let directory = tempfile::tempdir().unwrap();
        let probe = Probe::beside(&directory.path().join("a.db")).unwrap();
        assert_eq!(severity_beside(&failed, &probe), Severity::Fatal, "there is room: it is the disk");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(is_no_room(ErrorKind::QuotaExceeded) && !is_no_room(ErrorKind::FileTooLarge));
    }
}
