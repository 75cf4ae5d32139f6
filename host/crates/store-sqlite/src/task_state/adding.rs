//! Adding jobs: which of them are new, and their rows.

use rusqlite::{OptionalExtension, params};
use saggar_job::{JobId, Life, Status, Timestamp};

use super::super::details::Details;
use super::super::number::{from_i64, to_i64};
use super::super::record::{HAS_NAMES, Position, Record};
use super::super::statements::HotStatement;
use super::{Stepped, TaskTx};
use saggar_store::step::PendingCallbacks;
use saggar_store::step::plan::{Bounds, added_event, plan_add};
use saggar_store::{AddError, Added, Needs, NewJob, Rules};

/// Kinds of names.
pub(super) const KEY: i64 = 0;
pub(super) const FINGERPRINT: i64 = 1;

impl TaskTx<'_> {
    pub(in super::super) fn add(
        &mut self,
        jobs: Vec<NewJob>,
        rules: &Rules,
        now: Timestamp,
    ) -> Stepped<Vec<Added>, AddError> {
        // Promotes overdue jobs first.
        self.promote(now)?;
        let all_bytes = (self.batch_context.kept_bytes, self.batch_context.keep_bytes);
        let bounds = Bounds { rules, counts: self.state.counts, all_bytes, last_id: self.state.last_id, now };
        let added = match plan_add(&jobs, self, &bounds)? {
            Ok(added) => added,
            Err(error) => return Ok(Err(error)),
        };
        if let Err(exceeded) = self.state.book.check(&Needs::of(&jobs, &added)) {
            return Ok(Err(AddError::QuotaExceeded(exceeded)));
        }
        if let Some(event) = added_event(&jobs, &added, rules, now) {
            self.notify(event);
        }
        for (added, job) in added.iter().zip(jobs).filter(|(added, _)| added.is_new) {
            self.insert(added.id, job, rules.add_handler, now)?;
        }
        self.batch_context.must_sync();
        Ok(Ok(added))
    }

    fn insert(&mut self, id: JobId, mut job: NewJob, on_hold: bool, now: Timestamp) -> rusqlite::Result<()> {
        let run_at = job.due_at(now);
        let number = self.next_number();
        let origin = job.take_origin();
        let has_names = job.key.is_some() || job.unique.is_some();
        let details = (has_names || origin.is_some())
            .then(|| Box::new(Details { progress: None, origin, key: job.key, unique: job.unique }));
        let mut record = Box::new(Record {
            job: self.state.task.job(number),
            id,
            life: Life::new(run_at, on_hold),
            position: Position::Nowhere,
            pending: if on_hold { PendingCallbacks::Add } else { PendingCallbacks::None },
            priority: job.priority,
            added_at: now,
            args: job.args,
            details,
            last: None,
            counted: 0,
            flags: if has_names { HAS_NAMES } else { 0 },
            since: self.batch_context.seq,
        });
        if has_names {
            self.enter_names(&record)?;
        }
        let is_plain = !on_hold && record.priority == 0 && run_at <= now;
        if on_hold {
            self.state.counts.on_hold += 1;
            self.enqueue_callback(&record, saggar_store::Lane::Adds)?;
        } else if is_plain {
            record.position = Position::Plain;
        } else {
            self.state.ready_queue.enter(self.db, &mut record, number, run_at, now, self.batch_context.seq)?;
            self.state.counts.delayed += usize::from(run_at > now);
        }
        if !is_plain {
            self.list(&record, Status::Waiting)?;
        }
        self.put(&mut record, true)?;
        self.statements.execute(HotStatement::PutId, params![self.state.task.0, to_i64(id.0), to_i64(number)])?;
        if is_plain {
            self.state.ready_queue.enter_plain(record);
        }
        self.state.last_id = self.state.last_id.max(id.0);
        self.state.count_status(None, Some(Status::Waiting));
        self.state.counts.added += 1;
        Ok(())
    }

    /// Returns the job that has the name.
    pub(super) fn holder(&self, kind: i64, name: &str) -> rusqlite::Result<Option<JobId>> {
        let sql = "SELECT number FROM names WHERE task = ?1 AND kind = ?2 AND name = ?3";
        let number = self
            .db
            .prepare_cached(sql)?
            .query_row(params![self.state.task.0, kind, name], |row| row.get(0))
            .optional()?;
        let Some(number) = number.map(from_i64) else { return Ok(None) };
        let mut statement = self.db.prepare_cached("SELECT id FROM jobs WHERE job = ?1")?;
        let id = statement.query_row([self.state.task.job(number).0], |row| row.get(0)).optional()?;
        Ok(id.map(|id| JobId(from_i64(id))))
    }

    pub(super) fn enter_names(&self, record: &Record) -> rusqlite::Result<()> {
        let names = [(KEY, record.key()), (FINGERPRINT, record.unique())];
        for (kind, name) in names.into_iter().filter_map(|(kind, name)| Some((kind, name?))) {
            let mut statement = self.db.prepare_cached("INSERT OR REPLACE INTO names VALUES (?1, ?2, ?3, ?4)")?;
            statement.execute(params![self.state.task.0, kind, &*name, to_i64(record.job.number())])?;
        }
        Ok(())
    }

    /// Releases a name if it is still this job's; another job may have taken it.
    pub(super) fn release_name(&self, record: &Record, kind: i64) -> rusqlite::Result<()> {
        let name = if kind == KEY { record.key() } else { record.unique() };
        let Some(name) = name else { return Ok(()) };
        let sql = "DELETE FROM names WHERE task = ?1 AND kind = ?2 AND name = ?3 AND number = ?4";
        let number = to_i64(record.job.number());
        self.db.prepare_cached(sql)?.execute(params![self.state.task.0, kind, &*name, number]).map(drop)
    }
}
