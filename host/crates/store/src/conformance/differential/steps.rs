//! The steps of a history.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use saggar_job::{
    Backoff, Failure, FailureKind, JobId, LogLevel, LogSource, Outcome, Problem, RetryPolicy, Run, State, Timestamp,
};

use super::{History, Quotas, Taken};
use crate::{
    CallbackNumber, CallbackPosition, Change, Cost, Delivery, End, Finish, Lane, LogLine, NewJob, Progress, Retention,
    Rules, TaskStore,
};

/// Returns random rules of a small, busy task.
pub(super) fn any_rules(chance: &mut fastrand::Rng) -> Rules {
    let retry = RetryPolicy {
        retries: chance.u32(0..3),
        delay_ms: chance.u64(0..20) * chance.u64(0..100),
        backoff: [Backoff::Fixed, Backoff::Linear, Backoff::Exponential][chance.usize(0..3)],
        max_delay_ms: 5_000,
        jitter: 0.5,
    };
    Rules {
        size: chance.usize(1..14),
        delayed_size: chance.usize(0..8),
        keep_bytes: if chance.u8(0..4) == 0 { chance.u64(500..6_000) } else { u64::MAX },
        retry,
        add_handler: chance.u8(0..3) == 0,
        success_handler: chance.bool(),
        error_handler: chance.bool(),
        retention: Retention { success_ms: chance.u64(0..60), failure_ms: chance.u64(0..60) },
    }
}

/// Replaces an error by its debug text, which is the same for both stores.
fn with_error_text<T, E: Debug>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| format!("{error:?}"))
}

async fn all_unwanted(
    task: &dyn TaskStore,
    most: usize,
    rules: &Arc<Rules>,
    now: Timestamp,
) -> Result<(usize, usize), String> {
    let mut sum = (0, 0);
    for lane in Lane::ALL {
        let mut after = Some(CallbackPosition::START);
        while let Some(from) = after {
            let step = with_error_text(task.settle_unwanted(lane, from, most, rules, now).await)?;
            sum = (sum.0 + step.added, sum.1 + step.ended);
            after = step.next;
        }
    }
    Ok(sum)
}

impl History {
    /// Runs one step on both sides.
    pub(super) async fn step(&mut self) {
        let task = self.chance.usize(0..super::TASKS.len());
        match self.chance.u8(0..32) {
            0..8 => self.add(task).await,
            8..13 => self.claim(task).await,
            13..19 => self.finish(task).await,
            19..22 => self.change(task).await,
            22..24 => self.claim_callbacks(task).await,
            24..26 => self.settle_callback(task).await,
            26 => {
                self.log(task).await;
                self.keep_recording(task).await;
                self.release(task).await;
            }
            27 => self.pause(task).await,
            28 => {
                self.prune(task).await;
                self.make_room(task).await;
            }
            29 => {
                self.rules[task] = Arc::new(any_rules(&mut self.chance));
                self.quotas = Quotas::any(&mut self.chance);
                [&self.expected, &self.actual].iter().for_each(|side| self.quotas.set(&*side.store));
                self.settle_unwanted(task).await;
            }
            30 => self.now = Timestamp(self.now.0.saturating_sub(self.chance.u64(0..30))),
            // Delayed jobs become due at once.
            _ => self.now = self.now.plus_ms(self.chance.u64(0..2) * 5_000),
        }
        self.now = self.now.plus_ms(self.chance.u64(0..12));
    }

    fn any_job(&mut self) -> NewJob {
        let chance = &mut self.chance;
        let random_name = |chance: &mut fastrand::Rng, names: &[&str]| {
            (chance.u8(0..4) == 0).then(|| chance.choice(names).map(|name| (*name).into())).flatten()
        };
        let key = random_name(chance, &["a", "b", "c"]);
        // Most jobs with the same key are equal.
        if key.is_some() && chance.u8(0..8) > 0 {
            return NewJob { key, ..NewJob::new("[1]").with_delay_ms(chance.u64(0..2) * chance.u64(0..20)) };
        }
        NewJob {
            id: (chance.u8(0..5) == 0).then(|| JobId(chance.u64(0..25))),
            delay_ms: chance.u64(0..2) * chance.u64(0..20),
            run_at: (chance.u8(0..8) == 0).then(|| Timestamp(self.now.0.saturating_sub(5) + chance.u64(0..25))),
            priority: chance.i16(-1..2),
            key,
            unique: random_name(chance, &["f", "g"]),
            trace_parent: random_name(chance, &["00-trace"]),
            ..NewJob::new(["[1]", "[2]", "[\"some more\"]"][chance.usize(0..3)])
        }
    }

    async fn add(&mut self, task: usize) {
        let most = if self.chance.u8(0..4) == 0 { 5 } else { 2 };
        let jobs: Vec<_> = (0..self.chance.usize(0..most)).map(|_| self.any_job()).collect();
        let (rules, now) = (&self.rules[task], self.now);
        let expected = with_error_text(self.expected.tasks[task].add(jobs.clone(), rules, now).await);
        let actual = with_error_text(self.actual.tasks[task].add(jobs.clone(), rules, now).await);
        self.same(&expected, &actual, &format!("add {jobs:?}"));
    }

    /// Releases the claim of an attempt that runs, has ended or never began.
    async fn release(&mut self, task: usize) {
        let id = self.any_id(task);
        let run = super::works(self.expected.tasks[task].get(id).await).map_or(Run(1), |job| job.life.run);
        let (rules, now) = (&self.rules[task], self.now);
        self.expected.tasks[task].release(id, run, rules, now);
        self.actual.tasks[task].release(id, run, rules, now);
        // A claim that follows the release must see its effect.
        self.claim(task).await;
    }

    async fn claim(&mut self, task: usize) {
        let most = self.chance.usize(0..4);
        let expected = with_error_text(self.expected.tasks[task].claim(most, self.now).await);
        let actual = with_error_text(self.actual.tasks[task].claim(most, self.now).await);
        self.same(&expected, &actual, &format!("claim {most}"));
    }

    fn any_end(&mut self) -> End {
        let problem =
            || Problem { details: Some("[1]".to_owned()), ..Problem::new("odd", "it is odd, and \u{e9} or '%'") };
        let outcome = match self.chance.u8(0..14) {
            0..2 => Outcome::Success("{\"a\":\"é\"}".into()),
            2..4 => Outcome::Success("7".into()),
            4..7 => Outcome::failure(FailureKind::Failed, problem()),
            7 => Outcome::Failure(Failure {
                retry_after_ms: Some(self.chance.u64(0..30)),
                ..Failure::new(FailureKind::Failed, problem())
            }),
            8 => Outcome::failure(FailureKind::Rejected, problem()),
            9 => Outcome::failure(FailureKind::Trap, problem()),
            10 => Outcome::failure(FailureKind::Timeout, problem()),
            11 => Outcome::Failure(Failure::lost()),
            12 => Outcome::Failure(Failure::cancelled()),
            _ => return End::Requeue,
        };
        End::Outcome(outcome)
    }

    /// Finishes an attempt, running or not, with its own fence or the one before.
    async fn finish(&mut self, task: usize) {
        let mut id = self.any_id(task);
        // Most finishes should find a running attempt.
        for _ in 0..8 {
            let job = super::works(self.expected.tasks[task].get(id).await);
            if job.is_some_and(|job| matches!(job.life.state, State::Running { .. })) {
                break;
            }
            id = self.any_id(task);
        }
        let run = super::works(self.expected.tasks[task].get(id).await).map_or(Run(0), |job| job.life.run);
        let stale = u64::from(self.chance.u8(0..6) == 0);
        let message = ["half", "", "é"][self.chance.usize(0..3)].to_owned();
        let progress = Progress { current: self.chance.u64(0..9), total: u64::MAX, message };
        let cost = Cost {
            digest: ["aa", "bb"][self.chance.usize(0..2)].into(),
            deployment: Some(self.chance.u64(0..3)).filter(|number| *number > 0),
            cpu: Duration::from_nanos(self.chance.u64(0..1 << 40)),
            peak_memory: self.chance.u64(0..1 << 40),
            fresh: self.chance.bool(),
        };
        let finish = Finish {
            id,
            run: Run(run.0.saturating_sub(stale)),
            end: self.any_end(),
            progress: self.chance.bool().then_some(progress),
            cost: self.chance.bool().then_some(cost),
            with_snapshot: self.chance.bool(),
            chance: self.chance.f64(),
        };
        let (rules, now, next) = (&self.rules[task], self.now, self.chance.bool());
        let expected = with_error_text(self.expected.tasks[task].finish(finish.clone(), next, rules, now).await);
        let actual = with_error_text(self.actual.tasks[task].finish(finish.clone(), next, rules, now).await);
        self.same(&expected, &actual, &format!("{finish:?}, claiming the next: {next}"));
    }

    async fn change(&mut self, task: usize) {
        let id = self.any_id(task);
        let change = [Change::Cancel, Change::Cancel, Change::Retry, Change::Retry, Change::Delete, Change::Redeliver];
        let change = change[self.chance.usize(0..change.len())];
        let (rules, now) = (&self.rules[task], self.now);
        let expected = with_error_text(self.expected.tasks[task].change(id, change, rules, now).await);
        let actual = with_error_text(self.actual.tasks[task].change(id, change, rules, now).await);
        self.same(&expected, &actual, &format!("{change:?} {id}"));
    }

    async fn claim_callbacks(&mut self, task: usize) {
        let most = self.chance.usize(0..3);
        let lane = Lane::ALL[self.chance.usize(0..2)];
        let mut expected = super::works(self.expected.tasks[task].claim_callbacks(lane, most, self.now).await);
        let mut actual = super::works(self.actual.tasks[task].claim_callbacks(lane, most, self.now).await);
        for (expected, actual) in expected.callbacks.iter().zip(&mut actual.callbacks) {
            self.taken.push(Taken { task, numbers: (expected.number, actual.number) });
            actual.number = expected.number;
        }
        expected.callbacks.shrink_to_fit();
        self.same(&expected, &actual, &format!("claim {most} callbacks"));
    }

    /// Settles a callback that is claimed, was claimed earlier, or never existed.
    async fn settle_callback(&mut self, task: usize) {
        let unknown = Taken { task, numbers: (CallbackNumber(u64::MAX >> 1), CallbackNumber(u64::MAX >> 1)) };
        let taken = self.chance.choice(&self.taken).copied().unwrap_or(unknown);
        let until = Timestamp(self.now.0.saturating_sub(3) + self.chance.u64(0..20));
        let failed = |next_try_at| Delivery::Failed { problem: super::super::problem(), next_try_at };
        let delivery = match self.chance.u8(0..9) {
            0 => Delivery::Postponed(until),
            1..5 => failed(Some(until)),
            5 => failed(None),
            _ => Delivery::Done,
        };
        let Taken { task, numbers } = taken;
        let expected =
            with_error_text(self.expected.tasks[task].settle_callback(numbers.0, delivery.clone(), self.now).await);
        let actual =
            with_error_text(self.actual.tasks[task].settle_callback(numbers.1, delivery.clone(), self.now).await);
        self.same(&expected, &actual, &format!("settle {numbers:?} as {delivery:?}"));
    }

    /// Settles unwanted callbacks in steps of a random size; only the sums must be equal.
    async fn settle_unwanted(&mut self, task: usize) {
        let most = self.chance.usize(1..5);
        let expected = all_unwanted(&*self.expected.tasks[task], most, &self.rules[task], self.now).await;
        let actual = all_unwanted(&*self.actual.tasks[task], most, &self.rules[task], self.now).await;
        self.same(&expected, &actual, &format!("settle unwanted callbacks, {most} at a time"));
    }

    async fn log(&mut self, task: usize) {
        let id = self.any_id(task);
        let source = [LogSource::Host, LogSource::Stdout, LogSource::Stderr, LogSource::Log(LogLevel::Debug)];
        let source = source[self.chance.usize(0..source.len())];
        let count = if self.chance.u8(0..20) == 0 { 600 } else { self.chance.usize(0..3) };
        let lines = vec![LogLine { at: self.now, source, text: "a line\u{0}é".to_owned() }; count];
        let expected = with_error_text(self.expected.tasks[task].append_log(id, lines.clone()).await);
        let actual = with_error_text(self.actual.tasks[task].append_log(id, lines).await);
        self.same(&expected, &actual, &format!("append {count} lines to the log of {id}"));
    }

    /// Stores a recording of an attempt that may never have begun.
    async fn keep_recording(&mut self, task: usize) {
        let (id, run) = (self.any_id(task), Run(self.chance.u64(0..3)));
        let bytes: Arc<[u8]> = vec![7_u8; self.chance.usize(0..3) * 3_000].into();
        let expected = with_error_text(self.expected.tasks[task].keep_recording(id, run, Arc::clone(&bytes)).await);
        let actual = with_error_text(self.actual.tasks[task].keep_recording(id, run, Arc::clone(&bytes)).await);
        self.same(&expected, &actual, &format!("keep a recording of {} bytes of {id}, run {run:?}", bytes.len()));
    }

    async fn pause(&mut self, task: usize) {
        let paused = self.chance.u8(0..3) == 0;
        let expected = with_error_text(self.expected.tasks[task].set_paused(paused).await);
        let actual = with_error_text(self.actual.tasks[task].set_paused(paused).await);
        self.same(&expected, &actual, &format!("paused: {paused}"));
    }

    async fn prune(&mut self, task: usize) {
        let most = self.chance.usize(0..4);
        let (rules, now) = (&self.rules[task], self.now);
        let expected = with_error_text(self.expected.tasks[task].prune(most, rules, now).await);
        let actual = with_error_text(self.actual.tasks[task].prune(most, rules, now).await);
        self.same(&expected, &actual, &format!("prune {most}"));
    }

    async fn make_room(&mut self, task: usize) {
        let (more, most) = (self.chance.u64(0..2_000), self.chance.usize(0..4));
        let keep_bytes = self.expected.tasks[task].counts().bytes + self.chance.u64(0..2_000);
        let rules = Arc::new(Rules { keep_bytes, ..(*self.rules[task]).clone() });
        let has_room = self.expected.tasks[task].has_room_for(more, &rules);
        self.same(&has_room, &self.actual.tasks[task].has_room_for(more, &rules), "whether there is room");
        let expected = with_error_text(self.expected.tasks[task].make_room(more, most, &rules).await);
        let actual = with_error_text(self.actual.tasks[task].make_room(more, most, &rules).await);
        self.same(&expected, &actual, &format!("make room for {more}, at most {most}"));
    }
}
