//! Filters of lists: conditions on jobs beside their task, status, time and text. A store evaluates the cheap ones with what
//! it has at hand, and reads texts and attempts only of jobs that meet those.

use std::ops::RangeInclusive;
use std::sync::Arc;

use saggar_job::{FailureKind, JobId, JobKey, Life, Problem, State, Timestamp};

use super::AttemptRecord;
use super::failure_group::FailureGroup;

/// Conditions on jobs, all of which have to be met. The default has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFilter {
    /// Of one of these tasks; of any if there are none.
    pub tasks: Vec<TaskPattern>,
    /// One of these jobs, each by its task in lower case; any job if there are none. A store finds them by their ids.
    pub ids: Vec<(Arc<str>, JobId)>,
    /// Added with this idempotency key. A store finds it by the key.
    pub key: Option<Arc<str>>,
    /// Added by a guest of this job of the same tenant.
    pub parent: Option<(Arc<str>, JobId)>,
    /// Failed for one of these reasons; anything if there are none.
    pub reasons: Vec<FailureKind>,
    /// Failed, also for the time being, with one of these codes of problems; anything if there are none.
    pub codes: Vec<Arc<str>>,
    /// Failed, also for the time being, in this way.
    pub group: Option<FailureGroup>,
    /// With one of these priorities.
    pub priority: Option<RangeInclusive<i16>>,
    /// With one of these numbers of attempts that have begun.
    pub attempt: Option<RangeInclusive<u32>>,
    /// Ended at this time or later.
    pub ended_from: Option<Timestamp>,
    /// Ended before this time.
    pub ended_before: Option<Timestamp>,
    /// The last attempt that ended took one of these numbers of milliseconds.
    pub took_ms: Option<RangeInclusive<u64>>,
    /// The last attempt that ended ran a component whose digest begins like this.
    pub digest: Option<Arc<str>>,
    /// Each of these JSON pointers leads to this JSON value in the arguments.
    pub args: Vec<(Arc<str>, Arc<str>)>,
    /// The arguments contain this text as they were written.
    pub args_text: Option<Arc<str>>,
}

/// A task, or all tasks whose ids begin alike: `mail.send`, `mail.*`. In lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPattern(pub Arc<str>);

/// What a store has at hand of a job.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its task.
    pub task: &'a str,
    /// Its id.
    pub id: JobId,
    /// Its priority.
    pub priority: i16,
    /// Its state.
    pub life: &'a Life,
    /// The key that it was added with.
    pub key: Option<&'a str>,
    /// The job whose guest added it.
    pub parent: Option<&'a JobKey>,
}

/// Texts of a job, which may be large.
#[derive(Debug, Clone)]
pub struct JobTexts {
    /// Its arguments; empty if the filter does not [need](JobFilter::needs_args) them.
    pub args: Arc<str>,
    /// Why it failed, also for the time being, with the details.
    pub problem: Option<Problem>,
    /// The digest of the component that its last ended attempt ran; `None` if it is unknown, or if no list asks for it.
    pub digest: Option<Arc<str>>,
}

/// What a filter looks at of an attempt that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedAttempt<'a> {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The digest of the component that ran; `None` if unknown.
    pub digest: Option<&'a str>,
}

impl<'a> EndedAttempt<'a> {
    /// Returns that of a record.
    pub fn of(record: &'a AttemptRecord) -> Self {
        let AttemptRecord { started_at, ended_at, ref cost, .. } = *record;
        Self { started_at, ended_at, digest: cost.as_ref().map(|cost| &*cost.digest) }
    }
}

impl TaskPattern {
    /// Returns whether a task is meant.
    pub fn matches(&self, task: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => task.starts_with(beginning),
            None => *self.0 == *task,
        }
    }
}

impl JobFilter {
    /// Returns whether jobs of this task can meet it.
    pub fn selects(&self, task: &str) -> bool {
        let has_ids = self.ids.is_empty() || self.ids.iter().any(|(of, _)| **of == *task);
        has_ids && (self.tasks.is_empty() || self.tasks.iter().any(|pattern| pattern.matches(task)))
    }

    /// Returns the ids of the only jobs of a task that can meet it; `None` if it names none.
    pub fn ids_of(&self, task: &str) -> Option<Vec<JobId>> {
        let of_task = self.ids.iter().filter(|(of, _)| **of == *task).map(|(_, id)| *id);
        (!self.ids.is_empty()).then(|| of_task.collect())
    }

    /// Returns whether a job meets the conditions that do not need its texts or its attempts.
    pub fn matches(&self, job: &Candidate<'_>) -> bool {
        let (problem, reason) = failure(job.life);
        let is_of = |(task, id): &(Arc<str>, JobId)| **task == *job.task && *id == job.id;
        let is_child = |(task, id): &(Arc<str>, JobId)| {
            job.parent.is_some_and(|parent| parent.task.task == *task && parent.id == *id)
        };
        let has_code = |problem: &Problem| self.codes.iter().any(|code| **code == *problem.code);
        (self.ids.is_empty() || self.ids.iter().any(is_of))
            && self.key.as_deref().is_none_or(|key| job.key == Some(key))
            && self.parent.as_ref().is_none_or(is_child)
            && (self.reasons.is_empty() || reason.is_some_and(|reason| self.reasons.contains(&reason)))
            && (self.codes.is_empty() || problem.is_some_and(has_code))
            && (self.group.is_none() || problem.is_some())
            && self.priority.as_ref().is_none_or(|range| range.contains(&job.priority))
            && self.attempt.as_ref().is_none_or(|range| range.contains(&job.life.attempt))
            && self.has_ended_in_time(job.life)
    }

    fn has_ended_in_time(&self, life: &Life) -> bool {
        let ended_at = match &life.state {
            State::Success { ended_at, .. } | State::Failure { ended_at, .. } => Some(*ended_at),
            State::Waiting { .. } | State::Running { .. } => None,
        };
        self.ended_from.is_none_or(|from| ended_at.is_some_and(|at| at >= from))
            && self.ended_before.is_none_or(|before| ended_at.is_some_and(|at| at < before))
    }

    /// Returns whether the arguments of jobs have to be read.
    pub fn needs_args(&self) -> bool {
        !self.args.is_empty() || self.args_text.is_some()
    }

    /// Returns whether texts of jobs have to be looked at.
    pub fn needs_texts(&self) -> bool {
        self.needs_args() || self.group.is_some()
    }

    /// Returns whether a job of `task` meets the conditions on its texts. Takes time in proportion to their length.
    pub fn matches_texts(&self, task: &str, texts: &JobTexts) -> bool {
        let has_value = |(pointer, value): &(Arc<str>, Arc<str>)| {
            saggar_json::at(&texts.args, pointer).is_some_and(|found| saggar_json::is_same(found, value))
        };
        let is_in = |group: FailureGroup| {
            texts.problem.as_ref().is_some_and(|problem| FailureGroup::of(task, problem) == group)
        };
        self.args_text.as_deref().is_none_or(|text| texts.args.contains(text))
            && self.args.iter().all(has_value)
            && self.group.is_none_or(is_in)
    }

    /// Returns whether the last attempts of jobs have to be read.
    pub fn needs_attempt(&self) -> bool {
        self.took_ms.is_some() || self.digest.is_some()
    }

    /// Returns whether a job whose last ended attempt is this one meets the conditions on it.
    pub fn matches_attempt(&self, last: Option<EndedAttempt<'_>>) -> bool {
        let took_ms = last.map(|last| last.ended_at.0.saturating_sub(last.started_at.0));
        let digest = last.and_then(|last| last.digest);
        self.took_ms.as_ref().is_none_or(|range| took_ms.is_some_and(|took_ms| range.contains(&took_ms)))
            && self.digest.as_deref().is_none_or(|start| digest.is_some_and(|digest| digest.starts_with(start)))
    }
}

/// Returns why a job failed, also for the time being, and the kind if it failed for good.
fn failure(life: &Life) -> (Option<&Problem>, Option<FailureKind>) {
    match &life.state {
        State::Waiting { problem, .. } => (problem.as_ref(), None),
        State::Failure { problem, reason, .. } => (Some(problem), Some(*reason)),
        State::Running { .. } | State::Success { .. } => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use saggar_job::TaskKey;

    use super::*;

    fn matches(filter: &JobFilter, life: &Life) -> bool {
        let parent = JobKey { task: TaskKey::new("default", "split"), id: JobId(3) };
        let job = Candidate { task: "mail", id: JobId(7), priority: 2, life, key: Some("k"), parent: Some(&parent) };
        filter.matches(&job)
    }

    #[test]
    fn all_conditions_have_to_be_met() {
        let waiting = Life::new(Timestamp(0), false);
        let none = JobFilter::default();
        assert!(matches(&none, &waiting));
        let all = JobFilter {
            ids: vec![("send".into(), JobId(7)), ("mail".into(), JobId(7))],
            key: Some("k".into()),
            parent: Some(("split".into(), JobId(3))),
            priority: Some(2..=2),
            attempt: Some(0..=0),
            ..JobFilter::default()
        };
        assert!(matches(&all, &waiting));
        for other in [
            JobFilter { ids: vec![("mail".into(), JobId(8))], ..all.clone() },
            JobFilter { key: Some("K".into()), ..all.clone() },
            JobFilter { parent: Some(("split".into(), JobId(4))), ..all.clone() },
            JobFilter { priority: Some(3..=9), ..all.clone() },
            JobFilter { attempt: Some(1..=u32::MAX), ..all.clone() },
            JobFilter { reasons: vec![FailureKind::Failed], ..all.clone() },
            JobFilter { ended_before: Some(Timestamp(u64::MAX)), ..all },
        ] {
            assert!(!matches(&other, &waiting), "{other:?}");
        }
    }

    #[test]
    fn failures_are_told_apart() {
        let problem = Problem::new("odd", "it is odd");
        let retrying = State::Waiting { run_at: Timestamp(9), on_hold: false, problem: Some(problem.clone()) };
        let state = State::Failure { reason: FailureKind::Trap, problem, ended_at: Timestamp(5) };
        let (failed, retrying) = (
            Life { state, ..Life::new(Timestamp(0), false) },
            Life { state: retrying, ..Life::new(Timestamp(0), false) },
        );
        let of_code = JobFilter { codes: vec!["even".into(), "odd".into()], ..JobFilter::default() };
        assert!(matches(&of_code, &failed) && matches(&of_code, &retrying));
        let of_reason = JobFilter { reasons: vec![FailureKind::Lost, FailureKind::Trap], ..JobFilter::default() };
        assert!(matches(&of_reason, &failed) && !matches(&of_reason, &retrying));
        let ended = |from, before| JobFilter {
            ended_from: Some(Timestamp(from)),
            ended_before: Some(Timestamp(before)),
            ..JobFilter::default()
        };
        assert!(matches(&ended(5, 6), &failed) && !matches(&ended(4, 5), &failed) && !matches(&ended(6, 9), &failed));
    }

    #[test]
    fn arguments_are_compared_as_values_and_as_text() {
        let texts =
            JobTexts { args: r#"[{"id": 1970670598291982290, "x": 1.10}]"#.into(), problem: None, digest: None };
        let args = |pointer: &str, value: &str| JobFilter {
            args: vec![(pointer.into(), value.into())],
            ..JobFilter::default()
        };
        assert!(args("/0/id", "1970670598291982290").matches_texts("mail", &texts));
        assert!(args("/0/x", "1.1").matches_texts("mail", &texts));
        assert!(!args("/0/id", "1970670598291982291").matches_texts("mail", &texts));
        assert!(!args("/0/y", "null").matches_texts("mail", &texts));
        let text = |text: &str| JobFilter { args_text: Some(text.into()), ..JobFilter::default() };
        assert!(text("\"x\": 1.10").matches_texts("mail", &texts) && !text("1.100").matches_texts("mail", &texts));
    }

    #[test]
    fn patterns_of_tasks_match_ids_or_their_beginnings() {
        let pattern = |text: &str| TaskPattern(text.into());
        assert!(pattern("mail.send").matches("mail.send") && !pattern("mail.send").matches("mail.sender"));
        assert!(pattern("mail.*").matches("mail.send") && !pattern("mail.*").matches("mail"));
        assert!(pattern("*").matches("mail"));
    }
}
