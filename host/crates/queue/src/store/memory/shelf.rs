//! One task's jobs and the steps on them. Everything here happens under the task's lock: no step is longer than the
//! number of things it was asked for.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use saggar_job::{JobId, Life, Refusal, RetryPolicy, State, Status, Step, Timestamp, transition};

use super::ended::Ended;
use super::line::{Line, Spot};
use super::outbox::{About, Outbox};
use super::record::{Due, Record};
use crate::{
    AddError, Cancelled, Claimed, ClaimedJob, ClaimedNotice, ClaimedNotices, Counts, End, Finish, Finished, Happened,
    Job, LogLine, NewJob, NoticeNumber, Retention, Rules, StoreError, Told,
};

/// Decides nothing in a step that is no finish.
const NO_CHANCE: f64 = 0.5;

#[derive(Default)]
pub(super) struct Shelf {
    /// Boxed, so that a map that grows moves pointers and not a million records while the lock is held.
    records: HashMap<JobId, Box<Record>, RandomState>,
    line: Line,
    outbox: Outbox,
    kept_success: Ended,
    kept_failure: Ended,
    last_id: u64,
    waiting: usize,
    held: usize,
    running: usize,
    succeeded: usize,
    failed: usize,
    added: u64,
    /// Notices of ends that wait until the notice of the adding is finished.
    parked: usize,
}

impl Shelf {
    pub(super) fn add(&mut self, jobs: Vec<NewJob>, rules: &Rules, now: Timestamp) -> Result<Vec<JobId>, AddError> {
        if jobs.len() > rules.size.saturating_sub(self.waiting) {
            return Err(AddError::QueueFull { size: rules.size });
        }
        let ids = self.ids_for(&jobs)?;
        for (id, job) in ids.iter().zip(jobs) {
            self.insert(*id, job, rules.add_handler, now);
        }
        Ok(ids)
    }

    /// The ids that the jobs get, if they are added.
    fn ids_for(&self, jobs: &[NewJob]) -> Result<Vec<JobId>, AddError> {
        let mut last = self.last_id;
        let mut ids = Vec::with_capacity(jobs.len());
        let mut given: HashSet<JobId, RandomState> = HashSet::default();
        for job in jobs {
            let id = match job.id {
                Some(JobId(0)) => return Err(AddError::InvalidId),
                Some(id) if self.records.contains_key(&id) || given.contains(&id) => {
                    return Err(AddError::DuplicateId { id });
                }
                Some(id) => id,
                None => JobId(last.checked_add(1).ok_or(AddError::IdsExhausted)?),
            };
            last = last.max(id.0);
            ids.push(id);
            if jobs.len() > 1 {
                given.insert(id);
            }
        }
        Ok(ids)
    }

    fn insert(&mut self, id: JobId, mut job: NewJob, held: bool, now: Timestamp) {
        let run_at = now.plus_ms(job.delay_ms);
        let (spot, due) = if held {
            self.held += 1;
            self.outbox.put(id, About::Added);
            (Spot::Nowhere, Due::Added)
        } else {
            (self.line.enter(id, job.priority, run_at, now), Due::Nothing)
        };
        let record = Box::new(Record {
            life: Life::new(run_at, held),
            origin: job.take_origin(),
            args: job.args,
            priority: job.priority,
            added_at: now,
            spot,
            due,
            progress: None,
            log: None,
        });
        self.records.insert(id, record);
        self.last_id = self.last_id.max(id.0);
        self.waiting += 1;
        self.added += 1;
    }

    pub(super) fn claim(&mut self, most: usize, now: Timestamp) -> Result<Claimed, StoreError> {
        let mut jobs = Vec::new();
        while jobs.len() < most
            && let Some(job) = self.claim_first(now)?
        {
            jobs.push(job);
        }
        Ok(Claimed { jobs, left: self.line.left() })
    }

    fn claim_first(&mut self, now: Timestamp) -> Result<Option<ClaimedJob>, StoreError> {
        let records = &mut self.records;
        self.line.promote(now, |id, spot| {
            if let Some(record) = records.get_mut(&id) {
                record.spot = spot;
            }
        });
        let Some(id) = self.line.pop() else { return Ok(None) };
        let Some(record) = self.records.get_mut(&id) else { return Ok(None) };
        record.spot = Spot::Nowhere;
        // It was due when it took its place; the clock may have gone back since.
        let now = match record.life.state {
            State::Waiting { run_at, .. } => now.max(run_at),
            _ => now,
        };
        record.life = step(id, &record.life, Step::Claim, now)?;
        self.waiting -= 1;
        self.running += 1;
        let Life { attempt, run, .. } = record.life;
        Ok(Some(ClaimedJob { id, run, attempt, args: record.args.clone(), origin: record.origin.clone() }))
    }

    pub(super) fn finish(
        &mut self,
        finish: Finish,
        claim_next: bool,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        let Finish { id, run, end, progress, chance } = finish;
        let gone = StoreError::Refused { id, refusal: Refusal::Ended };
        let record = self.records.get_mut(&id).ok_or(gone)?;
        let step = match end {
            End::Outcome(outcome) => Step::Finish(run, outcome),
            End::PutBack => Step::PutBack(run),
        };
        let life = transition(&record.life, step, &rules.retry, now, chance);
        record.life = life.map_err(|refusal| StoreError::Refused { id, refusal })?;
        if let Some(progress) = progress {
            record.progress = Some(Box::new(progress));
        }
        self.running -= 1;
        let (status, mut run_at, mut reason) = (record.life.state.status(), None, None);
        match &record.life.state {
            State::Waiting { run_at: at, .. } => {
                run_at = Some(*at);
                record.spot = self.line.enter(id, record.priority, *at, now);
                self.waiting += 1;
            }
            State::Failure { reason: why, .. } => reason = Some(*why),
            State::Success { .. } | State::Running { .. } => {}
        }
        let noticed = self.keep_ended(id, rules);
        let next = if claim_next { self.claim_first(now)? } else { None };
        Ok(Finished { status, run_at, reason, noticed, next, left: self.line.left() })
    }

    pub(super) fn cancel(&mut self, id: JobId, rules: &Rules, now: Timestamp) -> Result<Option<Cancelled>, StoreError> {
        let Some(record) = self.records.get_mut(&id) else { return Ok(None) };
        let held = matches!(record.life.state, State::Waiting { held: true, .. });
        record.life = step(id, &record.life, Step::Cancel, now)?;
        if let State::Running { run, .. } = record.life.state {
            return Ok(Some(Cancelled::Stopping(run)));
        }
        self.line.leave(record.spot, record.priority);
        record.spot = Spot::Nowhere;
        self.waiting -= 1;
        self.held -= usize::from(held);
        Ok(Some(Cancelled::Ended { noticed: self.keep_ended(id, rules) }))
    }

    /// Counts a job that has just ended, and leaves the notice that `rules` want. Answers whether that can be taken now.
    /// Does nothing for a job that has not ended.
    fn keep_ended(&mut self, id: JobId, rules: &Rules) -> bool {
        let Some(record) = self.records.get_mut(&id) else { return false };
        let wanted = match record.life.state.status() {
            Status::Success => {
                self.succeeded += 1;
                rules.success_handler
            }
            Status::Failure => {
                self.failed += 1;
                rules.error_handler
            }
            Status::Waiting | Status::Running => return false,
        };
        match (wanted, record.due) {
            (true, Due::Added) => {
                record.due = Due::AddedThenEnd;
                self.parked += 1;
                false
            }
            (true, _) => {
                record.due = Due::End;
                self.outbox.put(id, About::End);
                true
            }
            (false, _) => {
                self.let_go(id);
                false
            }
        }
    }

    /// Lets the retention of a job that has ended come to its end, once nothing of it is to be told any more.
    fn let_go(&mut self, id: JobId) {
        let Some(record) = self.records.get(&id).filter(|record| record.due == Due::Nothing) else { return };
        match record.life.state {
            State::Success { ended_at, .. } => self.kept_success.put(id, ended_at),
            State::Failure { ended_at, .. } => self.kept_failure.put(id, ended_at),
            State::Waiting { .. } | State::Running { .. } => {}
        }
    }

    pub(super) fn get(&self, id: JobId) -> Option<Job> {
        self.records.get(&id).map(|record| record.job(id))
    }

    pub(super) fn claim_notices(&mut self, most: usize, now: Timestamp) -> ClaimedNotices {
        let mut notices = Vec::new();
        while notices.len() < most
            && let Some((number, entry)) = self.outbox.take(now)
        {
            let Some(record) = self.records.get(&entry.id) else { continue };
            let happened = match entry.about {
                About::Added => Happened::Added,
                About::End => record.end().unwrap_or(Happened::Added),
            };
            let (attempt, origin) = (record.life.attempt, record.origin.clone());
            notices.push(ClaimedNotice { number, id: entry.id, happened, attempt, tries: entry.tries, origin });
        }
        ClaimedNotices { notices, left: self.outbox.left(now) }
    }

    pub(super) fn finish_notice(&mut self, number: NoticeNumber, now: Timestamp) -> Told {
        let mut noticed = false;
        if let Some(entry) = self.outbox.remove(number)
            && let Some(record) = self.records.get_mut(&entry.id)
        {
            noticed = record.due == Due::AddedThenEnd;
            if noticed {
                record.due = Due::End;
                self.parked -= 1;
                self.outbox.put(entry.id, About::End);
            } else {
                record.due = Due::Nothing;
                self.release(entry.id, now);
                self.let_go(entry.id);
            }
        }
        Told { line: self.line.left(), noticed }
    }

    /// Lets a held job into the line. Does nothing if it has ended.
    fn release(&mut self, id: JobId, now: Timestamp) {
        let Some(record) = self.records.get_mut(&id) else { return };
        let Ok(life) = step(id, &record.life, Step::Release, now) else { return };
        record.life = life;
        if let State::Waiting { run_at, .. } = record.life.state {
            record.spot = self.line.enter(id, record.priority, run_at, now);
            self.held -= 1;
        }
    }

    pub(super) fn put_off_notice(&mut self, number: NoticeNumber, until: Timestamp) {
        self.outbox.put_off(number, until);
    }

    pub(super) fn append_log(&mut self, id: JobId, lines: Vec<LogLine>) {
        if let Some(record) = self.records.get_mut(&id) {
            record.log.get_or_insert_default().append(lines);
        }
    }

    pub(super) fn logs(&self, id: JobId) -> Option<Vec<LogLine>> {
        let record = self.records.get(&id)?;
        Some(record.log.as_ref().map(|log| log.lines()).unwrap_or_default())
    }

    pub(super) fn prune(&mut self, most: usize, rules: &Rules, now: Timestamp) -> usize {
        let Retention { success_ms, failure_ms } = rules.retention;
        for pruned in 0..most {
            let id = if let Some(id) = self.kept_success.take_due(success_ms, now) {
                self.succeeded -= 1;
                id
            } else if let Some(id) = self.kept_failure.take_due(failure_ms, now) {
                self.failed -= 1;
                id
            } else {
                return pruned;
            };
            self.records.remove(&id);
        }
        most
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            waiting: self.waiting,
            delayed: self.line.delayed(),
            held: self.held,
            running: self.running,
            success: self.succeeded,
            failure: self.failed,
            notices: self.outbox.len() + self.parked,
            added: self.added,
            first_ready_at: self.line.first_ready_at(),
        }
    }
}

/// A step in which no attempt ends, so that neither the retry policy nor chance has a say.
fn step(id: JobId, life: &Life, step: Step, now: Timestamp) -> Result<Life, StoreError> {
    transition(life, step, &RetryPolicy::default(), now, NO_CHANCE)
        .map_err(|refusal| StoreError::Refused { id, refusal })
}
