//! One task's jobs and the steps on them. Everything here happens under the task's lock: no step is longer than the
//! number of things it was asked for.
//!
//! Adding, claiming and finishing stand here; `changing`, `telling` and `looking` have the other steps.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use saggar_job::{JobId, Life, Outcome, Refusal, RetryPolicy, Run, State, Status, Step, Timestamp, transition};

use super::super::PROMOTED_AT_ONCE;
use super::super::observer::Notification;
use super::line::{Line, Spot};
use super::names::{Names, Twin};
use super::record::{Before, Due, Labels, Record};
use super::register::{Register, Walk};
use crate::{
    AddError, Added, AttemptRecord, Attempts, Claimed, ClaimedJob, End, EndResult, Finish, Finished, Hint, KeyOwner,
    KeyReuse, Lane, Left, LogLine, NewJob, Rules, StoreError, StoreEvent,
};

mod bytes;
mod changing;
mod looking;
mod telling;
mod unwanted;

pub(super) use bytes::Kept;
pub(super) use looking::Look;
use telling::Ends;

/// Decides nothing in a step that is no finish, and is no chance in the finish of a lost attempt.
const NO_CHANCE: f64 = 0.5;

#[derive(Default)]
pub(super) struct Shelf {
    /// Boxed, so that a map that grows moves pointers and not a million records while the lock is held.
    records: HashMap<JobId, Box<Record>, RandomState>,
    line: Line,
    register: Register,
    names: Names,
    ends: Ends,
    last_id: u64,
    /// How many jobs stand where.
    standing: [usize; 4],
    held: usize,
    added: u64,
    pub(super) kept: Kept,
    paused: bool,
    opened: bool,
    /// What the observer is to hear of the step of the moment.
    pub(super) notifications: Vec<Notification>,
}

impl Shelf {
    /// Ends what a dead process left running, if this is the first opening.
    pub(super) fn open(&mut self, rules: &Rules, now: Timestamp) {
        if std::mem::replace(&mut self.opened, true) {
            return;
        }
        let mut left_running = Vec::new();
        let added = Timestamp(0)..=Timestamp(u64::MAX);
        let walk = Walk { statuses: &[Status::Running], numbers: 0..=u64::MAX, added, newest_first: false };
        self.register.walk(&walk, |entry| {
            left_running.extend(self.records.get(&entry.id).map(|record| (entry.id, record.life.run)));
            true
        });
        for (id, run) in left_running {
            let end = End::Outcome(Outcome::Lost);
            let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: NO_CHANCE };
            // What runs can be finished under its own fence.
            let _ = self.finish(finish, false, rules, now);
        }
    }

    /// The shelf as the next process finds it, if this one dies now.
    #[cfg(any(test, feature = "conformance"))]
    pub(super) fn die(&mut self) -> Self {
        self.ends.outbox.give_back_all();
        Self { opened: false, ..std::mem::take(self) }
    }

    pub(super) fn add(
        &mut self,
        jobs: Vec<NewJob>,
        rules: &Rules,
        now: Timestamp,
        numbers: &AtomicU64,
    ) -> Result<Vec<Added>, AddError> {
        let twins = self.names.twins(&jobs);
        self.check_keys(&jobs, &twins)?;
        // What is late is ready.
        self.promote(&mut 0, now);
        let is_new = |at: usize| twins.get(at).is_none_or(|twin| *twin == Twin::None);
        let new = || jobs.iter().enumerate().filter(|(at, _)| is_new(*at)).map(|(_, job)| job);
        rules.admit(&self.counts(), new(), now)?;
        let new = new().count();
        self.check_bytes(&jobs, &twins, rules)?;
        let added = self.ids_for(&jobs, &twins)?;
        // Under the lock, so that the numbers of a task are in its order.
        let mut number = numbers.fetch_add(new as u64, Ordering::Relaxed);
        let (mut ids, mut due) = (Vec::with_capacity(new), Left::Nothing);
        for (added, job) in added.iter().zip(jobs) {
            if added.is_new {
                number += 1;
                ids.push(added.id);
                due = due.or_earlier(job.due_at(now), now);
                self.insert(number, added.id, job, rules.add_handler, now);
            }
        }
        if !ids.is_empty() {
            self.tell(StoreEvent::Added { ids, on_hold: rules.add_handler, due, at: now });
        }
        Ok(added)
    }

    fn tell(&mut self, notification: impl Into<Notification>) {
        self.notifications.push(notification.into());
    }

    /// Refuses keys that are in use for other jobs.
    fn check_keys(&self, jobs: &[NewJob], twins: &[Twin]) -> Result<(), AddError> {
        let reused = jobs.iter().zip(twins).enumerate().filter_map(|(at, (job, twin))| {
            let key = job.key.as_ref()?;
            let (is_other, of) = match twin {
                Twin::None => return None,
                Twin::Kept(id) => {
                    let record = self.records.get(id)?;
                    let labels = record.labels.as_ref().filter(|labels| labels.key.as_ref() == Some(key))?;
                    (job.is_other(&record.args, record.priority, labels.unique.as_deref()), KeyOwner::Kept(*id))
                }
                Twin::Earlier(earlier) => {
                    let other = jobs.get(*earlier).filter(|other| other.key.as_ref() == Some(key))?;
                    let is_other = job.is_other(&other.args, other.priority, other.unique.as_deref());
                    (is_other, KeyOwner::Earlier(*earlier))
                }
            };
            is_other.then(|| KeyReuse { at, key: Arc::clone(key), of })
        });
        let reused: Vec<_> = reused.collect();
        if reused.is_empty() { Ok(()) } else { Err(AddError::KeyReused(reused)) }
    }

    /// Which jobs they are, if they are added.
    fn ids_for(&self, jobs: &[NewJob], twins: &[Twin]) -> Result<Vec<Added>, AddError> {
        let mut last = self.last_id;
        let mut added: Vec<Added> = Vec::with_capacity(jobs.len());
        let mut given: HashSet<JobId, RandomState> = HashSet::default();
        for (at, job) in jobs.iter().enumerate() {
            let id = match (twins.get(at), job.id) {
                (Some(Twin::Kept(id)), _) => {
                    added.push(Added { id: *id, is_new: false });
                    continue;
                }
                (Some(Twin::Earlier(at)), _) => {
                    added.push(Added { is_new: false, ..added[*at] });
                    continue;
                }
                (_, Some(JobId(0))) => return Err(AddError::InvalidId { at }),
                (_, Some(id)) if self.records.contains_key(&id) || given.contains(&id) => {
                    return Err(AddError::DuplicateId { id, at });
                }
                (_, Some(id)) => id,
                (_, None) => JobId(last.checked_add(1).ok_or(AddError::IdsExhausted { at })?),
            };
            last = last.max(id.0);
            added.push(Added { id, is_new: true });
            if jobs.len() > 1 {
                given.insert(id);
            }
        }
        Ok(added)
    }

    fn insert(&mut self, number: u64, id: JobId, mut job: NewJob, held: bool, now: Timestamp) {
        let run_at = job.due_at(now);
        let (spot, due) = if held {
            self.held += 1;
            (Spot::Nowhere, Due::Added(self.ends.outbox.put(id, Lane::Adds)))
        } else {
            (self.line.enter(id, job.priority, run_at, now), Due::Nothing)
        };
        let origin = job.take_origin();
        let NewJob { args, priority, key, unique, .. } = job;
        let labels = (key.is_some() || unique.is_some()).then(|| Box::new(Labels { key, unique }));
        if let Some(labels) = &labels {
            self.names.enter(id, labels);
        }
        let mut record = Box::new(Record {
            life: Life::new(run_at, held),
            origin,
            args,
            priority,
            added_at: now,
            spot,
            stood: None,
            stood_with: None,
            slot: self.register.enter(number, id, now, Status::Waiting),
            due,
            attempts: Attempts::default(),
            counted: 0,
            labels,
            progress: None,
            log: None,
            given_up: Vec::new(),
        });
        record.recount();
        self.kept.change(0, record.counted);
        self.records.insert(id, record);
        self.last_id = self.last_id.max(id.0);
        self.standing[Status::Waiting as usize] += 1;
        self.added += 1;
    }

    pub(super) fn may_claim(&self) -> bool {
        !self.paused && self.standing[Status::Waiting as usize] > 0
    }

    pub(super) fn claim(&mut self, most: usize, now: Timestamp) -> Result<Claimed, StoreError> {
        let (mut jobs, mut promoted) = (Vec::new(), 0);
        while jobs.len() < most
            && let Some(job) = self.claim_first(&mut promoted, now)?
        {
            jobs.push(job);
        }
        Ok(Claimed { jobs, left: self.left() })
    }

    /// `promoted`: how many delayed jobs have taken their places in this step.
    fn promote(&mut self, promoted: &mut usize, now: Timestamp) {
        let records = &mut self.records;
        // At least the one that may be claimed next.
        let most = PROMOTED_AT_ONCE.saturating_sub(*promoted).max(1);
        *promoted += self.line.promote(most, now, |id, spot| {
            if let Some(record) = records.get_mut(&id) {
                record.spot = spot;
            }
        });
    }

    fn claim_first(&mut self, promoted: &mut usize, now: Timestamp) -> Result<Option<ClaimedJob>, StoreError> {
        if self.paused {
            return Ok(None);
        }
        self.promote(promoted, now);
        let Some((id, stood)) = self.line.pop() else { return Ok(None) };
        let Some(record) = self.records.get_mut(&id) else { return Ok(None) };
        record.spot = Spot::Nowhere;
        let (run_at, problem) = match &mut record.life.state {
            State::Waiting { run_at, problem, .. } => (*run_at, problem.take()),
            _ => (now, None),
        };
        record.stood = Some((stood, run_at));
        let progress = record.progress.take();
        let has_left = problem.is_some() || progress.is_some();
        record.stood_with = has_left.then(|| Box::new(Before { problem, progress }));
        // It was due when it took its place; the clock may have gone back since.
        let now = now.max(run_at);
        record.life = step(&record.life, Step::Claim, now).map_err(|refusal| StoreError::Refused { id, refusal })?;
        let Life { attempt, run, .. } = record.life;
        let (args, origin) = (record.args.clone(), record.origin.clone());
        let claimed = ClaimedJob { id, run, attempt, args, origin, ready_at: stood.since };
        go(&mut self.standing, &mut self.register, record, Status::Waiting);
        Ok(Some(claimed))
    }

    pub(super) fn release(&mut self, id: JobId, run: Run, rules: &Rules, now: Timestamp) {
        let Some(record) = self.records.get_mut(&id).filter(|record| record.life.run == run) else { return };
        let State::Running { cancelling, .. } = record.life.state else { return };
        if cancelling {
            let (end, progress) = (End::PutBack, None);
            let finish = Finish { id, run, end, progress, cost: None, with_snapshot: false, chance: NO_CHANCE };
            // What runs can be finished under its own fence.
            if let Ok(EndResult { callback, .. }) = self.end(finish, rules, now) {
                self.tell(StoreEvent::Cancelled { id, callback, at: now });
            }
            return;
        }
        let Some((stood, run_at)) = record.stood.take() else { return };
        let before = record.stood_with.take().map(|before| *before);
        let (problem, progress) = before.map_or((None, None), |before| (before.problem, before.progress));
        record.progress = progress;
        record.life.state = State::Waiting { run_at, held: false, problem };
        record.life.attempt = record.life.attempt.saturating_sub(1);
        record.spot = self.line.push_back(id, record.priority, stood);
        go(&mut self.standing, &mut self.register, record, Status::Running);
        self.tell(Hint::Ready(Left::Ready));
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
        self.tell(StoreEvent::Ended { id, run, ending, result, at: now });
        let next = if claim_next { self.claim_first(&mut 0, now)? } else { None };
        Ok(Finished { status, next })
    }

    fn end(&mut self, finish: Finish, rules: &Rules, now: Timestamp) -> Result<EndResult, StoreError> {
        let Finish { id, run, end, progress, cost, with_snapshot, chance } = finish;
        let gone = StoreError::Refused { id, refusal: Refusal::Ended };
        let record = self.records.get_mut(&id).ok_or(gone)?;
        let bytes = record.bytes();
        let kept = AttemptRecord::new(&record.life, &end, cost, now);
        let lost = matches!(end, End::Outcome(Outcome::Lost)).then_some(record.life.attempt);
        let keeps_position = end.keeps_position();
        let step = match end {
            End::Outcome(outcome) => Step::Finish(run, outcome),
            End::Requeue => Step::Requeue(run),
        };
        let life = transition(&record.life, step, &rules.retry, now, chance);
        record.life = life.map_err(|refusal| StoreError::Refused { id, refusal })?;
        if let Some(kept) = kept {
            record.attempts.push(kept);
        }
        if let Some(attempt) = lost {
            record.log(LogLine::lost(now, attempt));
        }
        if let Some(progress) = progress {
            record.progress = Some(Box::new(progress));
        }
        go(&mut self.standing, &mut self.register, record, Status::Running);
        let (status, mut run_at, mut reason) = (record.life.state.status(), None, None);
        match &record.life.state {
            State::Waiting { run_at: at, .. } => {
                run_at = Some(*at);
                record.spot = match &record.stood {
                    Some((stood, _)) if keeps_position => self.line.enter_at(id, record.priority, *stood, now),
                    _ => self.line.enter(id, record.priority, *at, now),
                };
            }
            State::Failure { reason: why, .. } => reason = Some(*why),
            State::Success { .. } | State::Running { .. } => {}
        }
        self.kept.recount(bytes, record);
        let callback = self.ends.keep(id, record, &mut self.names, rules);
        let has_snapshot = with_snapshot && record.life.state.is_ended();
        let snapshot = has_snapshot.then(|| Arc::new(record.job(id, &self.ends.outbox)));
        Ok(EndResult { status, run_at, reason, callback, snapshot })
    }

    /// What waits in the line for claimers.
    fn left(&self) -> Left {
        if self.paused { Left::Nothing } else { self.line.left() }
    }
}

/// Counts and registers that the job of `record`, which stood at `from`, stands elsewhere now.
fn go(standing: &mut [usize; 4], register: &mut Register, record: &Record, from: Status) {
    let to = record.life.state.status();
    standing[from as usize] -= 1;
    standing[to as usize] += 1;
    register.go(record.slot, from, to);
}

/// A step in which no attempt ends, so that neither the retry policy nor chance has a say.
fn step(life: &Life, step: Step, now: Timestamp) -> Result<Life, Refusal> {
    transition(life, step, &RetryPolicy::default(), now, NO_CHANCE)
}
