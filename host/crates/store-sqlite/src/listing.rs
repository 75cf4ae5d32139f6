//! Lists: the jobs of one or several tasks, merged in the order of adding. A few rows are read at a time, and one page
//! examines a bounded number of jobs.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use saggar_job::{FailureKind, JobId, Life, Problem, Run, State, Status};

use super::Inner;
use super::details::{self, Details};
use super::limits::Limits;
use super::number::{HIGHEST_NUMBER, JobNumber, from_i64, from_millis, to_i64};
use super::record::HAS_DETAILS;
use super::shared::{Live, Shared};
use saggar_store::{Candidate, CountedJobs, Cursor, ListOrder, ListQuery, ListedJob, Page, StoreError};

mod complete;

use complete::{Matched, complete};

/// An examined job, if it matches the query as far as its row and details say.
struct Examined {
    number: u64,
    job: Option<Matched>,
}

/// One task's part of a list.
struct Source<'a> {
    shared: Arc<Shared>,
    query: &'a ListQuery,
    live: HashMap<u64, Live>,
    plain_from: u64,
    /// The numbers of the only jobs that the query names, if it names any.
    named: Option<Vec<u64>>,
    examined: VecDeque<Examined>,
    /// The range of numbers not read yet, both ends included; `None` if nothing is left.
    remaining: Option<(u64, u64)>,
}

/// What a reader does with the jobs of tasks.
type Look<T> = fn(&Connection, Vec<Arc<Shared>>, &ListQuery, &Limits) -> rusqlite::Result<T>;

impl Inner {
    /// Looks at the jobs of the tasks that a query selects.
    pub(super) async fn look<T: Send + 'static>(&self, query: &ListQuery, look: Look<T>) -> Result<T, StoreError> {
        let mut tasks = self.registry.find(&query.tenant, query.task.as_deref());
        tasks.retain(|shared| query.selects(&shared.key));
        let (query, limits) = (query.clone(), self.limits);
        let flow = self.registry.flow(&query.tenant, query.task.as_ref().unwrap_or(&Arc::default()));
        Ok(self.readers()?.query(&flow, move |db| look(db, tasks, &query, &limits)).await?)
    }
}

/// Returns a page of the jobs of `tasks`.
pub(super) fn page(
    db: &Connection,
    tasks: Vec<Arc<Shared>>,
    query: &ListQuery,
    limits: &Limits,
) -> rusqlite::Result<Page> {
    let (mut jobs, limit) = (Vec::new(), query.bounded_limit());
    let (next, looked_at) = examine(db, tasks, query, limits, |job| {
        jobs.push(job);
        jobs.len() >= limit
    })?;
    Ok(Page { jobs, next, looked_at })
}

/// Counts the jobs of `tasks` that match, as far as one step examines them.
pub(super) fn count(
    db: &Connection,
    tasks: Vec<Arc<Shared>>,
    query: &ListQuery,
    limits: &Limits,
) -> rusqlite::Result<CountedJobs> {
    let mut jobs = 0;
    let (next, looked_at) = examine(db, tasks, query, limits, |_| {
        jobs += 1;
        false
    })?;
    Ok(CountedJobs { jobs, next, looked_at })
}

/// Examines jobs in the order of the list, and calls `visit` with those that match until it returns true or enough were
/// examined. Returns where to continue, and how many were examined.
fn examine(
    db: &Connection,
    tasks: Vec<Arc<Shared>>,
    query: &ListQuery,
    limits: &Limits,
    mut visit: impl FnMut(ListedJob) -> bool,
) -> rusqlite::Result<(Option<Cursor>, usize)> {
    let most = if tasks.len() == 1 { limits.list_rows } else { limits.list_rows_of_many };
    let sources = tasks.into_iter().map(|shared| Source::new(db, shared, query));
    let mut sources = sources.collect::<Result<Vec<_>, _>>()?;
    let (mut last, mut looked_at, mut bytes) = (None, 0, 0);
    while looked_at < ListQuery::LOOKED_AT && bytes < ListQuery::LOOKED_AT_BYTES {
        let Some(Examined { number, job }) = next(db, &mut sources, most)? else {
            return Ok((None, looked_at));
        };
        (last, looked_at) = (Some(Cursor(number)), looked_at + 1);
        if let Some(matched) = job
            && let Some(job) = complete(db, query, matched, &mut bytes)?
            && visit(job)
        {
            break;
        }
    }
    Ok((next(db, &mut sources, most)?.and(last), looked_at))
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
    fn new(db: &Connection, shared: Arc<Shared>, query: &'a ListQuery) -> rusqlite::Result<Self> {
        let (live, plain_from) = shared.all_live();
        let named = named(db, &shared, query)?;
        let numbers = query.numbers().map(|(from, to)| (from, to.min(HIGHEST_NUMBER)));
        let remaining = numbers.filter(|(from, to)| from <= to);
        Ok(Self { shared, query, live, plain_from, named, examined: VecDeque::new(), remaining })
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
        let mut numbers = match &self.named {
            Some(named) => named.iter().copied().filter(|number| (from..=to).contains(number)).collect(),
            None => self.numbers_by_status(db, from, to, most)?,
        };
        numbers.sort_unstable_by(|a, b| if self.is_newest_first() { b.cmp(a) } else { a.cmp(b) });
        // A job that was claimed a moment ago has two statuses.
        numbers.dedup();
        numbers.truncate(most);
        let last = numbers.last().copied().filter(|_| numbers.len() >= most);
        let examined = numbers.into_iter().filter_map(|number| self.examine(db, number).transpose());
        let examined = examined.collect::<Result<Vec<_>, _>>()?;
        transaction.finish()?;
        Ok((examined, last))
    }

    /// Returns the numbers of the first `most` jobs that have a status of the query, in no order, and of others.
    fn numbers_by_status(&self, db: &Connection, from: u64, to: u64, most: usize) -> rusqlite::Result<Vec<u64>> {
        if self.query.statuses.is_empty() {
            return self.numbers(db, ALL, from, to, most);
        }
        let mut numbers = Vec::new();
        for status in &self.query.statuses {
            match status {
                Status::Waiting => {
                    numbers.extend(self.numbers(db, STANDING[0], from, to, most)?);
                    numbers.extend(self.numbers(db, PLAIN, from.max(self.plain_from + 1), to, most)?);
                }
                Status::Running => numbers.extend(self.live.keys().filter(|number| (from..=to).contains(*number))),
                Status::Success => numbers.extend(self.numbers(db, STANDING[1], from, to, most)?),
                Status::Failure => numbers.extend(self.numbers(db, STANDING[2], from, to, most)?),
            }
        }
        Ok(numbers)
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

    /// Reads a job; `None` if it does not have a status that the query asks for.
    fn examine(&self, db: &Connection, number: u64) -> rusqlite::Result<Option<Examined>> {
        let live = self.live.get(&number);
        let row = self.shared.task.job(number);
        let mut statement = db.prepare_cached(ROW)?;
        let mut rows = statement.query([row.0])?;
        let Some(found) = rows.next()? else { return Ok(None) };
        let (life, details, mut job) = self.read(db, found, live)?;
        if !self.query.has_status(job.status) {
            return Ok(None);
        }
        job.cursor = Cursor(number);
        let origin = details.as_ref().and_then(|details| details.origin.as_deref());
        let candidate = Candidate {
            task: &self.shared.key.task,
            id: job.id,
            priority: job.priority,
            life: &life,
            key: details.as_ref().and_then(|details| details.key.as_deref()),
            parent: origin.and_then(|origin| origin.parent.as_ref()),
        };
        let matches = self.query.matches(&job.task, job.id, job.added_at, &life, Some(&job.progress))
            && self.query.filter.matches(&candidate);
        if !matches {
            return Ok(Some(Examined { number, job: None }));
        }
        let needs_problem = self.query.filter.group.is_some() || self.query.with_failures;
        let problem = if needs_problem { problem_of(life) } else { None };
        Ok(Some(Examined { number, job: Some(Matched { row, job, problem }) }))
    }

    fn read(&self, db: &Connection, row: &Row<'_>, live: Option<&Live>) -> rusqlite::Result<ReadJob> {
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
        let progress = details.as_mut().and_then(|details| details.progress.take()).unwrap_or_default();
        let (id, priority) = (JobId(from_i64(row.get(1)?)), row.get(4)?);
        let listed = ListedJob::new(self.shared.key.clone(), id, &life, priority, at(7)?, progress);
        Ok((life, details, listed))
    }
}

/// A job as its row and its details say.
type ReadJob = (Life, Option<Box<Details>>, ListedJob);

/// Returns why a job failed, also for the time being.
fn problem_of(life: Life) -> Option<Problem> {
    match life.state {
        State::Waiting { problem, .. } => problem,
        State::Failure { problem, .. } => Some(problem),
        State::Running { .. } | State::Success { .. } => None,
    }
}

/// Returns the numbers of the only jobs of a task that a query names, by their ids or their key; `None` if it names none.
fn named(db: &Connection, shared: &Shared, query: &ListQuery) -> rusqlite::Result<Option<Vec<u64>>> {
    let mut numbers = Vec::new();
    let mut find = |sql: &str, name: &dyn rusqlite::ToSql| {
        let found: Option<i64> =
            db.prepare_cached(sql)?.query_row(params![shared.task.0, name], |row| row.get(0)).optional()?;
        numbers.extend(found.map(from_i64));
        Ok::<_, rusqlite::Error>(())
    };
    if let Some(key) = &query.filter.key {
        find(BY_KEY, &&**key)?;
    } else if let Some(ids) = query.filter.ids_of(&shared.key.task) {
        ids.into_iter().try_for_each(|id| find(BY_ID, &to_i64(id.0)))?;
    } else {
        return Ok(None);
    }
    Ok(Some(numbers))
}

const BY_KEY: &str = "SELECT number FROM names WHERE task = ?1 AND kind = 0 AND name = ?2";
const BY_ID: &str = "SELECT number FROM ids WHERE task = ?1 AND id = ?2";

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
