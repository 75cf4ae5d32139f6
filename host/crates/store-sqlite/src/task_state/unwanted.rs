//! Settles callbacks whose handlers have been removed.

use rusqlite::{ToSql, params};
use saggar_job::{Status, Timestamp};

use super::super::number::{millis, to_i64};
use super::TaskTx;
use super::delivery::{Entry, entry};
use saggar_store::{CallbackNumber, CallbackPosition, Lane, Rules, SettledUnwanted};

const FRESH: &str = "SELECT callback, number, lane, tries, postponed_to FROM callbacks \
     WHERE task = ?1 AND lane = ?2 AND callback > ?3 AND postponed_to IS NULL ORDER BY callback LIMIT ?4";
const POSTPONED: &str = "SELECT callback, number, lane, tries, postponed_to FROM callbacks \
     WHERE task = ?1 AND lane = ?2 AND postponed_to IS NOT NULL AND (postponed_to, callback) > (?3, ?4) \
     ORDER BY postponed_to, callback LIMIT ?5";

impl TaskTx<'_> {
    pub(in super::super) fn settle_unwanted(
        &mut self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
        rules: &Rules,
        now: Timestamp,
    ) -> rusqlite::Result<SettledUnwanted> {
        self.batch_context.must_sync();
        let (found, next) = self.callbacks_after(lane, after, most)?;
        let (mut added, mut ended) = (0, 0);
        for entry in found {
            if self.state.taken.contains(&entry.callback) || self.is_wanted(&entry, rules)? {
                continue;
            }
            self.finish_callback(&entry, None, now)?;
            match lane {
                Lane::Adds => added += 1,
                Lane::Ends => ended += 1,
            }
        }
        Ok(SettledUnwanted { added, ended, next })
    }

    /// Returns the first `most` callbacks after `after`, and the position of the last one if more may follow.
    fn callbacks_after(
        &self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
    ) -> rusqlite::Result<(Vec<Entry>, Option<CallbackPosition>)> {
        let (task, lane) = (self.state.task.0, lane as i64);
        let position = |entry: &Entry, from| CallbackPosition { from, number: CallbackNumber(entry.callback) };
        let (mut found, mut next) = (Vec::new(), None);
        let mut postponed_after = (millis(after.from), to_i64(after.number.0));
        if after.from == Timestamp(0) {
            postponed_after = (i64::MIN, i64::MIN);
            found = self
                .entries(FRESH, params![task, lane, to_i64(after.number.0), i64::try_from(most).unwrap_or(i64::MAX)])?;
            next = found.last().map(|entry| position(entry, Timestamp(0)));
        }
        if found.len() < most {
            let (from, callback) = postponed_after;
            let postponed = self.entries(
                POSTPONED,
                params![task, lane, from, callback, i64::try_from(most - found.len()).unwrap_or(i64::MAX)],
            )?;
            // 0 is the position of callbacks that were never postponed.
            next = postponed.last().map(|entry| position(entry, entry.from.max(Timestamp(1)))).or(next);
            found.extend(postponed);
        }
        let is_last = found.len() < most;
        Ok((found, if is_last { None } else { next }))
    }

    fn entries(&self, sql: &str, of: &[&dyn ToSql]) -> rusqlite::Result<Vec<Entry>> {
        self.db.prepare_cached(sql)?.query_map(of, entry)?.collect()
    }

    fn is_wanted(&self, entry: &Entry, rules: &Rules) -> rusqlite::Result<bool> {
        if entry.lane == Lane::Adds {
            return Ok(rules.add_handler);
        }
        let status = self.job_of(entry)?.map(|record| record.life.state.status());
        Ok(if status == Some(Status::Success) { rules.success_handler } else { rules.error_handler })
    }
}
