//! The preparation of the file when a store is opened, before it is used.

use std::fs::File;
use std::sync::Arc;

use rusqlite::Connection;

use super::disk::{Database, Disk};
use super::error::SqliteError;
use super::open::beside;
use super::{SqliteOptions, connect, open, rewrite, schema};

/// Opens the file for the writer, checks it and migrates it; returns the WAL as well.
pub(super) fn prepare(
    database: &Database,
    options: &SqliteOptions,
    disk: impl FnOnce(File) -> Arc<dyn Disk>,
) -> Result<(Connection, Arc<dyn Disk>), SqliteError> {
    let path = &database.path;
    let db = connect::for_writing(database, true)?;
    let version = schema::version_of(&db, path)?;
    let wal = beside(path, "-wal");
    let wal = disk(open::open_existing(&wal).map_err(|source| SqliteError::of_path(&wal, source))?);
    rewrite::make_durable(&db, path, &*wal)?;
    if version > 0 && !connect::quick_check(&db, path)? {
        tracing::warn!(path = %path.display(), "the job store is large; only a part of it was checked for damage");
    }
    schema::migrate(&db, path)?;
    let set = || {
        // Commits do not wait for the disk; `sync` does that for them.
        db.pragma_update(None, "synchronous", "NORMAL")?;
        if let Some(bytes) = options.most_bytes {
            let page_size: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page_size;
            db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        Ok(())
    };
    set().map_err(|source| connect::not_opened(path, source))?;
    // Makes the name of a newly created file durable.
    if let Some(directory) = path.parent() {
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|source| SqliteError::of_path(directory, source))?;
    }
    Ok((db, wal))
}
