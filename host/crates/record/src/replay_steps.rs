//! Which step of a record answers a guest.
//!
//! The same code asks the same in the same order, so everything else is a divergence ([`ReplayMode::Exact`]). Another
//! version of the code may ask less, or in another order ([`ReplayMode::Lenient`]): it gets the first unused answer to the
//! same question, and where it reads a clock or random bytes once more than before, values that fit.
//!
//! Questions that are asked beside the guest have no place among the others, so each gets the first unused answer to the same
//! question whatever the code is. If the record of the same code has none, it gets no answer, and the question is a divergence only
//! if the guest does not go on without it.

use std::collections::BTreeSet;
use std::fmt;

use saggar_sandbox::{Observation, Observed, Stop};

use crate::asked::{Parts, of_effects, of_observation, of_question};
use crate::effects::Effects;
use crate::question::{Question, Reply};
use crate::record::{RecordedCall, Step};
use crate::step_list::{Order, StepList};

/// Characters of a question in a divergence.
const SHOWN_CHARS: usize = 500;

/// How a guest is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayMode {
    /// The code is the same, and has to ask the same.
    Exact,
    /// The code is another version.
    Lenient,
}

/// Where a guest asked something else than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The number of the question, from 1, of both kinds of steps.
    pub number: usize,
    /// What was asked before; `None` if the call ended there.
    pub recorded: Option<String>,
    /// What was asked now.
    pub asked: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, recorded, asked } = self;
        match recorded {
            Some(recorded) => write!(f, "question {number} is `{asked}`; the record has `{recorded}`"),
            None => write!(f, "question {number} is `{asked}`; the record has no answer to it"),
        }
    }
}

/// What a replayed guest did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayResult {
    /// Its log and progress.
    pub effects: Effects,
    /// The first question that the record cannot answer.
    pub divergence: Option<Divergence>,
    /// How many recorded questions were not asked.
    pub unasked: usize,
    /// How many observations were made up, because the guest made more of them than before.
    pub made_up: usize,
    /// Which parts of the host it used, as [`RecordedCall::asked`].
    pub asked: BTreeSet<&'static str>,
}

/// The answer of a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answered<T> {
    With(T),
    /// There is none, and the guest goes on without it: the recorded call did so until it ended.
    Never,
    /// There is none, and the guest is stopped.
    Stop(Stop),
}

/// The steps of a call, and which of them are used.
pub(crate) struct ReplaySteps {
    /// The steps of the guest itself.
    own: StepList,
    /// The questions beside it.
    concurrent: StepList,
    used: usize,
    mode: ReplayMode,
    /// Why the recorded call was stopped, if it was.
    recorded_stop: Option<Stop>,
    /// Why the guest is stopped now.
    stop: Option<Stop>,
    timeout_ms: u64,
    pub(crate) effects: Effects,
    divergence: Option<Divergence>,
    /// The first question beside the guest that is not in the record of the same code.
    unrecorded: Option<Divergence>,
    made_up: MadeUp,
    asked: Parts,
}

/// Observations that no record has.
#[derive(Debug, Default)]
struct MadeUp {
    count: usize,
    monotonic_ns: u64,
    wall: (u64, u64),
    random: u64,
}

impl ReplaySteps {
    pub(crate) fn new(call: RecordedCall, recorded_stop: Option<Stop>, mode: ReplayMode) -> Self {
        let (mut own, mut concurrent) = (StepList::default(), StepList::default());
        for step in call.steps {
            if step.is_concurrent() { concurrent.push(step) } else { own.push(step) }
        }
        Self {
            own,
            concurrent,
            used: 0,
            mode,
            recorded_stop,
            stop: None,
            timeout_ms: call.header.timeout_ms,
            effects: Effects::default(),
            divergence: None,
            unrecorded: None,
            made_up: MadeUp::default(),
            asked: Parts::new(),
        }
    }

    pub(crate) fn result(&self) -> ReplayResult {
        // The same code asks the same beside itself, but the call may have ended before that.
        let concurrent = if self.mode == ReplayMode::Exact { 0 } else { self.concurrent.unused() };
        let unasked = self.own.unused() + concurrent;
        // Without its answer, the guest has not done what it did before.
        let stalled = self.own.unused() > 0 && self.recorded_stop.is_none();
        ReplayResult {
            effects: self.effects.clone(),
            divergence: self.divergence.clone().or_else(|| self.unrecorded.clone().filter(|_| stalled)),
            unasked,
            made_up: self.made_up.count,
            asked: self.asked.iter().copied().chain(of_effects(&self.effects)).collect(),
        }
    }

    /// Returns why the guest is stopped.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.unwrap_or(Stop::Cancelled)
    }

    /// Answers a question.
    pub(crate) fn ask(&mut self, question: &Question<'_>) -> Answered<Reply<'static>> {
        if let Some(stop) = self.stop {
            return Answered::Stop(stop);
        }
        self.asked.insert(of_question(question));
        let is_concurrent = question.is_concurrent();
        match self.take(is_concurrent, |step| matches!(step, Step::Asked(asked, _) if asked == question)) {
            Some(Step::Asked(_, Some(reply))) => Answered::With(reply),
            Some(_) => self.unanswered(question),
            // The recorded call may have ended before it was asked. If the guest needs the answer, it does not go on.
            None if is_concurrent && self.mode == ReplayMode::Exact => {
                self.unrecorded.get_or_insert(divergence(self.used, &self.concurrent, question.to_string()));
                Answered::Never
            }
            None => self.diverge(is_concurrent, question.to_string()),
        }
    }

    /// Answers an observation. `None` for a growth of memory that was not refused.
    pub(crate) fn observe(&mut self, what: Observation) -> Option<Answered<Observed>> {
        if let Some(stop) = self.stop {
            return Some(Answered::Stop(stop));
        }
        self.asked.extend(of_observation(what));
        match self.take(false, |step| matches!(step, Step::Observed(observed, _) if *observed == what)) {
            Some(Step::Observed(_, Some(observed))) => {
                self.made_up.follow(what, &observed);
                Some(Answered::With(observed))
            }
            Some(_) => Some(self.stop_as_recorded()),
            None if matches!(what, Observation::Growth(_)) => None,
            None if self.mode == ReplayMode::Lenient => {
                Some(Answered::With(self.made_up.observe(what, self.timeout_ms)))
            }
            None => Some(self.diverge(false, format!("{what:?}"))),
        }
    }

    /// Takes the step that answers the guest.
    fn take(&mut self, is_concurrent: bool, fits: impl Fn(&Step) -> bool) -> Option<Step> {
        let order = if self.mode == ReplayMode::Exact && !is_concurrent { Order::Kept } else { Order::Any };
        let steps = if is_concurrent { &mut self.concurrent } else { &mut self.own };
        let taken = steps.take(order, fits)?;
        self.used += 1;
        Some(taken)
    }

    /// Answers a question that was not answered before: the recorded call was stopped while it waited, or ended without the
    /// answer.
    fn unanswered<T>(&mut self, question: &Question<'_>) -> Answered<T> {
        let went_on = self.recorded_stop.is_none() || self.own.first().is_some();
        if question.has_late_reply() && went_on { Answered::Never } else { self.stop_as_recorded() }
    }

    fn stop_as_recorded<T>(&mut self) -> Answered<T> {
        Answered::Stop(*self.stop.insert(self.recorded_stop.unwrap_or(Stop::Cancelled)))
    }

    fn diverge<T>(&mut self, is_concurrent: bool, asked: String) -> Answered<T> {
        let steps = if is_concurrent { &self.concurrent } else { &self.own };
        // A guest that was stopped while it computed may come further on a faster machine.
        if steps.first().is_none() && self.recorded_stop.is_some() {
            return self.stop_as_recorded();
        }
        self.divergence = Some(divergence(self.used, steps, asked));
        Answered::Stop(*self.stop.insert(Stop::Cancelled))
    }
}

impl MadeUp {
    /// Notes what was observed, so that clocks continue from there.
    fn follow(&mut self, what: Observation, observed: &Observed) {
        match (what, observed) {
            (Observation::MonotonicClock, Observed::Number(now)) => self.monotonic_ns = *now,
            (Observation::WallClock, Observed::Pair(seconds, nanoseconds)) => self.wall = (*seconds, *nanoseconds),
            _ => {}
        }
    }

    fn observe(&mut self, what: Observation, timeout_ms: u64) -> Observed {
        self.count += 1;
        match what {
            Observation::RemainingTime => Observed::Number(timeout_ms),
            Observation::Cancellation => Observed::Flag(false),
            Observation::WallClock => Observed::Pair(self.wall.0, self.wall.1),
            Observation::WallClockResolution => Observed::Pair(0, 1),
            Observation::MonotonicClock => {
                self.monotonic_ns += 1_000;
                Observed::Number(self.monotonic_ns)
            }
            Observation::MonotonicClockResolution => Observed::Number(1),
            Observation::RandomBytes(len) | Observation::InsecureBytes(len) => {
                // No more than guests may ask for at once; larger requests are refused before.
                Observed::Bytes((0..len.min(64 << 10)).map(|_| self.random() as u8).collect())
            }
            Observation::RandomNumber | Observation::InsecureNumber => Observed::Number(self.random()),
            Observation::InsecureSeed => Observed::Pair(self.random(), self.random()),
            Observation::Poll(pollables) => Observed::Indices((0..pollables.min(1)).collect()),
            Observation::Readiness | Observation::Growth(_) => Observed::Flag(true),
            Observation::Wait => Observed::Nothing,
        }
    }

    /// Returns the next number of a fixed sequence (SplitMix64).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn divergence(used: usize, steps: &StepList, asked: String) -> Divergence {
    Divergence { number: used + 1, recorded: steps.first().map(describe).map(cut), asked: cut(asked) }
}

fn describe(step: &Step) -> String {
    match step {
        Step::Asked(question, _) => question.to_string(),
        Step::Observed(what, _) => format!("{what:?}"),
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
