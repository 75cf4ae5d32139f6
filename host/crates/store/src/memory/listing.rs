//! Lists over several tasks: their jobs merged in the order of their adding, a few looked at under each lock at a time.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use saggar_job::TaskKey;

use super::MemoryTask;
use super::task_state::Look;
use crate::{Cursor, ListOrder, ListQuery, Page};

/// Jobs looked at under one lock, if the list is of one task: some ten microseconds, or a hundred with texts.
const LOOKS: usize = 256;
/// The same if there are several tasks, of which most will not be needed.
const LOOKS_OF_MANY: usize = 32;

/// One task's share of a list.
struct Source {
    task: TaskKey,
    state: Arc<MemoryTask>,
    looks: VecDeque<Look>,
    /// The numbers not looked at yet; none if nothing is left.
    ahead: Option<RangeInclusive<u64>>,
}

/// Makes a page of the jobs of `tasks`.
pub(super) fn page(tasks: Vec<(TaskKey, Arc<MemoryTask>)>, query: &ListQuery) -> Page {
    let most = if tasks.len() == 1 { LOOKS } else { LOOKS_OF_MANY };
    let mut sources: Vec<Source> = tasks
        .into_iter()
        .map(|(task, state)| Source { task, state, looks: VecDeque::new(), ahead: behind(query.order, query.after) })
        .collect();
    let (mut jobs, limit) = (Vec::new(), query.bounded_limit());
    let mut last = None;
    for _ in 0..ListQuery::LOOKED_AT {
        let Some(Look { number, job }) = next(&mut sources, query, most) else {
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

/// The first job in the order of the list that was not looked at.
fn next(sources: &mut [Source], query: &ListQuery, most: usize) -> Option<Look> {
    let mut first: Option<(u64, &mut Source)> = None;
    for source in sources {
        source.look_ahead(query, most);
        let Some(Look { number, .. }) = source.looks.front() else { continue };
        let is_before = |other: u64| match query.order {
            ListOrder::NewestFirst => *number > other,
            ListOrder::OldestFirst => *number < other,
        };
        if first.as_ref().is_none_or(|(other, _)| is_before(*other)) {
            first = Some((*number, source));
        }
    }
    first.and_then(|(_, source)| source.looks.pop_front())
}

impl Source {
    fn look_ahead(&mut self, query: &ListQuery, most: usize) {
        if !self.looks.is_empty() {
            return;
        }
        let Some(ahead) = self.ahead.take() else { return };
        self.looks = self.state.state.lock().look(&self.task, query, ahead, most).into();
        if self.looks.len() >= most {
            self.ahead = behind(query.order, self.looks.back().map(|look| Cursor(look.number)));
        }
    }
}

/// The numbers that follow `after` in the order of a list; none if there are none.
fn behind(order: ListOrder, after: Option<Cursor>) -> Option<RangeInclusive<u64>> {
    match (order, after) {
        (_, None) => Some(0..=u64::MAX),
        (ListOrder::NewestFirst, Some(Cursor(number))) => Some(0..=number.checked_sub(1)?),
        (ListOrder::OldestFirst, Some(Cursor(number))) => Some(number.checked_add(1)?..=u64::MAX),
    }
}
