//! Lists: the jobs of one or several tasks, merged in the order of adding. A few rows are read at a time, and one page
//! examines a bounded number of jobs.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rusqlite::{Connection, Row, params};
use saggar_job::{FailureKind, JobId, Life, Problem, Run, State, Status};

use super::details;
use super::limits::Limits;
use super::number::{HIGHEST_NUMBER, JobNumber, from_i64, from_millis, to_i64};
use super::record::HAS_DETAILS;
use super::shared::{Live, Shared};
use saggar_store::{Cursor, ListOrder, ListQuery, ListedJob, Page};

/// An examined job, with its entry in the list if it matches the query.
struct Examined {
    number: u64,
    job: Option<ListedJob>,
}

/// One task's part of a list.
struct Source<'a> {
    shared: Arc<Shared>,
    query: &'a ListQuery,
    live: HashMap<u64, Live>,
    plain_from: u64,
    examined: VecDeque<Examined>,
    /// The range of numbers not read yet, both ends included; `None` if nothing is left.
    remaining: Option<(u64, u64)>,
}

/// Returns a page of the jobs of `tasks`.
pub(super) fn page(
    db: &Connection,
    tasks: Vec<Arc<Shared>>,
    query: &ListQuery,
    limits: &Limits,
) -> rusqlite::Result<Page> {
    let most = if tasks.len() == 1 { limits.list_rows } else { limits.list_rows_of_many };
    let mut sources: Vec<Source<'_>> = tasks.into_iter().map(|shared| Source::new(shared, query)).collect();
    let (mut jobs, limit) = (Vec::new(), query.bounded_limit());
    let mut last = None;
    for _ in 0..ListQuery::LOOKED_AT {
        let Some(Examined { number, job }) = next(db, &mut sources, most)? else {
            return Ok(Page { jobs, next: None });
        };
        last = Some(Cursor(number));
        jobs.extend(job);
        if jobs.len() >= limit {
            break;
        }
    }
    let next = next(db, &mut sources, most)?.and(last);
    Ok(Page { jobs, next })
}

/// Returns the next job to examine, in the order of the list.
fn next(db: &Connection, sources: &mut [Source<'_>], most: usize) -> rusqlite::Result<Option<Examined>> {
    let mut first: Option<(u64, &mut Source<'_>)> = None;
    for source in sources {
        source.fetch_ahead(db, most)?;
        let Some(Examined { number, .. }) = source.examined.front() else { continue };
        if first.as_ref().is_none_or(|(other, _)| source.is_before(*number, *other)) {
            first = Some((*number, source));
        }
    }
    Ok(first.and_then(|(_, source)| source.examined.pop_front()))
}

impl<'a> Source<'a> {
    fn new(shared: Arc<Shared>, query: &'a ListQuery) -> Self {
        let (live, plain_from) = shared.all_live();
        let remaining = behind(query.order, query.after);
        Self { shared, query, live, plain_from, examined: VecDeque::new(), remaining }
    }

    fn is_before(&self, number: u64, other: u64) -> bool {
        if self.is_newest_first() { number > other } else { number < other }
    }

    fn is_newest_first(&self) -> bool {
        self.query.order == ListOrder::NewestFirst
    }

    fn fetch_ahead(&mut self, db: &Connection, most: usize) -> rusqlite::Result<()> {
        while self.examined.is_empty() {
            let Some((from, to)) = self.remaining.take() else { return Ok(()) };
            let (examined, last) = self.fetch(db, from, to, most)?;
            self.examined = examined.into();
            self.remaining = last.and_then(|last| match self.query.order {
                ListOrder::NewestFirst => Some((from, last.checked_sub(1).filter(|last| *last >= from)?)),
                ListOrder::OldestFirst => Some((last + 1, to)).filter(|(from, to)| from <= to),
            });
        }
        Ok(())
    }

    /// Reads up to `most` jobs. Returns them, and the last number read if more may follow it.
    fn fetch(
        &self,
        db: &Connection,
        from: u64,
        to: u64,
        most: usize,
    ) -> rusqlite::Result<(Vec<Examined>, Option<u64>)> {
        // One snapshot for all reads of this step.
        let transaction = db.unchecked_transaction()?;
        let mut numbers = match self.query.status {
            None => self.numbers(db, ALL, from, to, most)?,
            Some(Status::Waiting) => {
                let mut numbers = self.numbers(db, STANDING[0], from, to, most)?;
                numbers.extend(self.numbers(db, PLAIN, from.max(self.plain_from + 1), to, most)?);
                numbers
            }
            Some(Status::Running) => self.live.keys().copied().filter(|number| (from..=to).contains(number)).collect(),
            Some(Status::Success) => self.numbers(db, STANDING[1], from, to, most)?,
            Some(Status::Failure) => self.numbers(db, STANDING[2], from, to, most)?,
        };
        numbers.sort_unstable_by(|a, b| if self.is_newest_first() { b.cmp(a) } else { a.cmp(b) });
        numbers.truncate(most);
        let last = numbers.last().copied().filter(|_| numbers.len() >= most);
        let examined = numbers.into_iter().filter_map(|number| self.examine(db, number).transpose());
        let examined = examined.collect::<Result<Vec<_>, _>>()?;
        transaction.finish()?;
        Ok((examined, last))
    }

    fn numbers(&self, db: &Connection, sql: [&str; 2], from: u64, to: u64, most: usize) -> rusqlite::Result<Vec<u64>> {
        let mut statement = db.prepare_cached(sql[usize::from(self.is_newest_first())])?;
        let task = self.shared.task;
        let by_job = std::ptr::eq(sql[0], ALL[0]) || std::ptr::eq(sql[0], PLAIN[0]);
        let bound = |number: u64| if by_job { task.job(number).0 } else { to_i64(number.min(HIGHEST_NUMBER)) };
        let numbers = statement.query_map(params![task.0, bound(from), bound(to), most as i64], |row| {
            let number: i64 = row.get(0)?;
            Ok(if by_job { JobNumber(number).number() } else { from_i64(number) })
        })?;
        numbers.collect()
    }

    /// Reads a job; `None` if it does not have the status that the query asks for.
    fn examine(&self, db: &Connection, number: u64) -> rusqlite::Result<Option<Examined>> {
        let live = self.live.get(&number);
        let mut statement = db.prepare_cached(ROW)?;
        let mut rows = statement.query([self.shared.task.job(number).0])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (life, job) = self.read(db, row, live)?;
        if self.query.status.is_some_and(|status| status != job.status) {
            return Ok(None);
        }
        let matches = self.query.matches(&job.task, job.id, job.added_at, &life, Some(&job.progress));
        Ok(Some(Examined { number, job: matches.then_some(job) }))
    }

    fn read(&self, db: &Connection, row: &Row<'_>, live: Option<&Live>) -> rusqlite::Result<(Life, ListedJob)> {
        let job = JobNumber(row.get(0)?);
        let (mut details, mut problem, mut reason) = (None, None, None);
        if row.get::<_, i64>(3)? & HAS_DETAILS != 0 {
            (details, problem, reason) = details::get(db, job)?;
        }
        let at = |column: usize| Ok::<_, rusqlite::Error>(from_millis(row.get::<_, Option<i64>>(column)?.unwrap_or(0)));
        let stage: i64 = row.get(2)?;
        let state = match stage {
            4 => State::Success { response: "".into(), ended_at: at(9)? },
            5 => State::Failure {
                reason: reason.unwrap_or(FailureKind::Failed),
                problem: problem.unwrap_or_else(|| Problem::new("unknown", "")),
                ended_at: at(9)?,
            },
            _ => State::Waiting { run_at: at(8)?, on_hold: stage == 3, problem },
        };
        let mut life = Life { state, attempt: row.get(5)?, run: Run(from_i64(row.get(6)?)) };
        if let Some(live) = live.filter(|live| live.run > life.run) {
            let state = State::Running { run: live.run, started_at: live.started_at, cancelling: live.cancelling };
            life = Life { state, attempt: live.attempt, run: live.run };
            // The stored progress is that of the previous attempt.
            if let Some(details) = &mut details {
                details.progress = None;
            }
        }
        let progress = details.and_then(|details| details.progress).unwrap_or_default();
        let (id, priority) = (JobId(from_i64(row.get(1)?)), row.get(4)?);
        let listed = ListedJob::new(self.shared.key.clone(), id, &life, priority, at(7)?, progress);
        Ok((life, listed))
    }
}

const ROW: &str =
    "SELECT job, id, stage, flags, priority, attempt, run, added_at, run_at, ended_at FROM jobs WHERE job = ?1";

/// In ascending and in descending order of adding.
const ALL: [&str; 2] = [
    "SELECT job FROM jobs WHERE ?1 = ?1 AND job >= ?2 AND job <= ?3 ORDER BY job LIMIT ?4",
    "SELECT job FROM jobs WHERE ?1 = ?1 AND job >= ?2 AND job <= ?3 ORDER BY job DESC LIMIT ?4",
];
const PLAIN: [&str; 2] = [
    "SELECT job FROM jobs WHERE ?1 = ?1 AND job >= ?2 AND job <= ?3 AND stage = 0 ORDER BY job LIMIT ?4",
    "SELECT job FROM jobs WHERE ?1 = ?1 AND job >= ?2 AND job <= ?3 AND stage = 0 ORDER BY job DESC LIMIT ?4",
];
/// Waiting outside of the plain queue; success; failure.
const STANDING: [[&str; 2]; 3] = [
    [
        "SELECT number FROM jobs_by_status WHERE task = ?1 AND status = 0 AND number >= ?2 AND number <= ?3 ORDER BY number LIMIT ?4",
        "SELECT number FROM jobs_by_status WHERE task = ?1 AND status = 0 AND number >= ?2 AND number <= ?3 ORDER BY number DESC LIMIT ?4",
    ],
    [
        "SELECT number FROM jobs_by_status WHERE task = ?1 AND status = 2 AND number >= ?2 AND number <= ?3 ORDER BY number LIMIT ?4",
        "SELECT number FROM jobs_by_status WHERE task = ?1 AND status = 2 AND number >= ?2 AND number <= ?3 ORDER BY number DESC LIMIT ?4",
    ],
    [
        "SELECT number FROM jobs_by_status WHERE task = ?1 AND status = 3 AND number >= ?2 AND number <= ?3 ORDER BY number LIMIT ?4",
        "SELECT number FROM jobs_by_status WHERE task = ?1 AND status = 3 AND number >= ?2 AND number <= ?3 ORDER BY number DESC LIMIT ?4",
    ],
];

/// Returns the numbers that follow `after` in the order of a list; `None` if there are none.
fn behind(order: ListOrder, after: Option<Cursor>) -> Option<(u64, u64)> {
    match (order, after) {
        (_, None) => Some((0, HIGHEST_NUMBER)),
        (ListOrder::NewestFirst, Some(Cursor(number))) => Some((0, number.min(HIGHEST_NUMBER + 1).checked_sub(1)?)),
        (ListOrder::OldestFirst, Some(Cursor(number))) => Some((number.checked_add(1)?, HIGHEST_NUMBER)),
    }
}
