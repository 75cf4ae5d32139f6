//! Summaries of failures, of which the store returns one page after the other: groups, and a tree of functions. Both are
//! bounded, however many ways to fail there are.

use std::collections::{BTreeMap, HashMap};

use saggar_job::Timestamp;
use saggar_queue::{FailureGroup, ListedFailure, ListedJob, message_pattern};
use saggar_wire as wire;

use crate::rfc3339;

/// The most groups: about a megabyte of JSON.
const MAX_GROUPS: usize = 1_000;

/// The most digests of a group. More versions do not run at the same time.
const MAX_DIGESTS: usize = 8;

/// Functions that a group shows: those that distinguish it.
const GROUP_FRAMES: usize = 3;

/// Minutes that a group shows.
const MINUTES: u64 = 60;

/// The most functions of a tree: more than a screen shows.
const MAX_TREE: usize = 1_000;

/// Failures by group.
pub(crate) struct FailureGroups {
    groups: HashMap<FailureGroup, GatheredGroup>,
    omitted: u64,
    now: Timestamp,
}

struct GatheredGroup {
    first: Timestamp,
    last: Timestamp,
    shown: wire::FailureGroup,
}

impl FailureGroups {
    /// Creates a summary without failures, whose minutes end at `now`.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { groups: HashMap::new(), omitted: 0, now }
    }

    /// Adds a job that has failed. Others are ignored.
    pub(crate) fn add(&mut self, job: &ListedJob) {
        let (Some(failure), Some(ended_at)) = (&job.failure, job.ended_at) else { return };
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&failure.group) {
            self.omitted += 1;
            return;
        }
        let now = self.now;
        let group = self.groups.entry(failure.group).or_insert_with(|| GatheredGroup::new(job, failure, ended_at));
        group.add(job, failure, ended_at, now);
    }

    /// Returns the groups, and how many jobs are in none of them.
    pub(crate) fn finish(self) -> (Vec<wire::FailureGroup>, u64) {
        let mut groups: Vec<GatheredGroup> = self.groups.into_values().collect();
        groups.sort_by(|a, b| {
            let by_count = b.shown.count.cmp(&a.shown.count).then(b.last.cmp(&a.last));
            by_count.then_with(|| a.shown.group.cmp(&b.shown.group))
        });
        (groups.into_iter().map(GatheredGroup::finish).collect(), self.omitted)
    }
}

impl GatheredGroup {
    fn new(job: &ListedJob, failure: &ListedFailure, ended_at: Timestamp) -> Self {
        let (code, message) = match &job.problem {
            Some(problem) => (problem.code.clone(), message_pattern(&problem.message)),
            None => <(String, String)>::default(),
        };
        let shown = wire::FailureGroup {
            group: failure.group.to_string(),
            task: job.task.task.to_string(),
            code,
            message,
            frames: failure.frames.iter().take(GROUP_FRAMES).cloned().collect(),
            count: 0,
            reasons: BTreeMap::new(),
            digests: BTreeMap::new(),
            first_ended_at: String::new(),
            last_ended_at: String::new(),
            last_id: job.id.0,
            per_minute: vec![0; MINUTES as usize],
        };
        Self { first: ended_at, last: ended_at, shown }
    }

    fn add(&mut self, job: &ListedJob, failure: &ListedFailure, ended_at: Timestamp, now: Timestamp) {
        let shown = &mut self.shown;
        shown.count += 1;
        if let Some(reason) = job.reason {
            *shown.reasons.entry(reason.name().to_owned()).or_default() += 1;
        }
        if let Some(digest) = &failure.digest
            && (shown.digests.len() < MAX_DIGESTS || shown.digests.contains_key(&**digest))
        {
            *shown.digests.entry(digest.to_string()).or_default() += 1;
        }
        let age = now.0.saturating_sub(ended_at.0) / 60_000;
        if age < MINUTES {
            shown.per_minute[(MINUTES - 1 - age) as usize] += 1;
        }
        self.first = self.first.min(ended_at);
        if ended_at > self.last {
            (self.last, shown.last_id) = (ended_at, job.id.0);
        }
    }

    fn finish(self) -> wire::FailureGroup {
        wire::FailureGroup {
            first_ended_at: rfc3339::write(self.first),
            last_ended_at: rfc3339::write(self.last),
            ..self.shown
        }
    }
}

/// The functions in which guests failed.
#[derive(Default)]
pub(crate) struct FailureTree {
    frames: Vec<wire::FailureFrame>,
    /// The positions of the functions, by their caller and their name.
    positions: HashMap<(Option<usize>, String), usize>,
    count: u64,
    without_stack: u64,
}

impl FailureTree {
    /// Adds a job that has failed. Others are ignored.
    pub(crate) fn add(&mut self, job: &ListedJob) {
        let Some(failure) = &job.failure else { return };
        self.count += 1;
        self.without_stack += u64::from(failure.frames.is_empty());
        let mut caller = None;
        for name in failure.frames.iter().rev() {
            // Its callers count the job.
            let Some(position) = self.position(caller, name) else { return };
            self.frames[position].count += 1;
            caller = Some(position);
        }
    }

    /// Returns the position of a function, which is added if it is new; `None` if the tree is full.
    fn position(&mut self, caller: Option<usize>, name: &str) -> Option<usize> {
        let key = (caller, name.to_owned());
        if let Some(position) = self.positions.get(&key) {
            return Some(*position);
        }
        let position = self.frames.len();
        if position >= MAX_TREE {
            return None;
        }
        self.frames.push(wire::FailureFrame { name: name.to_owned(), caller, count: 0 });
        self.positions.insert(key, position);
        Some(position)
    }

    /// Returns the tree. `looked_at` and `next` say how much of the jobs it has.
    pub(crate) fn finish(self, looked_at: u64, next: Option<String>) -> wire::FailureStacks {
        let Self { frames, count, without_stack, .. } = self;
        wire::FailureStacks { frames, count, without_stack, looked_at, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saggar_job::{FailureKind, JobId, Life, Problem, Run, State, TaskKey};
    use saggar_queue::Progress;

    const NOW: Timestamp = Timestamp(10_000_000);

    /// Returns a job that has failed so many milliseconds ago.
    fn failed(id: u64, message: &str, frames: &[&str], ago: u64) -> ListedJob {
        let problem = Problem::new("trap", message);
        let ended_at = Timestamp(NOW.0 - ago);
        let state = State::Failure { reason: FailureKind::Trap, problem: problem.clone(), ended_at };
        let life = Life { state, attempt: 1, run: Run(1) };
        let task = TaskKey::new("default", "mail");
        let mut job = ListedJob::new(task, JobId(id), &life, 0, Timestamp(0), Progress::default());
        job.failure = Some(Box::new(ListedFailure {
            group: FailureGroup::of("mail", &problem),
            frames: frames.iter().map(|&frame| frame.to_owned()).collect(),
            digest: Some(format!("{id:064x}").into()),
        }));
        job
    }

    #[test]
    fn a_group_counts_its_jobs() {
        let mut groups = FailureGroups::new(NOW);
        groups.add(&failed(1, "odd", &[], 0));
        groups.add(&failed(2, "page 1", &["a", "b", "c", "d"], 3_600_000));
        groups.add(&failed(3, "page 2", &["a", "b", "c", "d"], 59_999));
        groups.add(&failed(4, "page 3", &["a", "b", "c", "d"], 60_000));
        let (groups, omitted) = groups.finish();
        assert_eq!((groups.len(), omitted), (2, 0));
        let first = &groups[0];
        assert_eq!((first.count, &*first.message, first.last_id), (3, "page #", 3));
        assert_eq!((first.frames.len(), first.reasons["trap"], first.digests.len()), (3, 3, 3));
        assert_eq!((first.per_minute[58], first.per_minute[59], first.per_minute.iter().sum::<u64>()), (1, 1, 2));
        assert!(first.first_ended_at < first.last_ended_at);
        assert_eq!((&*groups[1].message, groups[1].last_id), ("odd", 1));
    }

    #[test]
    fn groups_and_their_digests_are_bounded() {
        let mut groups = FailureGroups::new(NOW);
        for id in 0..1_100 {
            let message: String = format!("{id:04}").bytes().map(|digit| char::from(b'g' + digit - b'0')).collect();
            groups.add(&failed(id, &message, &[], 0));
        }
        for id in 0..20 {
            groups.add(&failed(id, "gggg", &[], 0));
        }
        let (groups, omitted) = groups.finish();
        assert_eq!((groups.len(), omitted), (MAX_GROUPS, 100));
        assert_eq!((groups[0].count, groups[0].digests.len()), (21, MAX_DIGESTS));
    }

    #[test]
    fn a_tree_has_each_function_after_its_caller() {
        let mut tree = FailureTree::default();
        tree.add(&failed(1, "odd", &["c", "b", "a"], 0));
        tree.add(&failed(2, "odd", &["d", "b", "a"], 0));
        tree.add(&failed(3, "odd", &["b"], 0));
        tree.add(&failed(4, "odd", &[], 0));
        let tree = tree.finish(4, None);
        assert_eq!((tree.count, tree.without_stack), (4, 1));
        let frames: Vec<_> = tree.frames.iter().map(|frame| (frame.name.as_str(), frame.caller, frame.count)).collect();
        let expected = [("a", None, 2), ("b", Some(0), 2), ("c", Some(1), 1), ("d", Some(1), 1), ("b", None, 1)];
        assert_eq!(frames, expected);
    }

    #[test]
    fn a_tree_is_bounded() {
        let mut tree = FailureTree::default();
        for id in 0..2_000 {
            let name = format!("f{id}");
            tree.add(&failed(id, "odd", &[&name, "main"], 0));
        }
        let tree = tree.finish(2_000, None);
        assert_eq!((tree.frames.len(), tree.frames[0].count), (MAX_TREE, 2_000));
    }
}
