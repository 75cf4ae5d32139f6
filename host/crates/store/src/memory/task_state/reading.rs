//! Reading jobs: one job, its history, part of a list, and counts.

use std::ops::RangeInclusive;
use std::sync::Arc;

use saggar_job::{JobId, Run, Status, TaskKey, Timestamp};

use super::super::record::Record;
use super::super::status_index::{IndexEntry, Walk};
use super::TaskState;
use crate::{Counts, Cursor, Hint, History, Job, JobTexts, ListOrder, ListQuery, ListedJob, LogLine};

/// A job that was examined for a list.
pub(in super::super) struct ExaminedJob {
    /// Its insertion number.
    pub(in super::super) number: u64,
    /// What the list shows of it, if it matches.
    pub(in super::super) job: Option<ListedJob>,
    /// Texts that have to match as well.
    pub(in super::super) texts: Option<JobTexts>,
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

    /// Examines up to `most` jobs whose insertion numbers are in `numbers` and that have a status of `query`, in its
    /// order.
    pub(in super::super) fn examine(
        &self,
        task: &TaskKey,
        query: &ListQuery,
        numbers: RangeInclusive<u64>,
        most: usize,
    ) -> Vec<ExaminedJob> {
        if let Some(entries) = self.named(task, query) {
            return self.examine_named(task, query, &numbers, entries, most);
        }
        let added_last = query.added_before.map_or(u64::MAX, |before| before.0.saturating_sub(1));
        let walk = Walk {
            statuses: if query.statuses.is_empty() { &Status::ALL } else { &query.statuses },
            numbers,
            added: query.added_from.unwrap_or_default()..=Timestamp(added_last),
            newest_first: query.order == ListOrder::NewestFirst,
        };
        let mut examined = Vec::new();
        self.status_index.walk(&walk, |entry| {
            examined.push(self.examine_one(task, query, entry));
            examined.len() < most
        });
        examined
    }

    /// Returns the only jobs of the task that `query` names, by their ids or their key; `None` if it names none.
    fn named(&self, task: &TaskKey, query: &ListQuery) -> Option<Vec<IndexEntry>> {
        let ids = match &query.filter.key {
            Some(key) => self.names.by_key(key).into_iter().collect(),
            None => query.filter.ids_of(&task.task)?,
        };
        let entry = |id: &JobId| self.status_index.entry(self.records.get(id)?.slot);
        Some(ids.iter().filter_map(entry).collect())
    }

    /// Examines up to `most` jobs of `entries` as [`examine`](Self::examine) does.
    fn examine_named(
        &self,
        task: &TaskKey,
        query: &ListQuery,
        numbers: &RangeInclusive<u64>,
        mut entries: Vec<IndexEntry>,
        most: usize,
    ) -> Vec<ExaminedJob> {
        let has_status =
            |id: &JobId| self.records.get(id).is_some_and(|record| query.has_status(record.life.state.status()));
        entries.retain(|entry| numbers.contains(&entry.number) && has_status(&entry.id));
        entries.sort_unstable_by_key(|entry| entry.number);
        entries.dedup();
        if query.order == ListOrder::NewestFirst {
            entries.reverse();
        }
        entries.into_iter().take(most).map(|entry| self.examine_one(task, query, entry)).collect()
    }

    fn examine_one(&self, task: &TaskKey, query: &ListQuery, entry: IndexEntry) -> ExaminedJob {
        let record = self.records.get(&entry.id).map(|record| &**record);
        let record = record.filter(|record| record.matches(task, entry.id, query));
        let listed = |record: &Record| {
            let mut job = record.listed(task, entry.id);
            job.cursor = Cursor(entry.number);
            job.args = query.with_args.then(|| ListQuery::shown_args(&record.args));
            job
        };
        let needs_texts = query.filter.needs_texts() || query.with_failures;
        let texts = record.filter(|_| needs_texts).map(|record| record.texts(query));
        ExaminedJob { number: entry.number, job: record.map(listed), texts }
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
