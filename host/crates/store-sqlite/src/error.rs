//! What can go wrong with a store in a SQLite file, said so that whoever runs the host knows what to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::probe::Probe;
use saggar_store::StoreError;

/// Why a SQLite store cannot be opened or copied, or does not do what it was asked to.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SqliteError {
    /// The library is older than the first one without a known way to damage a database in WAL mode.
    #[error(
        "SQLite {found} is too old for this store, which needs {needed} or newer; build the host with the bundled one"
    )]
    OldLibrary {
        /// What the program was linked with.
        found: String,
        /// The oldest that will do.
        needed: &'static str,
    },
    /// Another host works on the file.
    #[error("{} is in use by another host ({holder}); stop that one, or give this one a store of its own", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
        /// Who it is, as the lock file says.
        holder: String,
    },
    /// The path cannot be used: no such directory, no permission, no regular file.
    #[error("the store {} cannot be opened; check that its directory is there and that this user may write to it", path.display())]
    Path {
        /// The database or what belongs to it.
        path: PathBuf,
        /// What the operating system says.
        source: Arc<std::io::Error>,
    },
    /// What has the name of a file of the store is not such a file: a link, a directory, a pipe.
    #[error("{} cannot be a file of the job store", path.display())]
    UnsafeFile {
        /// The database or what belongs to it.
        path: PathBuf,
        /// What it is, and what to do.
        source: Arc<std::io::Error>,
    },
    /// The path is a directory.
    #[error("{} is a directory; name the file that the store is to be in", path.display())]
    Directory {
        /// The path.
        path: PathBuf,
    },
    /// The file is no SQLite database.
    #[error("{} is no SQLite database; move it away, or name another file", path.display())]
    NoDatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of another program.
    #[error("{} is a SQLite database of another program (application id {found}); name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The application id in its head.
        found: i32,
    },
    /// The file was written by a newer host.
    #[error("{} was written by a newer host (schema {found}; this one knows {known}); run that one, or restore a backup", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its schema.
        found: i64,
        /// The newest version that this host knows.
        known: i64,
    },
    /// The file is damaged.
    #[error("{} is damaged ({what}); restore a backup, or move it away together with its -wal file to begin anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first thing that the check found.
        what: String,
    },
    /// The file could not be opened, set up or brought up to date.
    #[error("the store {} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// There is no room on the disk. Nothing was done; the store goes on when there is room again.
    #[error("the disk with the job store is full; nothing was changed; make room and try again")]
    Full {
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// Another program, such as a SQLite shell with a transaction that it does not end, keeps the file locked. Nothing was done;
    /// the store goes on when it lets go.
    #[error("another program keeps the job store locked; nothing was changed; end its transaction and try again")]
    Busy {
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// A step was given something that cannot be kept, such as a text of a gigabyte. Nothing was done.
    #[error("this cannot be kept in the job store")]
    Refused {
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// A write failed, so that nobody knows what is on the disk. The store does nothing more until the host starts again.
    #[error("the job store has failed and does nothing more ({why}); see to its disk and start the host again")]
    Failed {
        /// What failed first.
        why: Arc<str>,
    },
    /// A lookup failed.
    #[error("the job store could not be read")]
    Read {
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// A lookup panicked, which is a mistake of the host's own.
    #[error("a look into the job store panicked; the host's log has its message")]
    Panicked,
    /// The store was closed.
    #[error("the job store is closed")]
    Closed,
    /// No copy could be made.
    #[error("the store could not be copied to {}; name a file that is not there yet, on a disk with room", path.display())]
    Backup {
        /// Where the copy was to be.
        path: PathBuf,
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// There is a file already where the copy was to be.
    #[error("{} is there already; name a file that is not", path.display())]
    BackupExists {
        /// Where the copy was to be.
        path: PathBuf,
    },
}

impl SqliteError {
    /// A file of the store could not be opened, or must not be.
    pub(super) fn of_path(path: &Path, source: std::io::Error) -> Self {
        let (path, source) = (path.to_owned(), Arc::new(source));
        match source.kind() {
            std::io::ErrorKind::InvalidInput => Self::UnsafeFile { path, source },
            _ => Self::Path { path, source },
        }
    }
}

impl From<SqliteError> for StoreError {
    fn from(error: SqliteError) -> Self {
        match error {
            SqliteError::Full { source } => Self::Full(Box::new(source)),
            SqliteError::Busy { source } => Self::Busy(Box::new(source)),
            SqliteError::Read { source } if severity(&source) == Severity::Busy => Self::Busy(Box::new(source)),
            error => Self::Failed(Box::new(error)),
        }
    }
}

/// What an error of SQLite's means for the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// No room: undo, say so, go on.
    Full,
    /// Somebody else has the lock, so nothing was begun: say so, go on.
    Busy,
    /// The step asked for something impossible: undo, say so, go on.
    Refused,
    /// Nobody knows what is on the disk.
    Fatal,
}

pub(super) fn severity(error: &rusqlite::Error) -> Severity {
    use rusqlite::ErrorCode::{DatabaseBusy, DiskFull, FileLockingProtocolFailed, OutOfMemory, TooBig};
    // The WAL's index has no room to grow; the commit that needed it was not made.
    if error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
        return Severity::Full;
    }
    match error.sqlite_error_code() {
        Some(DiskFull) => Severity::Full,
        // The second one: for seconds another program held the lock under which the WAL's index is made.
        Some(DatabaseBusy | FileLockingProtocolFailed) => Severity::Busy,
        Some(TooBig | OutOfMemory) => Severity::Refused,
        _ => Severity::Fatal,
    }
}

/// As [`severity`], where `probe` can tell a quota that is used up from a broken disk.
pub(super) fn severity_beside(error: &rusqlite::Error, probe: &Probe) -> Severity {
    let is_write = |error: &rusqlite::ffi::Error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_WRITE;
    if error.sqlite_error().is_some_and(is_write) && probe.finds_no_room() {
        return Severity::Full;
    }
    severity(error)
}
