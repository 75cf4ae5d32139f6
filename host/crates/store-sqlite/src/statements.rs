//! The statements that every job needs, prepared once: finding one among a hundred by its text would cost half as much as
//! doing it.

use rusqlite::{Connection, Statement, ToSql};

/// What every job needs.
#[derive(Debug, Clone, Copy)]
pub(super) enum HotStatement {
    /// Its row: 17 columns.
    PutJob,
    /// Its id: task, id, number.
    PutId,
    /// Where it stands: task, status, number.
    PutStanding,
    /// The same for one that leaves.
    RemoveStanding,
    RemoveJob,
    RemoveId,
}

const ALL: [&str; 6] = [
    "INSERT OR REPLACE INTO jobs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    "INSERT INTO ids VALUES (?1, ?2, ?3)",
    "INSERT OR IGNORE INTO standings VALUES (?1, ?2, ?3)",
    "DELETE FROM standings WHERE task = ?1 AND status = ?2 AND number = ?3",
    "DELETE FROM jobs WHERE job = ?1",
    "DELETE FROM ids WHERE task = ?1 AND id = ?2",
];

/// Does the usual.
pub(super) trait HotStatements {
    fn usual(&mut self, what: HotStatement, values: &[&dyn ToSql]) -> rusqlite::Result<()>;
}

pub(super) struct Statements<'c>([Statement<'c>; 6]);

impl<'c> Statements<'c> {
    pub(super) fn prepare(db: &'c Connection) -> rusqlite::Result<Self> {
        let [job, id, standing, no_standing, no_job, no_id] = ALL.map(|sql| db.prepare(sql));
        Ok(Self([job?, id?, standing?, no_standing?, no_job?, no_id?]))
    }
}

impl HotStatements for Statements<'_> {
    fn usual(&mut self, what: HotStatement, values: &[&dyn ToSql]) -> rusqlite::Result<()> {
        self.0[what as usize].execute(values).map(drop)
    }
}
