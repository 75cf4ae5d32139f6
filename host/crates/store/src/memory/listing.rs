//! Lists over several tasks: their jobs are merged in insertion order, and a few are examined at a time under each
//! lock.

use std::collections::VecDeque;
use std::sync::Arc;

use saggar_job::TaskKey;

use super::MemoryTask;
use super::task_state::ExaminedJob;
use crate::{CountedJobs, Cursor, ListOrder, ListQuery, ListedFailure, ListedJob, Page};

/// Jobs examined under one lock, if the list is of one task: some ten microseconds, or a hundred with texts.
const BATCH: usize = 256;
/// The same if there are several tasks, of which most will not be needed.
const BATCH_OF_MANY: usize = 32;

/// A task of a list.
type Selected = (TaskKey, Arc<MemoryTask>);

/// One task's part of a list.
struct Source {
    task: TaskKey,
    state: Arc<MemoryTask>,
    examined: VecDeque<ExaminedJob>,
    /// The first and the last insertion number not examined yet; `None` if all are.
    remaining: Option<(u64, u64)>,
}

/// Returns a page of the jobs of `tasks`.
pub(super) fn page(tasks: Vec<Selected>, query: &ListQuery) -> Page {
    let (mut jobs, limit) = (Vec::new(), query.bounded_limit());
    let (next, looked_at) = look(tasks, query, |job| {
        jobs.push(job);
        jobs.len() >= limit
    });
    Page { jobs, next, looked_at }
}

/// Counts the jobs of `tasks` that match, as far as one step examines them.
pub(super) fn count(tasks: Vec<Selected>, query: &ListQuery) -> CountedJobs {
    let mut jobs = 0;
    let (next, looked_at) = look(tasks, query, |_| {
        jobs += 1;
        false
    });
    CountedJobs { jobs, next, looked_at }
}

/// Examines jobs in the order of the list, and calls `visit` with those that match until it returns true or enough were
/// examined. Returns where to continue, and how many were examined.
fn look(tasks: Vec<Selected>, query: &ListQuery, mut visit: impl FnMut(ListedJob) -> bool) -> (Option<Cursor>, usize) {
    let most = if tasks.len() == 1 { BATCH } else { BATCH_OF_MANY };
    let source = |(task, state)| Source { task, state, examined: VecDeque::new(), remaining: query.numbers() };
    let mut sources: Vec<Source> = tasks.into_iter().map(source).collect();
    let (mut last, mut looked_at, mut bytes) = (None, 0, 0);
    while looked_at < ListQuery::LOOKED_AT && bytes < ListQuery::LOOKED_AT_BYTES {
        let Some(ExaminedJob { number, job, texts }) = next(&mut sources, query, most) else {
            return (None, looked_at);
        };
        (last, looked_at) = (Some(Cursor(number)), looked_at + 1);
        bytes += texts.as_ref().map_or(0, |texts| texts.args.len());
        // Not under the lock of the task, because texts may be long.
        let matches =
            |job: &ListedJob| texts.as_ref().is_none_or(|texts| query.filter.matches_texts(&job.task.task, texts));
        let job = job.filter(matches).map(|mut job| {
            let texts = texts.as_ref().filter(|_| query.with_failures);
            job.failure = texts.and_then(|texts| ListedFailure::of(&job.task.task, texts));
            job
        });
        if job.is_some_and(&mut visit) {
            break;
        }
    }
    (next(&mut sources, query, most).and(last), looked_at)
}

/// Removes and returns the next examined job in the order of the list.
fn next(sources: &mut [Source], query: &ListQuery, most: usize) -> Option<ExaminedJob> {
    let mut first: Option<(u64, &mut Source)> = None;
    for source in sources {
        source.fill(query, most);
        let Some(ExaminedJob { number, .. }) = source.examined.front() else { continue };
        let is_before = |other: u64| match query.order {
            ListOrder::NewestFirst => *number > other,
            ListOrder::OldestFirst => *number < other,
        };
        if first.as_ref().is_none_or(|(other, _)| is_before(*other)) {
            first = Some((*number, source));
        }
    }
    first.and_then(|(_, source)| source.examined.pop_front())
}

impl Source {
    fn fill(&mut self, query: &ListQuery, most: usize) {
        if !self.examined.is_empty() {
            return;
        }
        let Some((from, to)) = self.remaining.take() else { return };
        self.examined = self.state.state.lock().examine(&self.task, query, from..=to, most).into();
        let last = self.examined.back().filter(|_| self.examined.len() >= most).map(|job| job.number);
        self.remaining = last.and_then(|last| match query.order {
            ListOrder::NewestFirst => Some((from, last.checked_sub(1)?)),
            ListOrder::OldestFirst => Some((last.checked_add(1)?, to)),
        });
    }
}
