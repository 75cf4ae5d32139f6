//! Notices: leaving them, taking them, settling them, and what follows for their jobs.

use rusqlite::{OptionalExtension, Row, params};
use saggar_job::{Problem, State, Timestamp};

use super::super::super::step::{self, PendingCallbacks};
use super::super::ledger::Mark;
use super::super::number::{from_i64, from_moment, moment, to_i64};
use super::super::record::Record;
use super::Desk;
use crate::{CallbackBackoff, ClaimedNotice, ClaimedNotices, Happened, Hint, Lane, Left, NoticeNumber, Telling};

/// A notice as it is in its table, in one of the two lanes.
pub(super) struct Entry {
    pub(super) notice: u64,
    number: u64,
    pub(super) lane: Lane,
    pub(super) tries: u32,
    pub(super) from: Timestamp,
}

impl Entry {
    /// Whether nothing waits for it any more.
    pub(super) fn is_deferred(&self) -> bool {
        is_deferred(self.lane, self.tries)
    }
}

fn is_deferred(lane: Lane, tries: u32) -> bool {
    lane == Lane::Ends && tries >= CallbackBackoff::QUICK_TRIES
}

const FRESH: &str = "SELECT notice, number, lane, tries, put_off_to FROM notices \
     WHERE task = ?1 AND lane = ?2 AND notice > ?3 AND put_off_to IS NULL ORDER BY notice LIMIT 1";
const PUT_OFF: &str = "SELECT notice, number, lane, tries, put_off_to FROM notices WHERE task = ?1 AND lane = ?2 \
     AND put_off_to IS NOT NULL AND (put_off_to, notice) > (?3, ?4) ORDER BY put_off_to, notice LIMIT 1";
const ONE: &str =
    "SELECT notice, number, lane, tries, put_off_to FROM notices WHERE task = ?1 AND lane IN (0, 1) AND notice = ?2";

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        notice: from_i64(row.get(0)?),
        number: from_i64(row.get(1)?),
        lane: if row.get::<_, i64>(2)? == Lane::Adds as i64 { Lane::Adds } else { Lane::Ends },
        tries: row.get(3)?,
        from: from_moment(row.get::<_, Option<i64>>(4)?.unwrap_or(0)),
    })
}

impl Desk<'_> {
    pub(super) fn leave_notice(&mut self, record: &Record, lane: Lane) -> rusqlite::Result<()> {
        self.shelf.last_notice += 1;
        self.shelf.counts.notices += 1;
        self.shelf.dirty = true;
        let sql = "INSERT INTO notices (task, notice, number, lane, about, tries) VALUES (?1, ?2, ?3, ?4, ?4, 0)";
        let (notice, number) = (to_i64(self.shelf.last_notice), to_i64(record.job.number()));
        self.db.prepare_cached(sql)?.execute(params![self.shelf.task.0, notice, number, lane as i64]).map(drop)
    }

    /// Lets the retention of a job that has ended come to its end.
    pub(super) fn retain(&mut self, record: &Record) -> rusqlite::Result<()> {
        let Some(ended_at) = record.ended_at() else { return Ok(()) };
        let status = record.life.state.status();
        self.shelf.ended.put(self.db, self.shelf.task, status, ended_at, record.job.number())
    }

    pub(in super::super) fn claim_notices(
        &mut self,
        lane: Lane,
        most: usize,
        now: Timestamp,
    ) -> rusqlite::Result<ClaimedNotices> {
        // Who is told of something does not forget it in a power cut.
        self.ledger.must_last();
        let mut notices = Vec::new();
        while notices.len() < most
            && let Some(entry) = self.first_notice(lane)?
            && entry.from <= now
        {
            self.take(&entry);
            let Some(record) = self.job_of(&entry)? else { continue };
            let happened = match lane {
                Lane::Adds => Some(Happened::Added),
                Lane::Ends => record.end(),
            };
            // A job of whose end is to be told is not retried before, so it has ended. The add handler is not told instead.
            let Some(happened) = happened else {
                tracing::error!(job = %record.id, "a notice tells of the end of a job that has not ended; it is left out");
                continue;
            };
            notices.push(ClaimedNotice {
                number: NoticeNumber(entry.notice),
                id: record.id,
                happened,
                attempt: record.life.attempt,
                tries: entry.tries,
                origin: record.origin(),
            });
        }
        let left = self.first_notice(lane)?.map_or(Left::Nothing, |entry| Left::due_at(entry.from, now));
        Ok(ClaimedNotices { notices, left })
    }

    fn take(&mut self, entry: &Entry) {
        let lane = entry.lane as usize;
        self.shelf.given_back[lane].remove(&entry.notice);
        self.shelf.taken.insert(entry.notice);
        self.note(entry.notice, false);
        if entry.from == Timestamp(0) {
            self.shelf.taken_until[lane] = self.shelf.taken_until[lane].max(entry.notice);
        }
    }

    /// Lets go of a notice; answers whether it was taken.
    fn release(&mut self, notice: u64) -> bool {
        let was_taken = self.shelf.taken.remove(&notice);
        if was_taken {
            self.note(notice, true);
        }
        was_taken
    }

    fn note(&mut self, notice: u64, was_taken: bool) {
        self.ledger.note(Mark { task: self.shelf.task, notice, was_taken });
    }

    pub(super) fn job_of(&self, entry: &Entry) -> rusqlite::Result<Option<Record>> {
        Record::find(self.db, self.shelf.task.job(entry.number))
    }

    /// The first notice of the lane that is not taken: of those that were never put off the oldest, else the next one of the
    /// others.
    fn first_notice(&mut self, lane: Lane) -> rusqlite::Result<Option<Entry>> {
        while let Some(notice) = self.shelf.given_back[lane as usize].first().copied() {
            match self.notice(notice)? {
                Some(entry) => return Ok(Some(entry)),
                None => drop(self.shelf.given_back[lane as usize].remove(&notice)),
            }
        }
        loop {
            let mut statement = self.db.prepare_cached(FRESH)?;
            let after = to_i64(self.shelf.taken_until[lane as usize]);
            let found = statement.query_row(params![self.shelf.task.0, lane as i64, after], entry).optional()?;
            match found {
                Some(entry) if self.shelf.taken.contains(&entry.notice) => {
                    self.shelf.taken_until[lane as usize] = entry.notice;
                }
                Some(entry) => return Ok(Some(entry)),
                // So that very many that are put off are not looked at again and again.
                None => {
                    self.shelf.taken_until[lane as usize] = self.shelf.last_notice;
                    break;
                }
            }
        }
        let mut after = (i64::MIN, i64::MIN);
        loop {
            let mut statement = self.db.prepare_cached(PUT_OFF)?;
            let found =
                statement.query_row(params![self.shelf.task.0, lane as i64, after.0, after.1], entry).optional()?;
            match found {
                Some(entry) if self.shelf.taken.contains(&entry.notice) => {
                    after = (moment(entry.from), to_i64(entry.notice));
                }
                found => return Ok(found),
            }
        }
    }

    fn notice(&self, notice: u64) -> rusqlite::Result<Option<Entry>> {
        let mut statement = self.db.prepare_cached(ONE)?;
        statement.query_row(params![self.shelf.task.0, to_i64(notice)], entry).optional()
    }

    /// Lets notices be taken again that nobody got.
    pub(in super::super) fn undo_notices(&mut self, notices: &[NoticeNumber]) -> rusqlite::Result<()> {
        for NoticeNumber(notice) in notices {
            if !self.release(*notice) {
                continue;
            }
            let Some(entry) = self.notice(*notice)? else { continue };
            if entry.from == Timestamp(0) {
                self.shelf.given_back[entry.lane as usize].insert(*notice);
            }
            self.tell(Hint::Callback(entry.lane, Left::Ready));
        }
        Ok(())
    }

    pub(in super::super) fn settle_notice(
        &mut self,
        NoticeNumber(notice): NoticeNumber,
        telling: &Telling,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        self.ledger.must_last();
        let Some(entry) = self.notice(notice)? else { return Ok(()) };
        match telling {
            Telling::Done => self.finish_notice(&entry, None, now),
            Telling::PutOff(until) => self.put_off(&entry, *until, None, now),
            Telling::Failed { problem, next_try_at: Some(until) } => self.put_off(&entry, *until, Some(problem), now),
            Telling::Failed { problem, next_try_at: None } => self.finish_notice(&entry, Some(problem), now),
        }
    }

    fn put_off(
        &mut self,
        entry: &Entry,
        until: Timestamp,
        problem: Option<&Problem>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        if !self.release(entry.notice) {
            return Ok(());
        }
        self.tell(Hint::Callback(entry.lane, Left::due_at(until, now)));
        self.shelf.dirty = true;
        let tries = entry.tries.saturating_add(1);
        let sql = "UPDATE notices SET tries = ?4, put_off_to = ?5, code = ifnull(?6, code), message = ifnull(?7, message) \
             WHERE task = ?1 AND lane = ?2 AND notice = ?3";
        self.db.prepare_cached(sql)?.execute(params![
            self.shelf.task.0,
            entry.lane as i64,
            to_i64(entry.notice),
            tries,
            moment(until),
            problem.map(|problem| &*problem.code),
            problem.map(|problem| &*problem.message),
        ])?;
        let Some(record) = self.job_of(entry)? else { return Ok(()) };
        if !is_deferred(entry.lane, tries) {
            return Ok(());
        }
        self.shelf.counts.deferred += usize::from(!entry.is_deferred());
        // From now on the job's retention may end before the callback is delivered.
        self.retain(&record)
    }

    /// Removes a notice; with a problem it was given up.
    pub(super) fn finish_notice(
        &mut self,
        entry: &Entry,
        given_up: Option<&Problem>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let Some(mut record) = self.job_of(entry)? else { return self.forget(entry) };
        match given_up {
            Some(problem) => self.give_up(entry, &mut record, problem)?,
            None => self.forget(entry)?,
        }
        let effects = step::settle(&record.life, record.pending, now);
        match (effects.new_callback, &effects.life.state) {
            (Some(lane), _) => self.tell(Hint::Callback(lane, Left::Ready)),
            (None, State::Waiting { run_at, .. }) => self.tell(Hint::Ready(Left::due_at(*run_at, now))),
            _ => {}
        }
        self.apply(&mut record, effects, None, now)
    }

    /// Removes a pending notice.
    pub(super) fn forget(&mut self, entry: &Entry) -> rusqlite::Result<()> {
        self.leave_pending(entry);
        let sql = "DELETE FROM notices WHERE task = ?1 AND lane = ?2 AND notice = ?3";
        let mut statement = self.db.prepare_cached(sql)?;
        statement.execute(params![self.shelf.task.0, entry.lane as i64, to_i64(entry.notice)]).map(drop)
    }

    /// Takes a notice out of what is counted and remembered of its lane.
    pub(super) fn leave_pending(&mut self, entry: &Entry) {
        self.release(entry.notice);
        self.shelf.given_back[entry.lane as usize].remove(&entry.notice);
        self.shelf.counts.notices -= 1;
        self.shelf.counts.deferred -= usize::from(entry.is_deferred());
        self.shelf.dirty = true;
    }

    /// The pending notices of a job that are in a lane.
    pub(super) fn notices_of(&self, record: &Record) -> rusqlite::Result<Vec<Entry>> {
        if record.pending == PendingCallbacks::None {
            return Ok(Vec::new());
        }
        let sql = "SELECT notice, number, lane, tries, put_off_to FROM notices \
             WHERE task = ?1 AND number = ?2 AND +lane IN (0, 1)";
        let mut statement = self.db.prepare_cached(sql)?;
        let number = to_i64(record.job.number());
        statement.query_map(params![self.shelf.task.0, number], entry)?.collect()
    }

    /// Whether a callback of the job is pending that is not deferred, or whose handler is called at the moment.
    pub(super) fn is_pending(&self, record: &Record) -> rusqlite::Result<bool> {
        let is_deferred = |entry: &Entry| entry.is_deferred() && !self.shelf.taken.contains(&entry.notice);
        Ok(match record.pending {
            PendingCallbacks::None => false,
            PendingCallbacks::Add | PendingCallbacks::AddThenEnd => true,
            PendingCallbacks::End => !self.notices_of(record)?.iter().all(is_deferred),
        })
    }

    /// Removes what is pending of a job that is retried or removed, and what was given up of it.
    pub(super) fn remove_notices(&mut self, record: &mut Record) -> rusqlite::Result<()> {
        for entry in self.notices_of(record)? {
            self.forget(&entry)?;
        }
        self.shelf.counts.notices -= usize::from(record.pending == PendingCallbacks::AddThenEnd);
        record.pending = PendingCallbacks::None;
        self.forget_given_up(record)
    }
}
