//! Reading jobs: one job, its history, part of a list, and counts.

use std::ops::RangeInclusive;
use std::sync::Arc;

use saggar_job::{JobId, Run, Status, TaskKey, Timestamp};

use super::super::status_index::Walk;
use super::TaskState;
use crate::{Counts, Hint, History, Job, ListOrder, ListQuery, ListedJob, LogLine};

/// A job that was examined for a list.
pub(in super::super) struct ExaminedJob {
    /// Its insertion number.
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

    /// Stores a recording; returns whether it is done ([`Recordings::put`](super::super::recordings::Recordings::put)).
    pub(in super::super) fn keep_recording(&mut self, id: JobId, run: Run, bytes: &Arc<[u8]>) -> bool {
        let Some(record) = self.records.get_mut(&id) else { return true };
        record.is_recorded = true;
        self.recordings.put(id, run, bytes)
    }

    /// Examines up to `most` jobs whose insertion numbers are in `numbers` and that have the status of `query`, in its
    /// order.
    pub(in super::super) fn examine(
        &self,
        task: &TaskKey,
        query: &ListQuery,
        numbers: RangeInclusive<u64>,
        most: usize,
    ) -> Vec<ExaminedJob> {
        let added_last = query.added_before.map_or(u64::MAX, |before| before.0.saturating_sub(1));
        let walk = Walk {
            statuses: query.status.as_ref().map_or(&Status::ALL, std::slice::from_ref),
            numbers,
            added: query.added_from.unwrap_or_default()..=Timestamp(added_last),
            newest_first: query.order == ListOrder::NewestFirst,
        };
        let mut examined = Vec::new();
        self.status_index.walk(&walk, |entry| {
            let record = self.records.get(&entry.id).filter(|record| {
                query.matches(task, entry.id, record.added_at, &record.life, record.progress.as_deref())
            });
            examined
                .push(ExaminedJob { number: entry.number, job: record.map(|record| record.listed(task, entry.id)) });
            examined.len() < most
        });
        examined
    }

    pub(in super::super) fn counts(&self) -> Counts {
        let by_status = |status: Status| self.by_status[status as usize];
        Counts {
            waiting: by_status(Status::Waiting),
            delayed: self.ready_queue.delayed(),
            on_hold: self.on_hold,
            running: by_status(Status::Running),
            success: by_status(Status::Success),
            failure: by_status(Status::Failure),
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
