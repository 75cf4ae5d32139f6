//! Looking at jobs: one, its history, some of a list, and how many stand where.

use std::ops::RangeInclusive;

use saggar_job::{JobId, Status, TaskKey, Timestamp};

use super::super::status_index::Walk;
use super::TaskState;
use crate::{Counts, Hint, History, Job, ListOrder, ListQuery, ListedJob, LogLine};

/// A job that was looked at for a list.
pub(in super::super) struct Look {
    /// The number of its adding.
    pub(in super::super) number: u64,
    /// What the list shows of it, if it matches.
    pub(in super::super) job: Option<ListedJob>,
}

impl TaskState {
    pub(in super::super) fn get(&self, id: JobId) -> Option<Job> {
        self.records.get(&id).map(|record| record.job(id, &self.ends.outbox))
    }

    pub(in super::super) fn history(&self, id: JobId) -> Option<History> {
        self.records.get(&id).map(|record| record.history())
    }

    pub(in super::super) fn append_log(&mut self, id: JobId, lines: Vec<LogLine>) {
        if let Some(record) = self.records.get_mut(&id) {
            let bytes = record.bytes();
            record.log.get_or_insert_default().append(lines);
            self.kept.change(bytes, record.bytes());
            self.notify(Hint::LogGrown(id));
        }
    }

    /// Looks at up to `most` jobs whose numbers are in `numbers` and that stand where `query` asks, in its order.
    pub(in super::super) fn look(
        &self,
        task: &TaskKey,
        query: &ListQuery,
        numbers: RangeInclusive<u64>,
        most: usize,
    ) -> Vec<Look> {
        let added_last = query.added_before.map_or(u64::MAX, |before| before.0.saturating_sub(1));
        let walk = Walk {
            statuses: query.status.as_ref().map_or(&Status::ALL, std::slice::from_ref),
            numbers,
            added: query.added_from.unwrap_or_default()..=Timestamp(added_last),
            newest_first: query.order == ListOrder::NewestFirst,
        };
        let mut looks = Vec::new();
        self.status_index.walk(&walk, |entry| {
            let record = self.records.get(&entry.id).filter(|record| {
                query.matches(task, entry.id, record.added_at, &record.life, record.progress.as_deref())
            });
            looks.push(Look { number: entry.number, job: record.map(|record| record.listed(task, entry.id)) });
            looks.len() < most
        });
        looks
    }

    pub(in super::super) fn counts(&self) -> Counts {
        let standing = |status: Status| self.standing[status as usize];
        Counts {
            waiting: standing(Status::Waiting),
            delayed: self.ready_queue.delayed(),
            held: self.held,
            running: standing(Status::Running),
            success: standing(Status::Success),
            failure: standing(Status::Failure),
            callbacks: self.ends.outbox.len() + self.ends.parked,
            deferred: self.ends.outbox.deferred(),
            given_up: self.ends.given_up,
            added: self.added,
            bytes: self.kept.bytes(),
            paused: self.paused,
            first_ready_at: self.ready_queue.first_ready_at(),
        }
    }
}
