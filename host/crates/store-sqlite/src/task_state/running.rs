//! Attempts: claiming, finishing, undoing a claim that did not reach its caller, and ending the attempts of a dead
//! process.

use std::sync::Arc;

use rusqlite::params;
use saggar_job::{Failure, JobId, Life, Outcome, Refusal, Run, State, Status, Timestamp};

use super::super::ready_queue::Next;
use super::super::record::{CANCELLING, Position, Record};
use super::super::shared::Live;
use super::{Attempt, Orphan, Stepped, TaskTx, refused};
use saggar_store::step;
use saggar_store::{
    Claimed, ClaimedJob, End, EndResult, Finish, Finished, Hint, NextDue, Rules, StoreError, StoreEvent,
};

impl TaskTx<'_> {
    /// Ends the attempts of a dead process, if this is the first opening.
    pub(in super::super) fn open(&mut self, rules: &Rules, now: Timestamp) -> rusqlite::Result<()> {
        self.batch_context.must_sync();
        if self.state.opened_in.is_some() {
            return Ok(());
        }
        self.state.opened_in = Some(self.batch_context.seq);
        let mut orphans = std::mem::take(&mut self.state.orphans);
        orphans.sort_by_key(|orphan| orphan.job);
        for orphan in orphans {
            let Some(record) = Record::find(self.db, orphan.job)? else { continue };
            let (id, run) = (record.id, orphan.run);
            self.state.resume(orphan, record, None, self.batch_context.seq);
            let end = End::Outcome(Outcome::Failure(Failure::lost()));
            let chance = step::NO_CHANCE;
            let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance };
            // A running attempt can always be finished with its own fence.
            let _ = self.finish(finish, false, rules, now)?;
        }
        Ok(())
    }

    pub(in super::super) fn claim(&mut self, most: usize, now: Timestamp) -> rusqlite::Result<Claimed> {
        let mut jobs = Vec::new();
        while jobs.len() < most
            && let Some(job) = self.claim_first(now)?
        {
            jobs.push(job);
        }
        Ok(Claimed { jobs, next_due: self.next_due()? })
    }

    fn claim_first(&mut self, now: Timestamp) -> rusqlite::Result<Option<ClaimedJob>> {
        if self.state.counts.paused {
            return Ok(None);
        }
        self.promote(now)?;
        let (record, ready_at) = match self.state.ready_queue.pop(self.db, self.batch_context.seq)? {
            None => return Ok(None),
            Some(Next::Plain(record)) => {
                let ready_at = record.added_at;
                (*record, ready_at)
            }
            Some(Next::Entry { job, ready_at, since }) => {
                let record = Record::find(self.db, job)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
                self.unlist(&record, Status::Waiting)?;
                (Record { since, ..record }, ready_at)
            }
        };
        self.batch_context.wait_for(record.since);
        Ok(Some(self.begin(record, ready_at, now)))
    }

    pub(super) fn promote(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        if self.state.counts.delayed == 0 {
            return Ok(());
        }
        let (batch_context, state) = (&mut *self.batch_context, &mut *self.state);
        let (seq, last_number, book) = (batch_context.seq, &mut state.last_number, &state.book);
        // At least the one that is to be claimed, even if earlier steps of the batch have used up the limit.
        let most = self.limits.promoted_at_once.saturating_sub(batch_context.promoted).max(1);
        let promoted = state.ready_queue.promote(self.db, most, now, seq, || {
            *last_number = book.next_number();
            *last_number
        })?;
        batch_context.promoted += promoted;
        state.counts.delayed -= promoted;
        state.dirty |= promoted > 0;
        Ok(())
    }

    fn begin(&mut self, mut record: Record, ready_at: Timestamp, now: Timestamp) -> ClaimedJob {
        let (run_at, problem) = match &mut record.life.state {
            State::Waiting { run_at, problem, .. } => (*run_at, problem.take()),
            _ => (now, None),
        };
        let position = if let Position::Queued(position) = record.position { position } else { record.job.number() };
        // The job was due when it entered the queue, but the clock may have been set back since. A queued job can be
        // claimed.
        let now = now.max(run_at);
        if let Ok(life) = step::claim(&record.life, now) {
            record.life = life;
        }
        record.position = Position::Nowhere;
        let Life { attempt, run, .. } = record.life;
        self.batch_context.note_claim(Orphan { job: record.job, run, started_at: now });
        let live = Live { run, started_at: now, attempt, cancelling: false };
        self.state.live.push((record.job.number(), Some(live)));
        self.state.count_status(Some(Status::Waiting), Some(Status::Running));
        let (args, origin) = (record.args.clone(), record.origin());
        let claimed = ClaimedJob { id: record.id, run, attempt, args, origin, ready_at };
        let progress = record.take_progress();
        let attempt = Box::new(Attempt { record, position, ready_at, run_at, problem, progress });
        self.state.running.insert(claimed.id, attempt);
        claimed
    }

    pub(in super::super) fn finish(
        &mut self,
        finish: Finish,
        claim_next: bool,
        rules: &Rules,
        now: Timestamp,
    ) -> Stepped<Finished, StoreError> {
        let (id, run, ending) = (finish.id, finish.run, finish.end.ending());
        let result = match self.end(finish, rules, now)? {
            Ok(result) => result,
            Err(error) => return Ok(Err(error)),
        };
        let status = result.status;
        self.notify(StoreEvent::Ended { id, run, ending, result, at: now });
        let next = if claim_next { self.claim_first(now)? } else { None };
        Ok(Ok(Finished { status, next }))
    }

    fn end(&mut self, mut finish: Finish, rules: &Rules, now: Timestamp) -> Stepped<EndResult, StoreError> {
        let (id, progress, with_snapshot) = (finish.id, finish.progress.take(), finish.with_snapshot);
        let Some(attempt) = self.state.running.get(&id) else {
            return Ok(Err(refused(id, self.why_not_running(id)?)));
        };
        let effects = match step::finish(&attempt.record.life, attempt.record.pending, finish, rules, now) {
            Ok(effects) => effects,
            Err(refusal) => return Ok(Err(refused(id, refusal))),
        };
        let Some(attempt) = self.state.remove_running(id) else {
            return Ok(Err(refused(id, Refusal::NotRunning)));
        };
        let Attempt { mut record, position, .. } = *attempt;
        if let Some(progress) = progress {
            record.details.get_or_insert_default().progress = Some(progress);
        }
        self.batch_context.running -= 1;
        self.state.live.push((record.job.number(), None));
        let mut result = effects.result(None);
        self.apply(&mut record, effects, Some(position), now)?;
        if with_snapshot && record.life.state.is_ended() {
            let callbacks = super::given_up::callbacks(self.db, &record)?;
            result.snapshot = Some(Arc::new(record.into_job(callbacks)));
        }
        Ok(Ok(result))
    }

    fn why_not_running(&self, id: JobId) -> rusqlite::Result<Refusal> {
        let is_waiting = |record: &Record| record.life.state.status() == Status::Waiting;
        Ok(if self.find(id)?.as_ref().is_some_and(is_waiting) { Refusal::NotRunning } else { Refusal::Ended })
    }

    /// Requeues a job whose claim did not reach its caller, as if it had never been claimed: at its former position, with
    /// its former attempts. If it was cancelled meanwhile, it ends.
    pub(in super::super) fn undo_claim(&mut self, id: JobId, run: Run, now: Timestamp) -> rusqlite::Result<()> {
        let is_it = |attempt: &Attempt| attempt.record.life.run == run;
        if !self.state.running.get(&id).is_some_and(|attempt| is_it(attempt)) {
            return Ok(());
        }
        let Some(attempt) = self.state.remove_running(id) else { return Ok(()) };
        let Attempt { mut record, position, ready_at, run_at, problem, progress } = *attempt;
        if matches!(record.life.state, State::Running { cancelling: true, .. }) {
            let attempt = Attempt { record, position, ready_at, run_at, problem, progress };
            self.state.running.insert(id, Box::new(attempt));
            let finish = Finish {
                id,
                run,
                end: End::Requeue,
                progress: None,
                cost: None,
                with_snapshot: false,
                chance: step::NO_CHANCE,
            };
            let rules = Arc::clone(&self.state.rules);
            // A running attempt can always be finished with its own fence.
            if let Ok(EndResult { callback, .. }) = self.end(finish, &rules, now)? {
                self.notify(StoreEvent::Cancelled { id, callback, at: now });
            }
            return Ok(());
        }
        step::release(&mut record.life, run_at, problem);
        if progress.is_some() {
            record.details.get_or_insert_default().progress = progress;
        }
        record.position = Position::Queued(position);
        let (number, rank) = (record.job.number(), -i64::from(record.priority));
        self.state.ready_queue.enter_ready(self.db, number, rank, position, ready_at, record.since)?;
        self.batch_context.running -= 1;
        self.state.live.push((number, None));
        self.state.count_status(Some(Status::Running), Some(Status::Waiting));
        self.list(&record, Status::Waiting)?;
        // The row gets the fence of the claim, because the claim is still in the table of claims.
        self.put(&mut record, false)?;
        self.notify(Hint::Ready(NextDue::Now));
        Ok(())
    }

    /// Marks a running job as cancelling, so that no further attempt follows.
    pub(super) fn stop(&mut self, id: JobId, rules: &Rules, now: Timestamp) -> rusqlite::Result<()> {
        let Some(attempt) = self.state.running.get_mut(&id) else { return Ok(()) };
        let record = &mut attempt.record;
        if let Ok(effects) = step::cancel(&record.life, record.pending, rules, now) {
            record.life = effects.life;
        }
        let State::Running { run, started_at, .. } = record.life.state else { return Ok(()) };
        record.flags |= CANCELLING;
        let live = Live { run, started_at, attempt: record.life.attempt, cancelling: true };
        self.state.live.push((record.job.number(), Some(live)));
        self.state.dirty = true;
        let mut statement = self.db.prepare_cached("UPDATE jobs SET flags = flags | ?2 WHERE job = ?1")?;
        statement.execute(params![record.job.0, CANCELLING])?;
        self.notify(StoreEvent::Cancelling { id, at: now });
        self.notify(Hint::Cancel(id, run));
        Ok(())
    }
}
