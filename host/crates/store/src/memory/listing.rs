//! Lists over several tasks: their jobs are merged in insertion order, and a few are examined at a time under each
//! lock.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use saggar_job::TaskKey;

use super::MemoryTask;
use super::task_state::ExaminedJob;
use crate::{Cursor, ListOrder, ListQuery, Page};

/// Jobs examined under one lock, if the list is of one task: some ten microseconds, or a hundred with texts.
const BATCH: usize = 256;
/// The same if there are several tasks, of which most will not be needed.
const BATCH_OF_MANY: usize = 32;

/// One task's part of a list.
struct Source {
    task: TaskKey,
    state: Arc<MemoryTask>,
    examined: VecDeque<ExaminedJob>,
    /// The insertion numbers not examined yet; `None` if all are.
    remaining: Option<RangeInclusive<u64>>,
}

/// Returns a page of the jobs of `tasks`.
pub(super) fn page(tasks: Vec<(TaskKey, Arc<MemoryTask>)>, query: &ListQuery) -> Page {
    let most = if tasks.len() == 1 { BATCH } else { BATCH_OF_MANY };
    let mut sources: Vec<Source> = tasks
        .into_iter()
        .map(|(task, state)| Source {
            task,
            state,
            examined: VecDeque::new(),
            remaining: numbers_after(query.order, query.after),
        })
        .collect();
    let (mut jobs, limit) = (Vec::new(), query.bounded_limit());
    let mut last = None;
    for _ in 0..ListQuery::LOOKED_AT {
        let Some(ExaminedJob { number, job }) = next(&mut sources, query, most) else {
            return Page { jobs, next: None };
        };
        last = Some(Cursor(number));
        jobs.extend(job);
        if jobs.len() >= limit {
            break;
        }
    }
    let next = next(&mut sources, query, most).and(last);
    Page { jobs, next }
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
        let Some(remaining) = self.remaining.take() else { return };
        self.examined = self.state.state.lock().examine(&self.task, query, remaining, most).into();
        if self.examined.len() >= most {
            self.remaining = numbers_after(query.order, self.examined.back().map(|job| Cursor(job.number)));
        }
    }
}

/// Returns the insertion numbers that follow `after` in the order of a list; `None` if there are none.
fn numbers_after(order: ListOrder, after: Option<Cursor>) -> Option<RangeInclusive<u64>> {
    match (order, after) {
        (_, None) => Some(0..=u64::MAX),
        (ListOrder::NewestFirst, Some(Cursor(number))) => Some(0..=number.checked_sub(1)?),
        (ListOrder::OldestFirst, Some(Cursor(number))) => Some(number.checked_add(1)?..=u64::MAX),
    }
}
