//! Connections: how the file is opened, for writing and for reading, and what is checked before it is used.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::disk::Database;
use super::error::{Severity, SqliteError, severity};
use super::open;

/// The first release of SQLite whose checkpoints cannot miss a frame of the WAL after another connection has reset it.
const OLDEST: (i32, &str) = (3_051_003, "3.51.3");

/// How long the check at startup may take. A file of a million jobs takes two thirds of it. A larger file is checked in
/// part, because jobs that ran when a host died have to be back in the queue within a second.
const CHECK_MS: u64 = 500;

/// How long a connection waits for a lock. Only the end of a checkpoint and a first opening ever make it wait, each
/// briefly.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(10);

/// SQLite's page caches in KiB. The kernel caches the pages as well, so these only save copying.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
const READER_CACHE_KIB: i64 = 4 * 1024;

/// Prepared statements that a connection caches: more than this store has.
const STATEMENTS: usize = 128;

/// Lets the connection, if it is the last one, checkpoint the WAL and remove it when it is closed.
pub(super) fn checkpoint_on_close(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
}

pub(super) fn check_library() -> Result<(), SqliteError> {
    let (oldest, needed) = OLDEST;
    if rusqlite::version_number() < oldest {
        return Err(SqliteError::OldLibrary { found: rusqlite::version().to_owned(), needed });
    }
    Ok(())
}

/// Resolves links in the path's directory. The file itself must not be a link: then the WAL would be beside the link or
/// beside the file, depending on the program that opens it.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, SqliteError> {
    if path.is_dir() {
        return Err(SqliteError::Directory { path: path.to_owned() });
    }
    let broken = |source| SqliteError::Path { path: path.to_owned(), source: Arc::new(source) };
    let name = path.file_name().ok_or_else(|| SqliteError::Directory { path: path.to_owned() })?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let path = parent.canonicalize().map_err(broken)?.join(name);
    open::check_database(&path).map_err(|source| SqliteError::of_path(&path, source))?;
    Ok(path)
}

/// Opens a connection for writing. `sync`: each commit waits for the disk.
pub(super) fn for_writing(database: &Database, sync: bool) -> Result<Connection, SqliteError> {
    let path = &database.path;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(database, flags, WRITER_CACHE_KIB)?;
    let set = |connection: &Connection| {
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(rusqlite::Error::InvalidParameterName(format!("journal mode {mode}")));
        }
        // After a failed write or sync, a checkpoint would copy pages into the database that may be missing in the WAL
        // on the disk, and then remove the WAL. `checkpoint_on_close` enables it for a store that has not failed.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // A dedicated thread makes checkpoints, not the connection that commits.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "synchronous", if sync { "FULL" } else { "NORMAL" })
    };
    set(&connection).map_err(|source| not_opened(path, source))?;
    Ok(connection)
}

/// Opens a read-only connection.
pub(super) fn for_reading(database: &Database) -> Result<Connection, SqliteError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    open(database, flags, READER_CACHE_KIB)
}

fn open(Database { path, vfs }: &Database, flags: OpenFlags, cache_kib: i64) -> Result<Connection, SqliteError> {
    let set = |connection: &Connection| {
        connection.busy_timeout(LOCK_WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "cache_size", -cache_kib)
    };
    let opened = match vfs {
        None => Connection::open_with_flags(path, flags),
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, *vfs),
    };
    let connection = opened.map_err(|source| not_opened(path, source))?;
    set(&connection).map_err(|source| not_opened(path, source))?;
    Ok(connection)
}

/// Converts an error on opening the file.
pub(super) fn not_opened(path: &Path, source: rusqlite::Error) -> SqliteError {
    let path = path.to_owned();
    match severity(&source) {
        Severity::Full => return SqliteError::Full { source: Arc::new(source) },
        Severity::Busy => return SqliteError::Busy { source: Arc::new(source) },
        Severity::Refused | Severity::Fatal => {}
    }
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => SqliteError::NoDatabase { path },
        Some(ErrorCode::DatabaseCorrupt) => SqliteError::Damaged { path, what: source.to_string() },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            let source = Arc::new(std::io::Error::new(std::io::ErrorKind::PermissionDenied, source));
            SqliteError::Path { path, source }
        }
        _ => SqliteError::Open { path, source: Arc::new(source) },
    }
}

/// Checks for damage, within the time that a start may take. Returns whether the check was completed.
pub(super) fn quick_check(connection: &Connection, path: &Path) -> Result<bool, SqliteError> {
    let interrupt = connection.get_interrupt_handle();
    let (done, wait) = channel::<()>();
    let found = std::thread::scope(|scope| {
        scope.spawn(move || {
            if wait.recv_timeout(Duration::from_millis(CHECK_MS)) == Err(RecvTimeoutError::Timeout) {
                interrupt.interrupt();
            }
        });
        let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        drop(done);
        found
    });
    match found {
        Ok(text) if text == "ok" => Ok(true),
        Ok(what) => Err(SqliteError::Damaged { path: path.to_owned(), what: what.replace('\n', " ") }),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(false),
        Err(source) => Err(not_opened(path, source)),
    }
}
