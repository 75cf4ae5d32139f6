//! The numbers that rows of jobs and attempts have for a component as a deployment ran it. Each deployment that changes code adds
//! some, so those that no row has any more are removed. Because the rows are not indexed by them, that takes a sweep over all rows,
//! a few in each batch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use saggar_store::Cost;

use super::limits::Limits;
use super::number::to_i64;

/// The table of components, and the sweep over it.
#[derive(Debug, Default)]
pub(super) struct Components {
    /// The numbers that were asked for since the start, or since the last sweep began, by digest and deployment.
    numbers: HashMap<(Arc<str>, u64), i64>,
    /// Rows in the table, and how many the last sweep of this process has left.
    rows: usize,
    left: usize,
    sweep: Option<Sweep>,
}

/// A sweep in progress. A row that is written meanwhile asks for its number, and so adds it to those in use.
#[derive(Debug)]
struct Sweep {
    /// The highest number when it began. Later ones wait for the next sweep.
    highest: i64,
    in_use: HashSet<i64>,
    stage: SweepStage,
}

/// What is swept, and the last row that was.
#[derive(Debug, Clone, Copy)]
enum SweepStage {
    Jobs {
        job: i64,
    },
    /// After the jobs, because the record of an attempt can move from the row of its job to one of its own.
    Attempts {
        job: i64,
        run: i64,
    },
    Components {
        component: i64,
    },
}

impl Components {
    pub(super) fn load(db: &Connection) -> rusqlite::Result<Self> {
        let rows: i64 = db.query_row("SELECT count(*) FROM components", [], |row| row.get(0))?;
        Ok(Self { rows: usize::try_from(rows).unwrap_or(0), ..Self::default() })
    }

    /// Returns the number of a component of a deployment, for rows.
    pub(super) fn number(&mut self, db: &Connection, cost: &Cost) -> rusqlite::Result<i64> {
        let key = (Arc::clone(&cost.digest), cost.deployment.unwrap_or(0));
        if let Some(component) = self.numbers.get(&key) {
            return Ok(*component);
        }
        let values = params![&*key.0, to_i64(key.1)];
        let mut find = db.prepare_cached("SELECT component FROM components WHERE digest = ?1 AND deployment = ?2")?;
        let component = match find.query_row(values, |row| row.get(0)).optional()? {
            Some(component) => component,
            None => {
                let sql = "INSERT INTO components (digest, deployment) VALUES (?1, ?2)";
                db.prepare_cached(sql)?.execute(values)?;
                self.rows += 1;
                db.last_insert_rowid()
            }
        };
        if let Some(sweep) = &mut self.sweep {
            sweep.in_use.insert(component);
        }
        self.numbers.insert(key, component);
        Ok(component)
    }

    /// Continues the sweep, or begins one if most rows may be unused. Called at the start of a batch, when every number that was
    /// given before is in a row, or in none.
    pub(super) fn sweep(&mut self, db: &Connection, limits: &Limits) -> rusqlite::Result<()> {
        let mut sweep = match self.sweep.take() {
            Some(sweep) => sweep,
            None if self.rows > 2 * self.left + limits.unused_components => {
                self.numbers.clear();
                Sweep::begin(db)?
            }
            None => return Ok(()),
        };
        let (removed, is_done) = sweep.advance(db, limits.swept_rows)?;
        self.rows = self.rows.saturating_sub(removed);
        if is_done {
            self.left = self.rows;
        } else {
            self.sweep = Some(sweep);
        }
        Ok(())
    }
}

impl Sweep {
    fn begin(db: &Connection) -> rusqlite::Result<Self> {
        let highest = db.query_row("SELECT coalesce(max(component), 0) FROM components", [], |row| row.get(0))?;
        Ok(Self { highest, in_use: HashSet::new(), stage: SweepStage::Jobs { job: i64::MIN } })
    }

    /// Sweeps at most `most` rows. Returns how many components were removed, and whether the sweep is done.
    fn advance(&mut self, db: &Connection, most: usize) -> rusqlite::Result<(usize, bool)> {
        let (mut removed, mut is_done) = (0, false);
        self.stage = match self.stage {
            SweepStage::Jobs { job } => match self.of_jobs(db, job, most)? {
                Some(job) => SweepStage::Jobs { job },
                None => SweepStage::Attempts { job: i64::MIN, run: i64::MIN },
            },
            SweepStage::Attempts { job, run } => match self.of_attempts(db, (job, run), most)? {
                Some((job, run)) => SweepStage::Attempts { job, run },
                None => SweepStage::Components { component: 0 },
            },
            SweepStage::Components { component } => {
                let (count, last) = self.remove_unused(db, component, most)?;
                (removed, is_done) = (count, last.is_none());
                SweepStage::Components { component: last.unwrap_or(self.highest) }
            }
        };
        Ok((removed, is_done))
    }

    /// Notes the numbers in the next rows of jobs; returns the last job, or `None` if no row is left.
    fn of_jobs(&mut self, db: &Connection, after: i64, most: usize) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT job, component FROM jobs WHERE job > ?1 ORDER BY job LIMIT ?2";
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query(params![after, most as i64])?;
        let (mut last, mut count) = (None, 0);
        while let Some(row) = rows.next()? {
            last = Some(row.get(0)?);
            count += 1;
            self.in_use.extend(row.get::<_, Option<i64>>(1)?);
        }
        Ok(last.filter(|_| count == most))
    }

    /// The same for the rows of attempts.
    fn of_attempts(
        &mut self,
        db: &Connection,
        (job, run): (i64, i64),
        most: usize,
    ) -> rusqlite::Result<Option<(i64, i64)>> {
        let sql = "SELECT job, run, component FROM attempts WHERE (job, run) > (?1, ?2) ORDER BY job, run LIMIT ?3";
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query(params![job, run, most as i64])?;
        let (mut last, mut count) = (None, 0);
        while let Some(row) = rows.next()? {
            last = Some((row.get(0)?, row.get(1)?));
            count += 1;
            self.in_use.extend(row.get::<_, Option<i64>>(2)?);
        }
        Ok(last.filter(|_| count == most))
    }

    /// Removes those of the next components that are not in use. Returns how many, and the last of these components, or `None` if
    /// none is left.
    fn remove_unused(&self, db: &Connection, after: i64, most: usize) -> rusqlite::Result<(usize, Option<i64>)> {
        let sql =
            "SELECT component FROM components WHERE component > ?1 AND component <= ?2 ORDER BY component LIMIT ?3";
        let mut statement = db.prepare_cached(sql)?;
        let rows = statement.query_map(params![after, self.highest, most as i64], |row| row.get(0))?;
        let next = rows.collect::<rusqlite::Result<Vec<i64>>>()?;
        let mut delete = db.prepare_cached("DELETE FROM components WHERE component = ?1")?;
        let mut removed = 0;
        for component in next.iter().filter(|component| !self.in_use.contains(*component)) {
            removed += delete.execute([component])?;
        }
        Ok((removed, next.last().copied().filter(|_| next.len() == most)))
    }
}
