//! The schema and its versions. A file is migrated step by step, each step in a transaction of its own, so that a crash
//! leaves a file of one version or the next. A file of a newer version is refused.

use std::path::Path;

use rusqlite::Connection;

use super::connect::not_opened;
use super::error::SqliteError;

/// `SAGG`, the application id in the file's header, which distinguishes it from other programs' databases.
const APPLICATION_ID: i32 = 0x5341_4747;

/// Each step migrates a file from version n to n + 1. The statements of a released step never change.
const STEPS: [&str; 11] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
    include_str!("schema/9.sql"),
    include_str!("schema/10.sql"),
    include_str!("schema/11.sql"),
];

/// Migrates the file to the newest version; creates the tables of a new one.
pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<(), SqliteError> {
    migrate_to(connection, path, STEPS.len())
}

fn migrate_to(connection: &Connection, path: &Path, version: usize) -> Result<(), SqliteError> {
    let broken = |source| not_opened(path, source);
    let found = version_of(connection, path)?;
    let known = STEPS.len() as i64;
    if found > known {
        return Err(SqliteError::Newer { path: path.to_owned(), found, known });
    }
    for (step, sql) in STEPS.iter().enumerate().take(version).skip(usize::try_from(found).unwrap_or(0)) {
        let transaction = connection.unchecked_transaction().map_err(broken)?;
        transaction.execute_batch(sql).map_err(broken)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(broken)?;
        transaction.pragma_update(None, "user_version", step as i64 + 1).map_err(broken)?;
        transaction.commit().map_err(broken)?;
    }
    Ok(())
}

/// Returns the version of the file's schema, 0 if it is new. Fails for a file of another program.
pub(super) fn version_of(connection: &Connection, path: &Path) -> Result<i64, SqliteError> {
    let read = || {
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((tables, id, version))
    };
    match read().map_err(|source| not_opened(path, source))? {
        (0, 0, 0) => Ok(0),
        (_, APPLICATION_ID, version) => Ok(version),
        (_, found, _) => Err(SqliteError::Foreign { path: path.to_owned(), found }),
    }
}

#[cfg(test)]
mod tests;
