//! A job in the writer's memory, and its conversion to and from its row.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use saggar_job::{FailureKind, JobId, Life, Problem, Run, State, Timestamp};

use super::details::{self, Details};
use super::limits::Limits;
use super::number::{JobNumber, from_i64, from_millis, millis, to_i64};
use super::statements::{HotStatement, HotStatements};
use saggar_store::step::PendingCallbacks;
use saggar_store::{CallbackKind, Cost, Job, JobCallback, Origin, Progress, kept_bytes};

pub(super) const PENDING_MASK: i64 = 0b11;
pub(super) const HAS_DETAILS: i64 = 1 << 2;
pub(super) const LONG_ARGS: i64 = 1 << 3;
pub(super) const LONG_RESPONSE: i64 = 1 << 4;
pub(super) const HAS_LOG: i64 = 1 << 5;
pub(super) const HAS_ATTEMPTS: i64 = 1 << 6;
pub(super) const CANCELLING: i64 = 1 << 7;
pub(super) const HAS_NAMES: i64 = 1 << 8;
const FRESH: i64 = 1 << 9;
/// Callbacks of the job were given up.
pub(super) const GIVEN_UP: i64 = 1 << 10;
/// Attempts of the job are or were recorded.
pub(super) const HAS_RECORDINGS: i64 = 1 << 11;

/// The job has ended from this stage on.
pub(super) const ENDED: i64 = 4;

#[derive(Debug)]
pub(super) struct Record {
    pub(super) job: JobNumber,
    pub(super) id: JobId,
    pub(super) life: Life,
    pub(super) position: Position,
    pub(super) pending: PendingCallbacks,
    pub(super) priority: i16,
    pub(super) added_at: Timestamp,
    pub(super) args: Arc<str>,
    pub(super) details: Option<Box<Details>>,
    /// The attempt that ended the job in success.
    pub(super) last: Option<LastAttempt>,
    /// The bytes counted for the job, without its log and the records of its attempts.
    pub(super) counted: u64,
    /// Which other tables have rows of the job.
    pub(super) flags: i64,
    /// The commit before which it was not ready.
    pub(super) since: u64,
}

#[derive(Debug)]
pub(super) struct LastAttempt {
    pub(super) started_at: Timestamp,
    pub(super) cost: Option<Cost>,
}

/// A job's position in the ready queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    Nowhere,
    /// In the plain queue, in the order of adding.
    Plain,
    Queued(u64),
    Delayed(Timestamp, u64),
}

/// A running attempt of a dead process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Orphan {
    pub(super) job: JobNumber,
    pub(super) run: Run,
    pub(super) started_at: Timestamp,
}

impl Record {
    pub(super) fn progress(&self) -> Progress {
        self.details.as_ref().and_then(|details| details.progress.clone()).unwrap_or_default()
    }

    /// Clears the progress, because an attempt begins; returns the former one.
    pub(super) fn take_progress(&mut self) -> Option<Progress> {
        self.details.as_mut().and_then(|details| details.progress.take())
    }

    pub(super) fn origin(&self) -> Option<Arc<Origin>> {
        self.details.as_ref().and_then(|details| details.origin.clone())
    }

    pub(super) fn key(&self) -> Option<Arc<str>> {
        self.details.as_ref().and_then(|details| details.key.clone())
    }

    pub(super) fn unique(&self) -> Option<Arc<str>> {
        self.details.as_ref().and_then(|details| details.unique.clone())
    }

    /// Returns the current bytes of its texts.
    pub(super) fn bytes(&self) -> u64 {
        let details = self.details.as_deref();
        let message = details.and_then(|details| details.progress.as_ref()).map_or("", |progress| &progress.message);
        let names = [details.and_then(|details| details.key.as_deref()), details.and_then(|d| d.unique.as_deref())];
        kept_bytes::of_job(
            &self.args,
            &self.life,
            message,
            names,
            details.and_then(|details| details.origin.as_deref()),
        )
    }

    /// Returns when it ended, if it has.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        match &self.life.state {
            State::Success { ended_at, .. } | State::Failure { ended_at, .. } => Some(*ended_at),
            State::Waiting { .. } | State::Running { .. } => None,
        }
    }

    /// Returns whether its arguments are in another table than its row.
    pub(super) fn has_long_args(&self, limits: &Limits) -> bool {
        self.args.len() > limits.short_bytes
    }

    /// Returns whether its row, as last written, has its response in another table.
    pub(super) fn has_long_response(&self) -> bool {
        self.flags & LONG_RESPONSE != 0
    }

    /// Converts it to a job with its `callbacks`, which are in another table.
    pub(super) fn into_job(self, callbacks: Vec<JobCallback>) -> Job {
        Job {
            callbacks,
            id: self.id,
            progress: self.progress(),
            origin: self.origin(),
            key: self.key(),
            unique: self.unique(),
            args: self.args,
            priority: self.priority,
            added_at: self.added_at,
            life: self.life,
        }
    }

    /// Returns how it ended, if it has.
    pub(super) fn end(&self) -> Option<CallbackKind> {
        match &self.life.state {
            State::Success { response, .. } => Some(CallbackKind::Succeeded { response: response.clone() }),
            State::Failure { reason, problem, .. } => {
                Some(CallbackKind::Failed { reason: *reason, problem: problem.clone() })
            }
            State::Waiting { .. } | State::Running { .. } => None,
        }
    }

    /// Writes the current row, and the rows of other tables. Not for a running job: its row stays as it was before the
    /// claim.
    pub(super) fn put(
        &mut self,
        db: &Connection,
        statements: &mut dyn HotStatements,
        component: Option<i64>,
        is_new: bool,
        limits: &Limits,
    ) -> rusqlite::Result<()> {
        let (stage, position) = self.stage();
        let (mut run_at, mut ended_at, mut response, mut problem, mut reason) = (None, None, None, None, None);
        match &self.life.state {
            State::Waiting { run_at: at, problem: why, .. } => (run_at, problem) = (Some(*at), why.as_ref()),
            State::Success { response: text, ended_at: at } => (response, ended_at) = (Some(&**text), Some(*at)),
            State::Failure { reason: way, problem: why, ended_at: at } => {
                (reason, problem, ended_at) = (Some(*way), Some(why), Some(*at));
            }
            State::Running { .. } => {}
        }
        let needs_details = self.details.is_some() || problem.is_some() || reason.is_some();
        if needs_details || self.flags & HAS_DETAILS != 0 {
            self.flags |= HAS_DETAILS;
            details::put(db, self.job, self.details.as_deref(), problem, reason)?;
        }
        let long_args = self.has_long_args(limits);
        if long_args && is_new {
            db.prepare_cached("INSERT INTO long_args VALUES (?1, ?2)")?.execute(params![self.job.0, &*self.args])?;
        }
        let long_response = response.filter(|text| text.len() > limits.short_bytes);
        if let Some(text) = long_response {
            db.prepare_cached("INSERT OR REPLACE INTO long_responses VALUES (?1, ?2)")?
                .execute(params![self.job.0, text])?;
        }
        self.flags &= !(PENDING_MASK | LONG_ARGS | LONG_RESPONSE | CANCELLING | FRESH);
        self.flags |= self.pending as i64;
        self.flags |= if long_args { LONG_ARGS } else { 0 } | if long_response.is_some() { LONG_RESPONSE } else { 0 };
        let last = self.last.as_ref();
        let cost = last.and_then(|last| last.cost.as_ref());
        self.flags |= if cost.is_some_and(|cost| cost.fresh) { FRESH } else { 0 };
        let values = params![
            self.job.0,
            to_i64(self.id.0),
            stage,
            self.flags,
            self.priority,
            self.life.attempt,
            to_i64(self.life.run.0),
            to_i64(position),
            millis(self.added_at),
            run_at.map(millis),
            last.map(|last| millis(last.started_at)),
            ended_at.map(millis),
            (!long_args).then_some(&*self.args),
            response.filter(|_| long_response.is_none()),
            component,
            cost.map(|cost| i64::try_from(cost.cpu.as_nanos()).unwrap_or(i64::MAX)),
            cost.map(|cost| to_i64(cost.peak_memory)),
        ];
        statements.execute(HotStatement::PutJob, values)
    }

    fn stage(&self) -> (i64, u64) {
        match (&self.life.state, self.position) {
            (State::Success { .. }, _) => (4, 0),
            (State::Failure { .. }, _) => (5, 0),
            (_, Position::Plain) => (0, 0),
            (_, Position::Queued(position)) => (1, position),
            (_, Position::Delayed(_, position)) => (2, position),
            (_, Position::Nowhere) => (3, 0),
        }
    }

    /// Reads a row with all columns of `jobs`, and the rows of other tables.
    pub(super) fn read(db: &Connection, row: &Row<'_>) -> rusqlite::Result<Self> {
        let job = JobNumber(row.get(0)?);
        let flags: i64 = row.get(3)?;
        let (mut details, mut problem, mut reason) = (None, None, None);
        if flags & HAS_DETAILS != 0 {
            (details, problem, reason) = details::get(db, job)?;
        }
        let args = match row.get::<_, Option<Arc<str>>>(12)? {
            Some(args) => args,
            None => text(db, "SELECT text FROM long_args WHERE job = ?1", job)?,
        };
        let stage: i64 = row.get(2)?;
        let position = from_i64(row.get(7)?);
        let run_at = from_millis(row.get::<_, Option<i64>>(9)?.unwrap_or(0));
        let ended_at = from_millis(row.get::<_, Option<i64>>(11)?.unwrap_or(0));
        let state = match stage {
            4 => {
                let response = match row.get::<_, Option<Arc<str>>>(13)? {
                    Some(response) => response,
                    None => text(db, "SELECT text FROM long_responses WHERE job = ?1", job)?,
                };
                State::Success { response, ended_at }
            }
            5 => {
                let (reason, problem) = (reason.unwrap_or(FailureKind::Failed), problem.unwrap_or_else(nothing_known));
                State::Failure { reason, problem, ended_at }
            }
            _ => State::Waiting { run_at, on_hold: stage == 3, problem },
        };
        let life = Life { state, attempt: row.get(5)?, run: Run(from_i64(row.get(6)?)) };
        let mut record = Self {
            job,
            id: JobId(from_i64(row.get(1)?)),
            life,
            position: match stage {
                0 => Position::Plain,
                1 => Position::Queued(position),
                2 => Position::Delayed(run_at, position),
                _ => Position::Nowhere,
            },
            pending: pending_of(flags),
            priority: row.get(4)?,
            added_at: from_millis(row.get(8)?),
            args,
            details,
            last: last_attempt(db, row, flags)?,
            counted: 0,
            flags,
            since: 0,
        };
        record.counted = record.bytes();
        Ok(record)
    }

    pub(super) fn find(db: &Connection, job: JobNumber) -> rusqlite::Result<Option<Self>> {
        let mut statement = db.prepare_cached(FIND)?;
        statement.query_row([job.0], |row| Self::read(db, row)).optional()
    }
}

const FIND: &str = "SELECT job, id, stage, flags, priority, attempt, run, position, added_at, run_at, started_at, \
     ended_at, args, response, component, cpu_ns, peak_memory FROM jobs WHERE job = ?1";

fn last_attempt(db: &Connection, row: &Row<'_>, flags: i64) -> rusqlite::Result<Option<LastAttempt>> {
    let Some(started_at) = row.get::<_, Option<i64>>(10)? else { return Ok(None) };
    let cost = match row.get::<_, Option<i64>>(14)? {
        None => None,
        Some(component) => {
            let (digest, deployment) = component_of(db, component)?;
            Some(Cost {
                digest,
                deployment,
                cpu: Duration::from_nanos(from_i64(row.get::<_, Option<i64>>(15)?.unwrap_or(0))),
                peak_memory: from_i64(row.get::<_, Option<i64>>(16)?.unwrap_or(0)),
                fresh: flags & FRESH != 0,
            })
        }
    };
    Ok(Some(LastAttempt { started_at: from_millis(started_at), cost }))
}

/// Returns the digest of a component, and the deployment that ran it.
pub(super) fn component_of(db: &Connection, component: i64) -> rusqlite::Result<(Arc<str>, Option<u64>)> {
    let mut statement = db.prepare_cached("SELECT digest, deployment FROM components WHERE component = ?1")?;
    let found = statement.query_row([component], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (digest, deployment): (Arc<str>, i64) = found.unwrap_or_else(|| ("".into(), 0));
    Ok((digest, Some(from_i64(deployment)).filter(|number| *number > 0)))
}

fn text(db: &Connection, sql: &str, job: JobNumber) -> rusqlite::Result<Arc<str>> {
    db.prepare_cached(sql)?.query_row([job.0], |row| row.get(0))
}

fn pending_of(flags: i64) -> PendingCallbacks {
    match flags & PENDING_MASK {
        0 => PendingCallbacks::None,
        1 => PendingCallbacks::Add,
        2 => PendingCallbacks::End,
        _ => PendingCallbacks::AddThenEnd,
    }
}

fn nothing_known() -> Problem {
    Problem::new("unknown", "the reason is not stored")
}
