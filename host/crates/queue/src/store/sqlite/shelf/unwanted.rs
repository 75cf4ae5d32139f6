//! Settling notices that no handler is called for any more.

use rusqlite::{ToSql, params};
use saggar_job::{Status, Timestamp};

use super::super::number::{moment, to_i64};
use super::Desk;
use super::telling::{Entry, entry};
use crate::{Lane, NoticeNumber, NoticePosition, Rules, SettledUnwanted};

const FRESH: &str = "SELECT notice, number, lane, tries, put_off_to FROM notices \
     WHERE task = ?1 AND lane = ?2 AND notice > ?3 AND put_off_to IS NULL ORDER BY notice LIMIT ?4";
const PUT_OFF: &str = "SELECT notice, number, lane, tries, put_off_to FROM notices \
     WHERE task = ?1 AND lane = ?2 AND put_off_to IS NOT NULL AND (put_off_to, notice) > (?3, ?4) \
     ORDER BY put_off_to, notice LIMIT ?5";

impl Desk<'_> {
    pub(in super::super) fn settle_unwanted(
        &mut self,
        lane: Lane,
        after: NoticePosition,
        most: usize,
        rules: &Rules,
        now: Timestamp,
    ) -> rusqlite::Result<SettledUnwanted> {
        self.ledger.must_last();
        let (found, next) = self.notices_after(lane, after, most)?;
        let (mut added, mut ended) = (0, 0);
        for entry in found {
            if self.shelf.taken.contains(&entry.notice) || self.is_wanted(&entry, rules)? {
                continue;
            }
            self.finish_notice(&entry, None, now)?;
            match lane {
                Lane::Adds => added += 1,
                Lane::Ends => ended += 1,
            }
        }
        Ok(SettledUnwanted { added, ended, next })
    }

    /// The first `most` notices after `after`, and the position of the last one if there may be more.
    fn notices_after(
        &self,
        lane: Lane,
        after: NoticePosition,
        most: usize,
    ) -> rusqlite::Result<(Vec<Entry>, Option<NoticePosition>)> {
        let (task, lane) = (self.shelf.task.0, lane as i64);
        let position = |entry: &Entry, from| NoticePosition { from, number: NoticeNumber(entry.notice) };
        let (mut found, mut next) = (Vec::new(), None);
        let mut put_off_after = (moment(after.from), to_i64(after.number.0));
        if after.from == Timestamp(0) {
            put_off_after = (i64::MIN, i64::MIN);
            found = self
                .entries(FRESH, params![task, lane, to_i64(after.number.0), i64::try_from(most).unwrap_or(i64::MAX)])?;
            next = found.last().map(|entry| position(entry, Timestamp(0)));
        }
        if found.len() < most {
            let (from, notice) = put_off_after;
            let put_off = self.entries(
                PUT_OFF,
                params![task, lane, from, notice, i64::try_from(most - found.len()).unwrap_or(i64::MAX)],
            )?;
            // 0 is for those that were never put off.
            next = put_off.last().map(|entry| position(entry, entry.from.max(Timestamp(1)))).or(next);
            found.extend(put_off);
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
