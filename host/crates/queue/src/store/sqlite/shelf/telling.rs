//! Notices: leaving them, taking them, settling them, and what follows for their jobs.

use rusqlite::{OptionalExtension, Row, params};
use saggar_job::{Status, Step, Timestamp};

use super::super::ledger::Mark;
use super::super::number::{from_i64, from_moment, moment, to_i64};
use super::super::record::{Due, Record};
use super::adding::FINGERPRINT;
use super::{Desk, step};
use crate::{ClaimedNotice, ClaimedNotices, Happened, Left, NoticeNumber, Rules, Telling, Told};

/// What a notice is about.
pub(super) const ADDED: i64 = 0;
const END: i64 = 1;

/// A notice as it is in its table.
pub(super) struct Entry {
    pub(super) notice: u64,
    number: u64,
    pub(super) about: i64,
    tries: u32,
    pub(super) from: Timestamp,
}

const FRESH: &str = "SELECT notice, number, about, tries, put_off_to FROM notices \
     WHERE task = ?1 AND notice > ?2 AND put_off_to IS NULL ORDER BY notice LIMIT 1";
const PUT_OFF: &str = "SELECT notice, number, about, tries, put_off_to FROM notices \
     WHERE task = ?1 AND put_off_to IS NOT NULL AND (put_off_to, notice) > (?2, ?3) ORDER BY put_off_to, notice LIMIT 1";
const ONE: &str = "SELECT notice, number, about, tries, put_off_to FROM notices WHERE task = ?1 AND notice = ?2";

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        notice: from_i64(row.get(0)?),
        number: from_i64(row.get(1)?),
        about: row.get(2)?,
        tries: row.get(3)?,
        from: from_moment(row.get::<_, Option<i64>>(4)?.unwrap_or(0)),
    })
}

impl Desk<'_> {
    pub(super) fn leave_notice(&mut self, record: &Record, about: i64) -> rusqlite::Result<()> {
        self.shelf.last_notice += 1;
        self.shelf.counts.notices += 1;
        self.shelf.dirty = true;
        let sql = "INSERT INTO notices (task, notice, number, about) VALUES (?1, ?2, ?3, ?4)";
        let (notice, number) = (to_i64(self.shelf.last_notice), to_i64(record.job.number()));
        self.db.prepare_cached(sql)?.execute(params![self.shelf.task.0, notice, number, about]).map(drop)
    }

    /// Writes a job that has just ended, lets go of what it held, and leaves the notice that `rules` want. Answers whether
    /// that can be taken now. Does nothing for a job that has not ended.
    pub(super) fn keep_ended(&mut self, record: &mut Record, rules: &Rules) -> rusqlite::Result<bool> {
        let status = record.life.state.status();
        let wanted = match status {
            Status::Success => rules.success_handler,
            Status::Failure => rules.error_handler,
            Status::Waiting | Status::Running => return Ok(false),
        };
        self.leave_name(record, FINGERPRINT)?;
        self.list(record, status)?;
        let noticed = match (wanted, record.due) {
            (true, Due::Added) => {
                record.due = Due::AddedThenEnd;
                self.shelf.counts.notices += 1;
                false
            }
            (true, _) => {
                record.due = Due::End;
                self.leave_notice(record, END)?;
                true
            }
            (false, _) => {
                self.let_go(record)?;
                false
            }
        };
        self.put(record, false)?;
        Ok(noticed)
    }

    /// Lets the retention of a job that has ended come to its end, once nothing of it is to be told any more.
    fn let_go(&mut self, record: &Record) -> rusqlite::Result<()> {
        if record.due != Due::Nothing {
            return Ok(());
        }
        let Some(ended_at) = record.ended_at() else { return Ok(()) };
        let status = record.life.state.status();
        self.shelf.ended.put(self.db, self.shelf.task, status, ended_at, record.job.number())
    }

    pub(in super::super) fn claim_notices(&mut self, most: usize, now: Timestamp) -> rusqlite::Result<ClaimedNotices> {
        // Who is told of something does not forget it in a power cut.
        self.ledger.must_last();
        let mut notices = Vec::new();
        while notices.len() < most
            && let Some(entry) = self.first_notice()?
            && entry.from <= now
        {
            self.take(&entry);
            let Some(record) = self.job_of(&entry)? else { continue };
            let happened = match entry.about {
                ADDED => Some(Happened::Added),
                _ => record.end(),
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
        let left = match self.first_notice()? {
            None => Left::Nothing,
            Some(entry) if entry.from <= now => Left::Ready,
            Some(entry) => Left::From(entry.from),
        };
        Ok(ClaimedNotices { notices, left })
    }

    fn take(&mut self, entry: &Entry) {
        self.shelf.given_back.remove(&entry.notice);
        self.shelf.taken.insert(entry.notice);
        self.note(entry.notice, false);
        if entry.from == Timestamp(0) {
            self.shelf.taken_until = self.shelf.taken_until.max(entry.notice);
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

    /// The first notice that is not taken: of those that were never put off the oldest, else the next one of the others.
    fn first_notice(&mut self) -> rusqlite::Result<Option<Entry>> {
        while let Some(notice) = self.shelf.given_back.first().copied() {
            match self.notice(notice)? {
                Some(entry) => return Ok(Some(entry)),
                None => drop(self.shelf.given_back.remove(&notice)),
            }
        }
        loop {
            let mut statement = self.db.prepare_cached(FRESH)?;
            let after = to_i64(self.shelf.taken_until);
            let found = statement.query_row(params![self.shelf.task.0, after], entry).optional()?;
            match found {
                Some(entry) if self.shelf.taken.contains(&entry.notice) => self.shelf.taken_until = entry.notice,
                Some(entry) => return Ok(Some(entry)),
                None => break,
            }
        }
        let mut after = (i64::MIN, i64::MIN);
        loop {
            let mut statement = self.db.prepare_cached(PUT_OFF)?;
            let found = statement.query_row(params![self.shelf.task.0, after.0, after.1], entry).optional()?;
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
            if self.release(*notice) && self.notice(*notice)?.is_some_and(|entry| entry.from == Timestamp(0)) {
                self.shelf.given_back.insert(*notice);
            }
        }
        Ok(())
    }

    pub(in super::super) fn settle_notice(
        &mut self,
        NoticeNumber(notice): NoticeNumber,
        telling: Telling,
        now: Timestamp,
    ) -> rusqlite::Result<Told> {
        self.ledger.must_last();
        let mut noticed = false;
        if let Some(entry) = self.notice(notice)? {
            match telling {
                Telling::Done => noticed = self.finish_notice(&entry, now)?,
                Telling::PutOff(until) => self.put_off(&entry, until)?,
            }
        }
        Ok(Told { line: self.left()?, noticed })
    }

    fn put_off(&mut self, entry: &Entry, until: Timestamp) -> rusqlite::Result<()> {
        if !self.release(entry.notice) {
            return Ok(());
        }
        self.shelf.dirty = true;
        let sql = "UPDATE notices SET tries = ?3, put_off_to = ?4 WHERE task = ?1 AND notice = ?2";
        let (task, notice, tries) = (self.shelf.task.0, to_i64(entry.notice), entry.tries.saturating_add(1));
        self.db.prepare_cached(sql)?.execute(params![task, notice, tries, moment(until)]).map(drop)
    }

    /// Answers whether another notice of the same job can be taken now.
    pub(super) fn finish_notice(&mut self, entry: &Entry, now: Timestamp) -> rusqlite::Result<bool> {
        self.forget(entry.notice)?;
        let Some(mut record) = self.job_of(entry)? else { return Ok(false) };
        if record.due == Due::AddedThenEnd {
            record.due = Due::End;
            self.shelf.counts.notices -= 1;
            self.leave_notice(&record, END)?;
            self.put(&mut record, false)?;
            return Ok(true);
        }
        record.due = Due::Nothing;
        match step(&record.life, Step::Release, now) {
            Ok(life) => {
                self.unlist(&record, Status::Waiting)?;
                record.life = life;
                self.shelf.counts.held -= 1;
                self.enter_line(&mut record, None, now)?;
            }
            Err(_) => {
                self.let_go(&record)?;
                self.put(&mut record, false)?;
            }
        }
        Ok(false)
    }

    fn forget(&mut self, notice: u64) -> rusqlite::Result<()> {
        self.release(notice);
        self.shelf.given_back.remove(&notice);
        self.shelf.counts.notices -= 1;
        self.shelf.dirty = true;
        let mut statement = self.db.prepare_cached("DELETE FROM notices WHERE task = ?1 AND notice = ?2")?;
        statement.execute(params![self.shelf.task.0, to_i64(notice)]).map(drop)
    }

    /// Removes the notice of a job that is deleted, and the one that was to follow it.
    pub(super) fn remove_notices(&mut self, record: &Record) -> rusqlite::Result<()> {
        let number = to_i64(record.job.number());
        let notices: Vec<i64> = self
            .db
            .prepare_cached("SELECT notice FROM notices WHERE task = ?1 AND number = ?2")?
            .query_map(params![self.shelf.task.0, number], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for notice in notices {
            self.forget(from_i64(notice))?;
        }
        self.shelf.counts.notices -= usize::from(record.due == Due::AddedThenEnd);
        Ok(())
    }
}
