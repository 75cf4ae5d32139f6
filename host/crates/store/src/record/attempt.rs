//! Records of ended attempts, limited per job, and the resource usage of an attempt.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{Ending, Life, Problem, Run, State, Timestamp};

use super::{End, kept_bytes};

/// Resource usage of an attempt, as the sandbox measured it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// The digest of the component that ran, in hexadecimal.
    pub digest: Arc<str>,
    /// The number of the deployment that it ran in; `None` if the app was not deployed yet.
    pub deployment: Option<u64>,
    /// Processor time of the guest, and of the host on its behalf.
    pub cpu: Duration,
    /// The most bytes of memories and tables that the instance had used by then.
    pub peak_memory: u64,
    /// Whether a new instance was created for the attempt.
    pub fresh: bool,
}

/// The record of an ended attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// Its number, from 1. A requeued attempt does not count, so the next one has the same number; a job that is
    /// retried by hand counts from 1 again.
    pub number: u32,
    /// Its fence: unique among the job's attempts, and in their order.
    pub run: Run,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; for an attempt that was lost with its process, when the next process found it.
    pub ended_at: Timestamp,
    /// How it ended. The result for the job may differ: it may have been cancelled meanwhile.
    pub ending: Ending,
    /// Why it failed. Without details, which the job itself has for its last attempt.
    pub problem: Option<Box<Problem>>,
    /// Resource usage; `None` if unknown, for example after a crash.
    pub cost: Option<Cost>,
}

impl AttemptRecord {
    /// Returns the record of the attempt that runs in `life` and ends with `end` in a step at `now`; `None` if no
    /// attempt runs.
    #[inline]
    pub fn new(life: &Life, end: &End, cost: Option<Cost>, now: Timestamp) -> Option<Self> {
        let State::Running { run, started_at, .. } = life.state else { return None };
        let (ending, problem) = match end {
            End::Outcome(outcome) => (outcome.ending(), outcome.problem()),
            End::Requeue => (Ending::Requeued, None),
        };
        let problem = problem.map(|problem| Box::new(Problem { details: None, ..problem.clone() }));
        Some(Self { number: life.attempt, run, started_at, ended_at: now, ending, problem, cost })
    }
}

/// A job's attempt records in a store: the first few, which show how the trouble began, and the latest, which show the
/// current situation. Those between them are dropped, so that a task with a million retries does not fill the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempts {
    /// Most jobs have one attempt, which needs no list.
    first: Option<Packed>,
    #[expect(clippy::box_collection, reason = "a third of the size in every job without a list")]
    later: Option<Box<Vec<AttemptRecord>>>,
}

/// An attempt record in the least space, because every ended job has one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Packed {
    run: Run,
    started_at: Timestamp,
    ended_at: Timestamp,
    problem: Option<Box<Problem>>,
    digest: Option<Arc<str>>,
    /// 0 for `None`.
    deployment: u64,
    cpu_ns: u64,
    peak_memory: u64,
    number: u32,
    ending: Ending,
    fresh: bool,
}

impl Attempts {
    /// Records of a job's first attempts, which are never dropped.
    pub const FIRST: usize = 10;
    /// Records of a job's latest attempts.
    pub const LATEST: usize = 90;

    /// Appends a record. If there are then more than [`FIRST`](Self::FIRST) and [`LATEST`](Self::LATEST) records,
    /// removes the one after the first ones.
    #[inline]
    pub fn push(&mut self, record: AttemptRecord) {
        if self.first.is_none() {
            self.first = Some(Packed::new(record));
            return;
        }
        let later = self.later.get_or_insert_default();
        later.push(record);
        if later.len() >= Self::FIRST + Self::LATEST {
            later.remove(Self::FIRST - 1);
        }
    }

    /// Returns the bytes that the records are counted as.
    pub fn bytes(&self) -> u64 {
        let first = self.first.as_ref().map_or(0, |first| kept_bytes::of_record(first.problem.as_deref()));
        let later = self.later.iter().flat_map(|later| later.iter());
        first + later.map(|record| kept_bytes::of_record(record.problem.as_deref())).sum::<u64>()
    }

    /// Returns the record of the last attempt that has ended.
    pub fn last(&self) -> Option<AttemptRecord> {
        let later = self.later.as_ref().and_then(|later| later.last().cloned());
        later.or_else(|| self.first.as_ref().map(Packed::record))
    }

    /// Returns the stored records, oldest first.
    pub fn records(&self) -> Vec<AttemptRecord> {
        let later = self.later.iter().flat_map(|later| later.iter().cloned());
        self.first.iter().map(Packed::record).chain(later).collect()
    }
}

impl Packed {
    #[inline]
    fn new(record: AttemptRecord) -> Self {
        let AttemptRecord { number, run, started_at, ended_at, ending, problem, cost } = record;
        let mut packed = Self {
            run,
            started_at,
            ended_at,
            problem,
            digest: None,
            deployment: 0,
            cpu_ns: 0,
            peak_memory: 0,
            number,
            ending,
            fresh: false,
        };
        if let Some(Cost { digest, deployment, cpu, peak_memory, fresh }) = cost {
            // At most five hundred years of processor time fit.
            packed.cpu_ns = u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX);
            packed.deployment = deployment.unwrap_or(0);
            (packed.digest, packed.peak_memory, packed.fresh) = (Some(digest), peak_memory, fresh);
        }
        packed
    }

    fn record(&self) -> AttemptRecord {
        let Self { run, started_at, ended_at, ref problem, ref digest, deployment, .. } = *self;
        let Self { cpu_ns, peak_memory, number, ending, fresh, .. } = *self;
        let cost = digest.clone().map(|digest| {
            let (cpu, deployment) = (Duration::from_nanos(cpu_ns), Some(deployment).filter(|number| *number > 0));
            Cost { digest, deployment, cpu, peak_memory, fresh }
        });
        AttemptRecord { number, run, started_at, ended_at, ending, problem: problem.clone(), cost }
    }
}

#[cfg(test)]
mod tests {
    use saggar_job::Outcome;

    use saggar_job::FailureKind;

    use super::*;

    fn record(run: u64) -> AttemptRecord {
        let state = State::Running { run: Run(run), started_at: Timestamp(1), cancelling: false };
        let life = Life { state, attempt: 1, run: Run(run) };
        AttemptRecord::new(&life, &End::Requeue, None, Timestamp(2)).unwrap()
    }

    #[test]
    fn the_first_and_the_latest_records_are_kept() {
        let mut attempts = Attempts::default();
        assert!(attempts.records().is_empty());
        (1..=250).for_each(|run| attempts.push(record(run)));
        let runs: Vec<u64> = attempts.records().iter().map(|record| record.run.0).collect();
        let expected: Vec<u64> = (1..=10).chain(161..=250).collect();
        assert_eq!(runs, expected);
    }

    #[test]
    fn a_record_has_no_details_and_a_waiting_job_has_no_record() {
        let problem = Problem { details: Some("{}".to_owned()), ..Problem::new("odd", "it is odd") };
        let running = State::Running { run: Run(3), started_at: Timestamp(1), cancelling: true };
        let life = Life { state: running, attempt: 2, run: Run(3) };
        let kept =
            AttemptRecord::new(&life, &End::Outcome(Outcome::failure(FailureKind::Trap, problem)), None, Timestamp(9))
                .unwrap();
        assert_eq!((kept.number, kept.ending, kept.ended_at), (2, Ending::Failed(FailureKind::Trap), Timestamp(9)));
        assert_eq!(kept.problem, Some(Box::new(Problem::new("odd", "it is odd"))));
        assert_eq!(AttemptRecord::new(&life, &End::Requeue, None, Timestamp(9)).unwrap().ending, Ending::Requeued);
        assert_eq!(AttemptRecord::new(&Life::new(Timestamp(1), false), &End::Requeue, None, Timestamp(9)), None);
    }
}
