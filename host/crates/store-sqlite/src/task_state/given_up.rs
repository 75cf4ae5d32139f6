//! Callbacks that were given up: they are stored with their job until they are redelivered or the job is removed.

use rusqlite::{Connection, params};
use saggar_job::Problem;

use super::super::number::{from_millis, to_i64};
use super::super::record::{GIVEN_UP, Record};
use super::delivery::Entry;
use super::{Stepped, TaskTx};
use saggar_store::step::{self, PendingCallbacks};
use saggar_store::{ChangeError, Hint, JobCallback, Lane, NextDue, Rules};

/// The lane of callbacks that were given up.
const GIVEN_UP_LANE: i64 = 2;

impl TaskTx<'_> {
    /// Moves a callback from its lane to those that were given up. The caller writes the record.
    pub(super) fn give_up(&mut self, entry: &Entry, record: &mut Record, problem: &Problem) -> rusqlite::Result<()> {
        self.remove_pending(entry);
        self.state.counts.given_up += 1;
        record.flags |= GIVEN_UP;
        let sql = "UPDATE callbacks SET lane = ?4, tries = ?5, postponed_to = NULL, code = ?6, message = ?7 \
             WHERE task = ?1 AND lane = ?2 AND callback = ?3";
        self.db.prepare_cached(sql)?.execute(params![
            self.state.task.0,
            entry.lane as i64,
            to_i64(entry.callback),
            GIVEN_UP_LANE,
            entry.tries.saturating_add(1),
            problem.code,
            problem.message,
        ])?;
        Ok(())
    }

    /// Removes the given-up callbacks of a job. The caller writes the record or removes it.
    pub(super) fn forget_given_up(&mut self, record: &mut Record) -> rusqlite::Result<()> {
        for lane in Lane::ALL {
            self.remove_given_up(record, lane)?;
        }
        record.flags &= !GIVEN_UP;
        Ok(())
    }

    /// Removes the given-up callbacks of a job that came from `lane`; returns whether there were any.
    fn remove_given_up(&mut self, record: &Record, lane: Lane) -> rusqlite::Result<bool> {
        if record.flags & GIVEN_UP == 0 {
            return Ok(false);
        }
        let sql = "DELETE FROM callbacks WHERE task = ?1 AND number = ?2 AND +lane = ?3 AND about = ?4";
        let (task, number) = (self.state.task.0, to_i64(record.job.number()));
        let gone = self.db.prepare_cached(sql)?.execute(params![task, number, GIVEN_UP_LANE, lane as i64])?;
        self.state.counts.given_up -= gone;
        self.state.dirty = true;
        Ok(gone > 0)
    }

    pub(super) fn redeliver(&mut self, mut record: Record, rules: &Rules) -> Stepped<(), ChangeError> {
        let id = record.id;
        let is_pending = self.is_pending(&record)?;
        let lanes: Vec<Lane> = callbacks(self.db, &record)?.iter().map(|callback| callback.lane).collect();
        let redelivery = match step::redeliver(id, &record.life, is_pending, |lane| lanes.contains(&lane), rules) {
            Ok(redelivery) => redelivery,
            Err(error) => return Ok(Err(error)),
        };
        for entry in self.callbacks_of(&record)? {
            self.forget(&entry)?;
        }
        for lane in Lane::ALL.into_iter().filter(|lane| redelivery.has(*lane)) {
            self.remove_given_up(&record, lane)?;
        }
        let (pending, lane) = redelivery.pending();
        self.set_pending(&mut record, pending, Some(lane))?;
        self.put(&mut record, false)?;
        Lane::ALL.into_iter().for_each(|lane| self.notify(Hint::Callback(lane, NextDue::Now)));
        Ok(Ok(()))
    }
}

/// Returns the callbacks of a job that are pending or were given up.
pub(in super::super) fn callbacks(db: &Connection, record: &Record) -> rusqlite::Result<Vec<JobCallback>> {
    if record.pending == PendingCallbacks::None && record.flags & GIVEN_UP == 0 {
        return Ok(Vec::new());
    }
    let sql = "SELECT lane, about, tries, postponed_to, code, message FROM callbacks WHERE task = ?1 AND number = ?2 \
         ORDER BY about, callback";
    let mut statement = db.prepare_cached(sql)?;
    let (task, number) = (record.job.task().0, to_i64(record.job.number()));
    let callbacks = statement.query_map(params![task, number], |row| {
        let code: Option<String> = row.get(4)?;
        let message: Option<String> = row.get(5)?;
        Ok(JobCallback {
            lane: if row.get::<_, i64>(1)? == Lane::Adds as i64 { Lane::Adds } else { Lane::Ends },
            tries: row.get(2)?,
            next_try_at: row.get::<_, Option<i64>>(3)?.map(from_millis),
            given_up: row.get::<_, i64>(0)? == GIVEN_UP_LANE,
            problem: code.map(|code| Problem::new(code, message.unwrap_or_default())),
        })
    })?;
    let mut callbacks = callbacks.collect::<rusqlite::Result<Vec<_>>>()?;
    if record.pending == PendingCallbacks::AddThenEnd {
        callbacks.push(JobCallback::fresh(Lane::Ends));
    }
    Ok(callbacks)
}
