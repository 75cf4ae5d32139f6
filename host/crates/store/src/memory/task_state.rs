//! One task's jobs and the steps on them. Everything here runs under the task's lock: no step takes longer than the
//! number of items that it was asked for.
//!
//! Adding, claiming and finishing are here; `changing`, `delivery` and `reading` contain the other steps.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use saggar_job::{Failure, JobId, Life, Outcome, Refusal, Run, State, Status, Timestamp};

use super::names::Names;
use super::ready_queue::{Position, ReadyQueue};
use super::record::{Due, Labels, PreviousAttempt, Record};
use super::recordings::Recordings;
use super::status_index::{StatusIndex, Walk};
use crate::step::plan::{Bounds, ExistingJobs, added_event, plan_add};
use crate::step::{self, Effects, QueueChange};
use crate::{
    AddError, Added, Attempts, Claimed, ClaimedJob, End, EndResult, Finish, Finished, Hint, Lane, Needs, NewJob,
    NextDue, Notification, Rules, StoreError, StoreEvent,
};

mod bytes;
mod changing;
mod delivery;
mod reading;
mod unwanted;

pub(super) use bytes::Kept;
use delivery::Ends;
pub(super) use reading::ExaminedJob;

#[derive(Default)]
pub(super) struct TaskState {
    /// Boxed, so that a growing map moves pointers and not a million records under the lock.
    records: HashMap<JobId, Box<Record>, RandomState>,
    ready_queue: ReadyQueue,
    status_index: StatusIndex,
    names: Names,
    ends: Ends,
    last_id: u64,
    /// Jobs per status.
    by_status: [usize; 4],
    on_hold: usize,
    added: u64,
    pub(super) kept: Kept,
    pub(super) recordings: Recordings,
    paused: bool,
    pub(super) promoted_at_once: usize,
    opened: bool,
    /// The notifications of the current step for the observer.
    pub(super) notifications: Vec<Notification>,
}

impl TaskState {
    pub(super) fn new(recordings: Recordings) -> Self {
        Self { recordings, ..Self::default() }
    }

    /// Ends the attempts that a dead process left running, if this is the first opening.
    pub(super) fn open(&mut self, rules: &Rules, now: Timestamp) {
        if std::mem::replace(&mut self.opened, true) {
            return;
        }
        let mut running = Vec::new();
        let added = Timestamp(0)..=Timestamp(u64::MAX);
        let walk = Walk { statuses: &[Status::Running], numbers: 0..=u64::MAX, added, newest_first: false };
        self.status_index.walk(&walk, |entry| {
            running.extend(self.records.get(&entry.id).map(|record| (entry.id, record.life.run)));
            true
        });
        for (id, run) in running {
            let end = End::Outcome(Outcome::Failure(Failure::lost()));
            let finish =
                Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: step::NO_CHANCE };
            // A running attempt can be finished with its own fence.
            let _ = self.finish(finish, false, rules, now);
        }
    }

    /// Returns the whole state and leaves an empty one, of which nothing is counted.
    pub(super) fn remove(&mut self) -> Self {
        let bytes = self.kept.bytes();
        self.kept.change(bytes, 0);
        self.kept.of_tenant.waiting.change(self.counts().waiting as u64, 0);
        self.recordings.forget();
        std::mem::take(self)
    }

    /// Returns how many jobs there are.
    pub(super) fn jobs(&self) -> u64 {
        self.records.len() as u64
    }

    /// Drops up to `most` jobs and recordings of a removed state; returns how many.
    pub(super) fn drop_records(&mut self, most: usize) -> usize {
        let dropped = self.records.extract_if(|_, _| true).take(most).count();
        dropped + self.recordings.free(most - dropped)
    }

    /// Returns the state that the next process finds, if this one dies now.
    #[cfg(any(test, feature = "conformance"))]
    pub(super) fn die(&mut self) -> Self {
        self.ends.outbox.requeue_all();
        Self { opened: false, ..std::mem::take(self) }
    }

    pub(super) fn add(
        &mut self,
        jobs: Vec<NewJob>,
        rules: &Rules,
        now: Timestamp,
        numbers: &AtomicU64,
    ) -> Result<Vec<Added>, AddError> {
        // Overdue jobs count as ready.
        self.promote(&mut 0, now);
        let all_bytes = self.kept.of_all();
        let bounds = Bounds { rules, counts: self.counts(), all_bytes, last_id: self.last_id, now };
        let added = match plan_add(&jobs, self, &bounds) {
            Ok(planned) => planned?,
            Err(never) => match never {},
        };
        self.kept.of_tenant.take(&Needs::of(&jobs, &added)).map_err(AddError::QuotaExceeded)?;
        let event = added_event(&jobs, &added, rules, now);
        let new = added.iter().filter(|added| added.is_new).count();
        // Under the lock, so that the numbers of a task are in its order.
        let mut number = numbers.fetch_add(new as u64, Ordering::Relaxed);
        for (added, job) in added.iter().zip(jobs).filter(|(added, _)| added.is_new) {
            number += 1;
            self.insert(number, added.id, job, rules.add_handler, now);
        }
        event.into_iter().for_each(|event| self.notify(event));
        Ok(added)
    }

    fn notify(&mut self, notification: impl Into<Notification>) {
        self.notifications.push(notification.into());
    }

    fn insert(&mut self, number: u64, id: JobId, mut job: NewJob, on_hold: bool, now: Timestamp) {
        let run_at = job.due_at(now);
        let (position, due) = if on_hold {
            self.on_hold += 1;
            (Position::Nowhere, Due::Added(self.ends.outbox.put(id, Lane::Adds)))
        } else {
            (self.ready_queue.enter(id, job.priority, run_at, now), Due::Nothing)
        };
        let origin = job.take_origin();
        let NewJob { args, priority, key, unique, .. } = job;
        let labels = (key.is_some() || unique.is_some()).then(|| Box::new(Labels { key, unique }));
        if let Some(labels) = &labels {
            self.names.enter(id, labels);
        }
        let mut record = Box::new(Record {
            life: Life::new(run_at, on_hold),
            origin,
            args,
            priority,
            added_at: now,
            position,
            claimed_from: None,
            previous_attempt: None,
            slot: self.status_index.enter(number, id, now, Status::Waiting),
            due,
            attempts: Attempts::default(),
            counted: 0,
            labels,
            progress: None,
            log: None,
            given_up: Vec::new(),
            is_recorded: false,
        });
        record.recount();
        self.kept.add_taken(record.counted);
        self.records.insert(id, record);
        self.last_id = self.last_id.max(id.0);
        self.by_status[Status::Waiting as usize] += 1;
        self.added += 1;
    }

    pub(super) fn may_claim(&self) -> bool {
        !self.paused && self.by_status[Status::Waiting as usize] > 0
    }

    pub(super) fn claim(&mut self, most: usize, now: Timestamp) -> Result<Claimed, StoreError> {
        let (mut jobs, mut promoted) = (Vec::new(), 0);
        while jobs.len() < most
            && let Some(job) = self.claim_first(&mut promoted, now)?
        {
            jobs.push(job);
        }
        Ok(Claimed { jobs, next_due: self.next_due() })
    }

    /// Promotes due jobs. `promoted` counts the jobs that this step has promoted.
    fn promote(&mut self, promoted: &mut usize, now: Timestamp) {
        let records = &mut self.records;
        // At least the one that may be claimed next.
        let most = self.promoted_at_once.saturating_sub(*promoted).max(1);
        *promoted += self.ready_queue.promote(most, now, |id, position| {
            if let Some(record) = records.get_mut(&id) {
                record.position = position;
            }
        });
    }

    fn claim_first(&mut self, promoted: &mut usize, now: Timestamp) -> Result<Option<ClaimedJob>, StoreError> {
        if self.paused {
            return Ok(None);
        }
        self.promote(promoted, now);
        let Some((id, claimed_from)) = self.ready_queue.pop() else { return Ok(None) };
        let Some(record) = self.records.get_mut(&id) else { return Ok(None) };
        record.position = Position::Nowhere;
        let (run_at, problem) = match &mut record.life.state {
            State::Waiting { run_at, problem, .. } => (*run_at, problem.take()),
            _ => (now, None),
        };
        record.claimed_from = Some((claimed_from, run_at));
        let progress = record.progress.take();
        let has_previous = problem.is_some() || progress.is_some();
        record.previous_attempt = has_previous.then(|| Box::new(PreviousAttempt { problem, progress }));
        // The job was due when it was promoted; the clock may have gone back since.
        let now = now.max(run_at);
        record.life = step::claim(&record.life, now).map_err(|refusal| StoreError::Refused { id, refusal })?;
        let Life { attempt, run, .. } = record.life;
        let (args, origin) = (record.args.clone(), record.origin.clone());
        let claimed = ClaimedJob { id, run, attempt, args, origin, ready_at: claimed_from.since };
        change_status(&mut self.by_status, &mut self.status_index, &self.kept, record, Status::Waiting);
        Ok(Some(claimed))
    }

    pub(super) fn release(&mut self, id: JobId, run: Run, rules: &Rules, now: Timestamp) {
        let Some(record) = self.records.get_mut(&id).filter(|record| record.life.run == run) else { return };
        let State::Running { cancelling, .. } = record.life.state else { return };
        if cancelling {
            let (end, progress) = (End::Requeue, None);
            let finish = Finish { id, run, end, progress, cost: None, with_snapshot: false, chance: step::NO_CHANCE };
            // A running attempt can be finished with its own fence.
            if let Ok(EndResult { callback, .. }) = self.end(finish, rules, now) {
                self.notify(StoreEvent::Cancelled { id, callback, at: now });
            }
            return;
        }
        let Some((claimed_from, run_at)) = record.claimed_from.take() else { return };
        let before = record.previous_attempt.take().map(|before| *before);
        let (problem, progress) = before.map_or((None, None), |before| (before.problem, before.progress));
        record.progress = progress;
        step::release(&mut record.life, run_at, problem);
        record.position = self.ready_queue.push_back(id, record.priority, claimed_from);
        change_status(&mut self.by_status, &mut self.status_index, &self.kept, record, Status::Running);
        self.notify(Hint::Ready(NextDue::Now));
    }

    pub(super) fn finish(
        &mut self,
        finish: Finish,
        claim_next: bool,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        let (id, run, ending) = (finish.id, finish.run, finish.end.ending());
        let result = self.end(finish, rules, now)?;
        let status = result.status;
        self.notify(StoreEvent::Ended { id, run, ending, result, at: now });
        let next = if claim_next { self.claim_first(&mut 0, now)? } else { None };
        Ok(Finished { status, next })
    }

    fn end(&mut self, mut finish: Finish, rules: &Rules, now: Timestamp) -> Result<EndResult, StoreError> {
        let (id, progress, with_snapshot) = (finish.id, finish.progress.take(), finish.with_snapshot);
        let unknown = StoreError::Refused { id, refusal: Refusal::Ended };
        let record = self.records.get_mut(&id).ok_or(unknown)?;
        let effects = step::finish(&record.life, record.due.pending(), finish, rules, now);
        let effects = effects.map_err(|refusal| StoreError::Refused { id, refusal })?;
        if let Some(progress) = progress {
            record.progress = Some(Box::new(progress));
        }
        let mut result = effects.result(None);
        self.apply(id, effects, now);
        if with_snapshot && matches!(result.status, Status::Success | Status::Failure) {
            result.snapshot = self.get(id).map(Arc::new);
        }
        Ok(result)
    }

    /// Writes the effects of a step on a job.
    fn apply(&mut self, id: JobId, effects: Effects, now: Timestamp) {
        let Some(record) = self.records.get_mut(&id) else { return };
        let Effects { life, queue, pending, new_callback, attempt, log, releases_unique, expires } = effects;
        let bytes = record.bytes();
        let before = std::mem::replace(&mut record.life, life);
        attempt.into_iter().for_each(|attempt| record.attempts.push(attempt));
        log.into_iter().for_each(|line| record.log(line));
        if let (State::Waiting { on_hold: true, .. }, false) = (&before.state, is_held(&record.life)) {
            self.on_hold -= 1;
        }
        move_in_queue(&mut self.ready_queue, id, record, queue, now);
        if before.state.status() != record.life.state.status() {
            let from = before.state.status();
            change_status(&mut self.by_status, &mut self.status_index, &self.kept, record, from);
        }
        if let (true, Some(labels)) = (releases_unique, &record.labels) {
            self.names.end(id, labels);
        }
        self.ends.set_pending(id, record, pending, new_callback);
        // A running attempt does not change the counted bytes; its end does.
        if !matches!(record.life.state, State::Running { .. }) {
            self.kept.recount(bytes, record);
        }
        if expires {
            self.ends.retain(id, record);
        }
    }

    /// Returns when the next job can be claimed.
    fn next_due(&self) -> NextDue {
        if self.paused { NextDue::Nothing } else { self.ready_queue.next_due() }
    }
}

/// Updates the counts and the status index for the job of `record`, whose status was `from`.
fn change_status(
    by_status: &mut [usize; 4],
    status_index: &mut StatusIndex,
    kept: &Kept,
    record: &Record,
    from: Status,
) {
    let to = record.life.state.status();
    kept.change_status(Some(from), Some(to));
    by_status[from as usize] -= 1;
    by_status[to as usize] += 1;
    status_index.change(record.slot, from, to);
}

fn is_held(life: &Life) -> bool {
    matches!(life.state, State::Waiting { on_hold: true, .. })
}

/// Changes a job's position in the queue.
fn move_in_queue(queue: &mut ReadyQueue, id: JobId, record: &mut Record, change: QueueChange, now: Timestamp) {
    let State::Waiting { run_at, .. } = record.life.state else {
        if change == QueueChange::Leave {
            queue.leave(record.position, record.priority);
            record.position = Position::Nowhere;
        }
        return;
    };
    record.position = match (change, record.claimed_from) {
        (QueueChange::Return, Some((claimed_from, _))) => queue.enter_at(id, record.priority, claimed_from, now),
        (QueueChange::Return | QueueChange::Enter, _) => queue.enter(id, record.priority, run_at, now),
        (QueueChange::Stay | QueueChange::Leave, _) => record.position,
    };
}

impl ExistingJobs for TaskState {
    type Error = Infallible;

    fn by_key(&self, key: &str) -> Result<Option<JobId>, Infallible> {
        Ok(self.names.by_key(key))
    }

    fn by_fingerprint(&self, fingerprint: &str) -> Result<Option<JobId>, Infallible> {
        Ok(self.names.by_fingerprint(fingerprint))
    }

    fn is_taken(&self, id: JobId) -> Result<bool, Infallible> {
        Ok(self.records.contains_key(&id))
    }

    fn is_other(&self, id: JobId, job: &NewJob) -> Result<bool, Infallible> {
        let unique = |record: &Record| record.labels.as_ref().and_then(|labels| labels.unique.clone());
        let is_other = |record: &Record| job.is_other(&record.args, record.priority, unique(record).as_deref());
        Ok(self.records.get(&id).is_some_and(|record| is_other(record)))
    }
}
