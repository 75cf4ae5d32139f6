//! Errors of a store in a SQLite file, worded so that an operator knows what to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::probe::Probe;
use saggar_store::StoreError;

/// Why a SQLite store cannot be opened or copied, or refuses a step.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SqliteError {
    /// The SQLite library is older than the first release without a known way to damage a database in WAL mode.
    #[error(
        "SQLite {found} is too old for this store, which needs {needed} or newer; build the host with the bundled one"
    )]
    OldLibrary {
        /// The version that the program was linked with.
        found: String,
        /// The oldest supported version.
        needed: &'static str,
    },
    /// Another host has the file open.
    #[error("{} is in use by another host ({holder}); stop that one, or give this one a store of its own", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
        /// The other host, as its lock file describes it.
        holder: String,
    },
    /// The path cannot be used: the directory does not exist, permission is denied, or the like.
    #[error("the store {} cannot be opened; check that its directory exists and that this user may write to it", path.display())]
    Path {
        /// The database or a file beside it.
        path: PathBuf,
        /// The operating system's error.
        source: Arc<std::io::Error>,
    },
    /// A file with the name of one of the store's files is not a regular file of its own: a link, a directory, a pipe.
    #[error("{} cannot be a file of the job store", path.display())]
    UnsafeFile {
        /// The database or a file beside it.
        path: PathBuf,
        /// What it is, and what to do.
        source: Arc<std::io::Error>,
    },
    /// The path is a directory.
    #[error("{} is a directory; name a file for the store", path.display())]
    Directory {
        /// The path.
        path: PathBuf,
    },
    /// The file is not a SQLite database.
    #[error("{} is not a SQLite database; move it away, or name another file", path.display())]
    NoDatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of another program.
    #[error("{} is a SQLite database of another program (application id {found}); name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The application id in its header.
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
    #[error("{} is damaged ({what}); restore a backup, or move it away together with its -wal file to start with an empty store", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first damage that the check found.
        what: String,
    },
    /// The file could not be opened, configured or migrated.
    #[error("the store {} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        source: Arc<rusqlite::Error>,
    },
    /// The disk is full. The step was rolled back; the store continues when there is room again.
    #[error("the disk with the job store is full; nothing was changed; make room and try again")]
    Full {
        /// SQLite's error.
        source: Arc<rusqlite::Error>,
    },
    /// Another program, such as a SQLite shell with an open transaction, keeps the file locked. Nothing was changed;
    /// the store continues when the lock is released.
    #[error("another program keeps the job store locked; nothing was changed; end its transaction and try again")]
    Busy {
        /// SQLite's error.
        source: Arc<rusqlite::Error>,
    },
    /// A step's values cannot be stored, for example a text of a gigabyte. Nothing was changed.
    #[error("this cannot be stored in the job store")]
    Refused {
        /// SQLite's error.
        source: Arc<rusqlite::Error>,
    },
    /// A write failed, so the content of the disk is unknown. The store refuses every step until the host is restarted.
    #[error("the job store has failed and refuses every request ({why}); check its disk and restart the host")]
    Failed {
        /// The first failure.
        why: Arc<str>,
    },
    /// A lookup failed.
    #[error("the job store could not be read")]
    Read {
        /// SQLite's error.
        source: Arc<rusqlite::Error>,
    },
    /// A lookup panicked, which is a bug in the host.
    #[error("a lookup in the job store panicked; see the host's log")]
    Panicked,
    /// The store was closed.
    #[error("the job store is closed")]
    Closed,
    /// The copy could not be made.
    #[error("the store could not be copied to {}; name a new file, on a disk with room", path.display())]
    Backup {
        /// The path of the copy.
        path: PathBuf,
        /// SQLite's error.
        source: Arc<rusqlite::Error>,
    },
    /// The path of the copy is taken.
    #[error("{} already exists; name a new file", path.display())]
    BackupExists {
        /// The path of the copy.
        path: PathBuf,
    },
}

impl SqliteError {
    /// Converts an error on opening a file of the store, or a refusal to open it.
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

/// The meaning of a SQLite error for the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// The disk is full: roll back, report, continue.
    Full,
    /// Another connection has the lock, so the transaction did not begin: report, continue.
    Busy,
    /// The step asked for something impossible: roll back, report, continue.
    Refused,
    /// The content of the disk is unknown.
    Fatal,
}

pub(super) fn severity(error: &rusqlite::Error) -> Severity {
    use rusqlite::ErrorCode::{DatabaseBusy, DiskFull, FileLockingProtocolFailed, OutOfMemory, TooBig};
    // The WAL's index cannot grow; the commit that needed it was not made.
    if error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
        return Severity::Full;
    }
    match error.sqlite_error_code() {
        Some(DiskFull) => Severity::Full,
        // The second code: another program has held the lock under which the WAL's index is built for seconds.
        Some(DatabaseBusy | FileLockingProtocolFailed) => Severity::Busy,
        Some(TooBig | OutOfMemory) => Severity::Refused,
        _ => Severity::Fatal,
    }
}

/// Like [`severity`], but uses `probe` to distinguish an exhausted quota from a broken disk.
pub(super) fn severity_beside(error: &rusqlite::Error, probe: &Probe) -> Severity {
    let is_write = |error: &rusqlite::ffi::Error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_WRITE;
    if error.sqlite_error().is_some_and(is_write) && probe.finds_no_room() {
        return Severity::Full;
    }
    severity(error)
}
