//! A job in the memory store.

use std::sync::Arc;

use saggar_job::{JobId, Life, Problem, State, TaskKey, Timestamp};

use super::outbox::{Entry, Outbox};
use super::ready_queue::{ClaimedFrom, Position};
use super::status_index::Slot;
use crate::step::PendingCallbacks;
use crate::{
    Attempts, CallbackKind, CallbackNumber, Candidate, EndedAttempt, History, Job, JobCallback, JobLog, JobTexts, Lane,
    ListQuery, ListedJob, LogLine, Origin, Progress, kept_bytes,
};

pub(super) struct Record {
    pub(super) life: Life,
    pub(super) args: Arc<str>,
    pub(super) priority: i16,
    pub(super) added_at: Timestamp,
    /// Its position in the ready queue.
    pub(super) position: Position,
    /// Needed to undo its last claim: its position, and since when it was due …
    pub(super) claimed_from: Option<(ClaimedFrom, Timestamp)>,
    /// … and what the previous attempt left.
    pub(super) previous_attempt: Option<Box<PreviousAttempt>>,
    /// Its position in the status index.
    pub(super) slot: Slot,
    /// Its callbacks that are not settled.
    pub(super) due: Due,
    pub(super) attempts: Attempts,
    /// The bytes that it is counted as, without its log and attempt records.
    pub(super) counted: u64,
    // Most jobs have none of the following.
    pub(super) origin: Option<Arc<Origin>>,
    pub(super) labels: Option<Box<Labels>>,
    pub(super) progress: Option<Box<Progress>>,
    pub(super) log: Option<Box<JobLog>>,
    pub(super) given_up: Vec<JobCallback>,
    /// Whether it has or had recordings.
    pub(super) is_recorded: bool,
}

/// What a waiting job shows of its previous attempt.
pub(super) struct PreviousAttempt {
    pub(super) problem: Option<Problem>,
    pub(super) progress: Option<Box<Progress>>,
}

/// A job's names besides its id.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    pub(super) key: Option<Arc<str>>,
    pub(super) unique: Option<Arc<str>>,
}

/// Which of a job's callbacks are not settled. One of them is in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Added(CallbackNumber),
    End(CallbackNumber),
    /// The end callback follows the add callback: the job was cancelled while it was on hold.
    AddedThenEnd(CallbackNumber),
}

impl Due {
    pub(super) fn pending(self) -> PendingCallbacks {
        match self {
            Self::Nothing => PendingCallbacks::None,
            Self::Added(_) => PendingCallbacks::Add,
            Self::End(_) => PendingCallbacks::End,
            Self::AddedThenEnd(_) => PendingCallbacks::AddThenEnd,
        }
    }
}

impl Record {
    pub(super) fn job(&self, id: JobId, outbox: &Outbox) -> Job {
        let labels = self.labels.as_deref();
        Job {
            id,
            args: Arc::clone(&self.args),
            priority: self.priority,
            added_at: self.added_at,
            life: self.life.clone(),
            progress: self.progress.as_deref().cloned().unwrap_or_default(),
            key: labels.and_then(|labels| labels.key.clone()),
            unique: labels.and_then(|labels| labels.unique.clone()),
            origin: self.origin.clone(),
            callbacks: self.callbacks(outbox),
        }
    }

    fn callbacks(&self, outbox: &Outbox) -> Vec<JobCallback> {
        let pending = |number| {
            outbox.get(number).map(|entry: &Entry| JobCallback {
                lane: entry.lane,
                tries: entry.tries,
                next_try_at: (entry.from > Timestamp(0)).then_some(entry.from),
                given_up: false,
                problem: entry.problem.as_deref().cloned(),
            })
        };
        let mut callbacks = self.given_up.clone();
        match self.due {
            Due::Nothing => {}
            Due::Added(number) | Due::End(number) => callbacks.extend(pending(number)),
            Due::AddedThenEnd(number) => {
                callbacks.extend(pending(number).into_iter().chain([JobCallback::fresh(Lane::Ends)]));
            }
        }
        callbacks.sort_by_key(|callback| callback.lane);
        callbacks
    }

    /// Returns whether a list of `query` has the job, apart from conditions on its texts.
    pub(super) fn matches(&self, task: &TaskKey, id: JobId, query: &ListQuery) -> bool {
        let candidate = Candidate {
            task: &task.task,
            id,
            priority: self.priority,
            life: &self.life,
            key: self.labels.as_ref().and_then(|labels| labels.key.as_deref()),
            parent: self.origin.as_ref().and_then(|origin| origin.parent.as_ref()),
        };
        query.matches(task, id, self.added_at, &self.life, self.progress.as_deref())
            && query.filter.matches(&candidate)
            && (!query.filter.needs_attempt()
                || query.filter.matches_attempt(self.attempts.last().as_ref().map(EndedAttempt::of)))
    }

    /// Returns the texts that a list may need.
    pub(super) fn texts(&self, query: &ListQuery) -> JobTexts {
        let problem = match &self.life.state {
            State::Waiting { problem, .. } => problem.clone(),
            State::Failure { problem, .. } => Some(problem.clone()),
            State::Running { .. } | State::Success { .. } => None,
        };
        let args = if query.filter.needs_args() { Arc::clone(&self.args) } else { Arc::default() };
        let last = if query.with_failures { self.attempts.last() } else { None };
        JobTexts { args, problem, digest: last.and_then(|last| Some(last.cost?.digest)) }
    }

    pub(super) fn listed(&self, task: &TaskKey, id: JobId) -> ListedJob {
        let progress = self.progress.as_deref().cloned().unwrap_or_default();
        ListedJob::new(task.clone(), id, &self.life, self.priority, self.added_at, progress)
    }

    pub(super) fn history(&self) -> History {
        let log = self.log.as_ref().map(|log| log.lines()).unwrap_or_default();
        History { log, attempts: self.attempts.records() }
    }

    pub(super) fn log(&mut self, line: LogLine) {
        self.log.get_or_insert_default().append([line]);
    }

    /// Returns the bytes that it is counted as.
    pub(super) fn bytes(&self) -> u64 {
        self.counted + self.attempts.bytes() + self.log.as_ref().map_or(0, |log| kept_bytes::of_log(log.budget()))
    }

    /// Counts its texts as they are now. A running attempt does not change them; its end does.
    pub(super) fn recount(&mut self) {
        let message = self.progress.as_ref().map_or("", |progress| &progress.message);
        let labels = self.labels.as_deref();
        let names =
            [labels.and_then(|labels| labels.key.as_deref()), labels.and_then(|labels| labels.unique.as_deref())];
        self.counted = kept_bytes::of_job(&self.args, &self.life, message, names, self.origin.as_deref());
    }

    /// Returns when it ended; `None` if it has not.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        match &self.life.state {
            State::Success { ended_at, .. } | State::Failure { ended_at, .. } => Some(*ended_at),
            State::Waiting { .. } | State::Running { .. } => None,
        }
    }

    /// Returns how it ended; `None` if it has not.
    pub(super) fn end(&self) -> Option<CallbackKind> {
        match &self.life.state {
            State::Success { response, .. } => Some(CallbackKind::Succeeded { response: response.clone() }),
            State::Failure { reason, problem, .. } => {
                Some(CallbackKind::Failed { reason: *reason, problem: problem.clone() })
            }
            State::Waiting { .. } | State::Running { .. } => None,
        }
    }
}
