//! Lists of jobs: queries and pages. Jobs are listed in the order in which they were added, which never changes, so a
//! cursor stays valid while jobs are added, changed and removed.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use saggar_job::{FailureKind, JobId, Life, Problem, Run, State, Status, TaskKey, Timestamp, Waiting};

use super::Progress;
use super::failure_group::{FailureGroup, failure_frames};
use super::filter::{JobFilter, JobTexts};

/// A query for jobs. A job is listed if it meets all conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// The tenant of the jobs.
    pub tenant: Arc<str>,
    /// Their task, in lower case; `None` for all tasks of the tenant.
    pub task: Option<Arc<str>>,
    /// One of these statuses; any if there are none.
    pub statuses: Vec<Status>,
    /// Further conditions.
    pub filter: JobFilter,
    /// Added at this time or later.
    pub added_from: Option<Timestamp>,
    /// Added before this time.
    pub added_before: Option<Timestamp>,
    /// A text that must occur exactly in what the list shows of the job in words: the progress (`3/10 half way`), the
    /// problem (`code: message`), the reason, what a WAITING job waits for ([`Waiting::name`]), or `cancelling`.
    pub text: Option<Arc<str>>,
    /// The time by which the text matches what a job waits for; the queue's `list` sets it.
    pub now: Timestamp,
    /// The running jobs whose live progress contains that text, because stores do not know it; the queue's `list` sets
    /// it.
    pub live: Arc<HashMap<TaskKey, HashSet<JobId>>>,
    /// The order of the list.
    pub order: ListOrder,
    /// Only jobs that follow this one in that order.
    pub after: Option<Cursor>,
    /// Only jobs up to this one in the order of adding: none that were added later.
    pub until: Option<Cursor>,
    /// Whether the list shows the beginning of each job's arguments.
    pub with_args: bool,
    /// Whether the list shows in which way each job failed.
    pub with_failures: bool,
    /// The most jobs of a page; 0 is taken as 1, and more than [`PAGE`](Self::PAGE) as `PAGE`.
    pub limit: usize,
}

/// Orders of a list. Jobs are ordered by the store's steps that added them; clocks have no influence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListOrder {
    /// The job that was added last comes first.
    #[default]
    NewestFirst,
    /// The job that was added first comes first.
    OldestFirst,
}

impl ListQuery {
    /// The most jobs of a page: about a megabyte of listed text.
    pub const PAGE: usize = 1_000;
    /// The most jobs that a store examines for a page: what is read in a few milliseconds. Jobs that an index (of the
    /// task, of the status) excludes are not examined.
    pub const LOOKED_AT: usize = 10_000;
    /// The most bytes of arguments that a store examines for a page, and a little more: some ten milliseconds.
    pub const LOOKED_AT_BYTES: usize = 8 << 20;
    /// The most bytes of arguments that a list shows of a job.
    pub const SHOWN_ARGS: usize = 512;

    /// Returns a query for the newest jobs of a task.
    pub fn of_task(task: &TaskKey) -> Self {
        Self { task: Some(task.task.clone()), ..Self::of_tenant(task.tenant.clone()) }
    }

    /// Returns a query for the newest jobs of all tasks of a tenant.
    pub fn of_tenant(tenant: impl Into<Arc<str>>) -> Self {
        Self {
            tenant: tenant.into(),
            task: None,
            statuses: Vec::new(),
            filter: JobFilter::default(),
            added_from: None,
            added_before: None,
            text: None,
            now: Timestamp(0),
            live: Arc::default(),
            order: ListOrder::default(),
            after: None,
            until: None,
            with_args: false,
            with_failures: false,
            limit: 100,
        }
    }

    /// Returns the [`limit`](Self::limit) within its bounds.
    pub fn bounded_limit(&self) -> usize {
        self.limit.clamp(1, Self::PAGE)
    }

    /// Returns whether jobs of this task can be listed.
    pub fn selects(&self, task: &TaskKey) -> bool {
        task.tenant == self.tenant
            && self.task.as_ref().is_none_or(|only| *only == task.task)
            && self.filter.selects(&task.task)
    }

    /// Returns whether jobs with this status can be listed.
    pub fn has_status(&self, status: Status) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }

    /// Returns the numbers of the jobs that the list goes through, first and last; `None` if there are none.
    pub fn numbers(&self) -> Option<(u64, u64)> {
        let until = self.until.map_or(u64::MAX, |Cursor(until)| until);
        let (from, to) = match (self.order, self.after) {
            (_, None) => (0, until),
            (ListOrder::NewestFirst, Some(Cursor(number))) => (0, number.checked_sub(1)?.min(until)),
            (ListOrder::OldestFirst, Some(Cursor(number))) => (number.checked_add(1)?, until),
        };
        (from <= to).then_some((from, to))
    }

    /// Returns the beginning of arguments, as a list shows it.
    pub fn shown_args(args: &str) -> Arc<str> {
        args[..args.floor_char_boundary(Self::SHOWN_ARGS)].into()
    }

    /// Returns whether a job of `task` matches the times and the text. `progress` is the stored one.
    pub fn matches(
        &self,
        task: &TaskKey,
        id: JobId,
        added_at: Timestamp,
        life: &Life,
        progress: Option<&Progress>,
    ) -> bool {
        let has_text = |text: &str| {
            if text.is_empty() {
                return true;
            }
            let (problem, why) = match &life.state {
                State::Running { cancelling, .. } => {
                    let is_live = self.live.get(task).is_some_and(|ids| ids.contains(&id));
                    return is_live || *cancelling && ListedJob::CANCELLING.contains(text);
                }
                State::Waiting { problem, .. } => (problem.as_ref(), life.waiting(self.now).map(Waiting::name)),
                State::Failure { problem, reason, .. } => (Some(problem), Some(reason.name())),
                State::Success { .. } => (None, None),
            };
            progress.is_some_and(|progress| progress.contains_text(text))
                || problem.is_some_and(|problem| format!("{}: {}", problem.code, problem.message).contains(text))
                || why.is_some_and(|why| why.contains(text))
        };
        self.added_from.is_none_or(|from| added_at >= from)
            && self.added_before.is_none_or(|before| added_at < before)
            && self.text.as_deref().is_none_or(has_text)
    }
}

/// A position in a list, just after one job. Clients return it unchanged; it means the same in a later process on the
/// same store, whatever happened to that job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor(
    /// The job's insertion number, for stores. Grows with the jobs of the tenant, and with no other tenant's, and is not
    /// reused while the tenant has tasks in the store.
    pub u64,
);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The leading letter keeps people from taking it for a job's id.
        write!(f, "c{:x}", self.0)
    }
}

/// The text is not a cursor of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid cursor; pass the `next` of a page unchanged, or omit the cursor to start at the beginning")]
pub struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let cursor = text.strip_prefix('c').and_then(|number| u64::from_str_radix(number, 16).ok()).map(Self);
        // Each cursor has exactly one spelling.
        cursor.filter(|cursor| cursor.to_string() == text).ok_or(BadCursor)
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The jobs. May be fewer than requested, even none, although others follow, because the store has examined as many
    /// as it may.
    pub jobs: Vec<ListedJob>,
    /// Where to continue; `None` if nothing follows.
    pub next: Option<Cursor>,
    /// How many jobs were examined.
    pub looked_at: usize,
}

/// How many of the jobs match that were examined in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CountedJobs {
    /// Jobs that match.
    pub jobs: usize,
    /// Where to continue; `None` if nothing follows.
    pub next: Option<Cursor>,
    /// How many jobs were examined.
    pub looked_at: usize,
}

/// A job as a list shows it: without arguments and response, which may be large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    /// Its task.
    pub task: TaskKey,
    /// Its id within the task.
    pub id: JobId,
    /// Its status.
    pub status: Status,
    /// Its priority.
    pub priority: i16,
    /// When it was added.
    pub added_at: Timestamp,
    /// The time before which no attempt begins; `None` unless WAITING.
    pub run_at: Option<Timestamp>,
    /// Whether it is on hold for its add handler.
    pub on_hold: bool,
    /// Whether it was cancelled during an attempt, which is being stopped.
    pub cancelling: bool,
    /// When the running attempt began; `None` unless RUNNING.
    pub started_at: Option<Timestamp>,
    /// When it ended; `None` until then.
    pub ended_at: Option<Timestamp>,
    /// How many attempts have begun.
    pub attempt: u32,
    /// The fence of the last attempt.
    pub run: Run,
    /// The last progress.
    pub progress: Progress,
    /// The kind of failure; `None` unless FAILURE.
    pub reason: Option<FailureKind>,
    /// Why it failed, or why its last attempt did while it waits for the next one; without details.
    pub problem: Option<Problem>,
    /// Its position in the order of adding.
    pub cursor: Cursor,
    /// The beginning of its arguments, if the query asks for it.
    pub args: Option<Arc<str>>,
    /// In which way it failed, also for the time being, if the query asks for it.
    pub failure: Option<Box<ListedFailure>>,
}

/// In which way a job failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFailure {
    /// Its group.
    pub group: FailureGroup,
    /// The innermost [`FRAMES`](Self::FRAMES) functions on the stack of its guest, innermost first. A guest may have written
    /// them, so long ones are cut.
    pub frames: Vec<String>,
    /// The digest of the component that its last attempt ran; `None` if unknown.
    pub digest: Option<Arc<str>>,
}

impl ListedFailure {
    /// The most functions: more than stacks of traps have.
    pub const FRAMES: usize = 32;
    /// The most bytes of a function's name.
    pub const FRAME: usize = 256;

    /// Returns that of a job of `task`; `None` if it did not fail. Takes time in proportion to the details of its problem.
    pub fn of(task: &str, texts: &JobTexts) -> Option<Box<Self>> {
        let problem = texts.problem.as_ref()?;
        let group = FailureGroup::of(task, problem);
        let mut frames = failure_frames(problem);
        frames.truncate(Self::FRAMES);
        for frame in &mut frames {
            let end = frame.floor_char_boundary(Self::FRAME);
            frame.truncate(end);
        }
        // What was read may have been much more.
        frames.shrink_to_fit();
        Some(Box::new(Self { group, frames, digest: texts.digest.clone() }))
    }
}

impl ListedJob {
    /// What a list shows of a job that was cancelled during an attempt, which is being stopped.
    const CANCELLING: &str = "cancelling";

    /// Returns what it waits for at `now`; `None` unless WAITING.
    pub fn waiting(&self, now: Timestamp) -> Option<Waiting> {
        self.run_at.map(|run_at| Waiting::at(now, run_at, self.on_hold, self.attempt))
    }

    /// Returns what a list shows of a job of `task` with this life. The store sets its position.
    pub fn new(task: TaskKey, id: JobId, life: &Life, priority: i16, added_at: Timestamp, progress: Progress) -> Self {
        let mut job = Self {
            task,
            id,
            status: life.state.status(),
            priority,
            added_at,
            run_at: None,
            on_hold: false,
            cancelling: life.is_cancelling(),
            started_at: None,
            ended_at: None,
            attempt: life.attempt,
            run: life.run,
            progress,
            reason: None,
            problem: None,
            cursor: Cursor(0),
            args: None,
            failure: None,
        };
        let without_details = |problem: &Problem| Some(Problem::new(&*problem.code, &*problem.message));
        match &life.state {
            State::Waiting { run_at, on_hold, problem } => {
                (job.run_at, job.on_hold, job.problem) =
                    (Some(*run_at), *on_hold, problem.as_ref().and_then(without_details));
            }
            State::Running { started_at, .. } => job.started_at = Some(*started_at),
            State::Success { ended_at, .. } => job.ended_at = Some(*ended_at),
            State::Failure { reason, problem, ended_at } => {
                (job.reason, job.problem, job.ended_at) = (Some(*reason), without_details(problem), Some(*ended_at));
            }
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_through_text() {
        for number in [0, 1, 0xabc, u64::MAX] {
            assert_eq!(Cursor(number).to_string().parse(), Ok(Cursor(number)));
        }
        for text in ["", "c", "7", "cg", "c+7", "c07", "cA", "c1ffffffffffffffff", "é"] {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text:?}");
        }
    }

    #[test]
    fn a_query_goes_through_the_jobs_between_its_cursors() {
        let numbers = |order, after: Option<u64>, until: Option<u64>| {
            let (after, until) = (after.map(Cursor), until.map(Cursor));
            ListQuery { order, after, until, ..ListQuery::of_tenant("default") }.numbers()
        };
        let (newest, oldest) = (ListOrder::NewestFirst, ListOrder::OldestFirst);
        assert_eq!(numbers(newest, None, None), Some((0, u64::MAX)));
        assert_eq!(
            (numbers(newest, Some(7), None), numbers(oldest, Some(7), None)),
            (Some((0, 6)), Some((8, u64::MAX)))
        );
        assert_eq!(
            (numbers(newest, Some(7), Some(3)), numbers(newest, Some(3), Some(7))),
            (Some((0, 3)), Some((0, 2)))
        );
        assert_eq!((numbers(oldest, Some(3), Some(7)), numbers(oldest, Some(7), Some(7))), (Some((4, 7)), None));
        assert_eq!((numbers(newest, Some(0), None), numbers(oldest, Some(u64::MAX), None)), (None, None));
    }

    #[test]
    fn arguments_are_cut_at_a_character() {
        assert_eq!(&*ListQuery::shown_args("[1]"), "[1]");
        assert_eq!(ListQuery::shown_args(&format!("[{}", "é".repeat(1_000))).len(), 511);
    }

    #[test]
    fn a_query_bounds_its_limit_and_matches_times_and_texts() {
        let query = ListQuery::of_tenant("default");
        let limit = |limit| ListQuery { limit, ..query.clone() }.bounded_limit();
        assert_eq!((limit(0), limit(7), limit(9_999)), (1, 7, 1_000));
        let (task, id) = (TaskKey::new("default", "mail"), JobId(1));
        let waiting = Life::new(Timestamp(0), false);
        let matches = |query: &ListQuery, life: &Life, progress: Option<&Progress>, at: u64| {
            query.matches(&task, id, Timestamp(at), life, progress)
        };
        assert!(matches(&query, &waiting, None, 5));
        let timed = ListQuery { added_from: Some(Timestamp(5)), added_before: Some(Timestamp(7)), ..query.clone() };
        let found: Vec<u64> = (3..9).filter(|at| matches(&timed, &waiting, None, *at)).collect();
        assert_eq!(found, [5, 6]);
        let text = |text: &str| ListQuery { text: Some(text.into()), ..query.clone() };
        let progress = Progress { current: 3, total: 10, message: "one half".to_owned() };
        for (text_part, is_found) in [("half", true), ("3/10 one", true), ("", true), ("3/1 ", false), ("Half", false)]
        {
            assert_eq!(matches(&text(text_part), &waiting, Some(&progress), 0), is_found, "{text_part}");
        }
        assert!(matches(&text(""), &waiting, None, 0));
        let (reason, problem) = (FailureKind::OutOfMemory, Problem::new("too-big", "it is odd"));
        let failed = State::Failure { reason, problem, ended_at: Timestamp(0) };
        let failed = Life { state: failed, ..waiting.clone() };
        for text_part in ["odd", "too-big", "big: it", "out-of-memory"] {
            assert!(matches(&text(text_part), &failed, None, 0), "{text_part}");
        }
        let state = State::Running { run: Run(1), started_at: Timestamp(0), cancelling: false };
        let running = Life { state, ..waiting.clone() };
        assert!(!matches(&text("half"), &running, Some(&progress), 0), "that progress is an earlier attempt's");
        assert!(!matches(&text("cancelling"), &running, None, 0));
        let state = State::Running { run: Run(1), started_at: Timestamp(0), cancelling: true };
        assert!(matches(&text("cancelling"), &Life { state, ..waiting }, None, 0));
        let at = |now: u64, word: &str| ListQuery { now: Timestamp(now), ..text(word) };
        let delayed = Life::new(Timestamp(7), false);
        assert!(matches(&at(6, "delayed"), &delayed, None, 0) && !matches(&at(6, "ready"), &delayed, None, 0));
        assert!(matches(&at(7, "ready"), &delayed, None, 0) && !matches(&at(7, "delayed"), &delayed, None, 0));
        let live = Arc::new(HashMap::from([(task.clone(), HashSet::from([id]))]));
        assert!(matches(&ListQuery { live, ..text("half") }, &running, None, 0));
    }
}
