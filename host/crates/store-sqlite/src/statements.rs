//! The statements that every job needs, prepared once: finding a statement among a hundred by its text would cost half
//! as much as executing it.

use rusqlite::{Connection, Statement, ToSql};

/// A statement that every job needs.
#[derive(Debug, Clone, Copy)]
pub(super) enum HotStatement {
    /// The job's row: 17 columns.
    PutJob,
    /// The job's id: task, id, number.
    PutId,
    /// The job's entry in the status index: task, status, number.
    PutByStatus,
    /// Removes that entry: task, status, number.
    RemoveByStatus,
    RemoveJob,
    RemoveId,
}

const ALL: [&str; 6] = [
    "INSERT OR REPLACE INTO jobs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    "INSERT INTO ids VALUES (?1, ?2, ?3)",
    "INSERT OR IGNORE INTO jobs_by_status VALUES (?1, ?2, ?3)",
    "DELETE FROM jobs_by_status WHERE task = ?1 AND status = ?2 AND number = ?3",
    "DELETE FROM jobs WHERE job = ?1",
    "DELETE FROM ids WHERE task = ?1 AND id = ?2",
];

/// Executes prepared statements.
pub(super) trait HotStatements {
    fn execute(&mut self, statement: HotStatement, values: &[&dyn ToSql]) -> rusqlite::Result<()>;
}

pub(super) struct Statements<'c>([Statement<'c>; 6]);

impl<'c> Statements<'c> {
    pub(super) fn prepare(db: &'c Connection) -> rusqlite::Result<Self> {
        let [job, id, stage, remove_by_status, remove_job, remove_id] = ALL.map(|sql| db.prepare(sql));
        Ok(Self([job?, id?, stage?, remove_by_status?, remove_job?, remove_id?]))
    }
}

impl HotStatements for Statements<'_> {
    fn execute(&mut self, statement: HotStatement, values: &[&dyn ToSql]) -> rusqlite::Result<()> {
        self.0[statement as usize].execute(values).map(drop)
    }
}
