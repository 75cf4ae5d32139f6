//! What the recorded attempts of a task do on new code, in all: as a document, and as text.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::compared::{AttemptName, Compared};
use crate::commands::output::{self, Column, Table, cell};

const COLUMNS: &[Column] = &[
    Column::Left("TASK"),
    Column::Right("ATTEMPTS"),
    Column::Right("SAME"),
    Column::Right("OTHER END"),
    Column::Right("OTHER ANSWER"),
    Column::Right("OTHER LOG"),
    Column::Right("STOPPED"),
    Column::Left("CPU"),
    Column::Left("MEMORY"),
];

/// Ends of attempts that are printed of a task.
const SHOWN_ENDS: usize = 10;

/// A value of the recorded attempts, and the same of the new code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
struct Change<T> {
    before: T,
    after: T,
}

/// The attempts of a task on new code.
#[derive(Debug, Serialize)]
pub(super) struct TaskReplays {
    task: String,
    /// Attempts that were run.
    attempts: usize,
    /// Of these, those that do the same as before.
    same: usize,
    /// Of these, those that succeeded and do not end with the same response now.
    worse: usize,
    /// Other ends than before, the most frequent first.
    ends: Vec<OtherEnd>,
    /// Attempts that succeed with another response.
    other_answers: usize,
    other_logs: usize,
    other_progress: usize,
    /// Attempts that were stopped at a question which their record cannot answer.
    stopped: usize,
    /// The first of these.
    first_divergence: Option<FirstDivergence>,
    /// Processor time of all attempts, in milliseconds.
    cpu_ms: Change<f64>,
    /// Whether the time before is that of the old code on this machine; otherwise it was recorded on the host's machine.
    cpu_measured_here: bool,
    /// The most memory of an attempt.
    peak_memory: Change<u64>,
    /// Parts of the host that an attempt uses and did not use before, and the other way round.
    asks_more: BTreeSet<&'static str>,
    asks_less: BTreeSet<&'static str>,
    /// Attempts that the old code did not repeat exactly, for example because arguments are masked.
    not_reproduced: usize,
    /// Attempts that could not be run, and why the first one could not.
    failed: usize,
    first_failure: Option<String>,
    /// Records that were removed meanwhile.
    removed: usize,
    #[serde(skip)]
    sums: Sums,
}

/// Attempts that end otherwise than before.
#[derive(Debug, Serialize)]
struct OtherEnd {
    #[serde(flatten)]
    end: Change<String>,
    attempts: usize,
    first: AttemptName,
}

#[derive(Debug, Serialize)]
struct FirstDivergence {
    #[serde(flatten)]
    attempt: AttemptName,
    what: String,
}

/// What the numbers are computed from.
#[derive(Debug, Default)]
struct Sums {
    ends: BTreeMap<[String; 2], (usize, Option<AttemptName>)>,
    recorded: [Duration; 2],
    measured: [Duration; 2],
}

impl TaskReplays {
    pub(super) fn new(task: String) -> Self {
        Self {
            task,
            attempts: 0,
            same: 0,
            worse: 0,
            ends: Vec::new(),
            other_answers: 0,
            other_logs: 0,
            other_progress: 0,
            stopped: 0,
            first_divergence: None,
            cpu_ms: Change::default(),
            cpu_measured_here: false,
            peak_memory: Change::default(),
            asks_more: BTreeSet::new(),
            asks_less: BTreeSet::new(),
            not_reproduced: 0,
            failed: 0,
            first_failure: None,
            removed: 0,
            sums: Sums::default(),
        }
    }

    /// Returns whether an attempt that succeeded does not end with the same response.
    pub(super) fn is_worse(&self) -> bool {
        self.worse > 0
    }

    /// Counts a record that was removed before it could be read.
    pub(super) fn add_removed(&mut self) {
        self.removed += 1;
    }

    /// Counts an attempt.
    pub(super) fn add(&mut self, compared: anyhow::Result<Compared>) {
        match compared {
            Ok(compared) => self.add_compared(compared),
            Err(error) => {
                self.failed += 1;
                self.first_failure.get_or_insert_with(|| format!("{error:#}"));
            }
        }
    }

    fn add_compared(&mut self, compared: Compared) {
        self.attempts += 1;
        self.same += usize::from(compared.is_same());
        self.worse += usize::from(compared.is_worse());
        self.other_answers += usize::from(compared.has_other_answer);
        self.other_logs += usize::from(compared.has_other_log);
        self.other_progress += usize::from(compared.has_other_progress);
        self.not_reproduced += usize::from(compared.is_not_reproduced);
        self.peak_memory.before = self.peak_memory.before.max(compared.memory[0]);
        self.peak_memory.after = self.peak_memory.after.max(compared.memory[1]);
        self.add_cpu(&compared);
        let Compared { of, ends, divergence, asked: [before, now], .. } = compared;
        self.asks_more.extend(now.difference(&before));
        match divergence {
            Some(what) => {
                self.stopped += 1;
                self.first_divergence.get_or_insert(FirstDivergence { attempt: of, what });
            }
            None => {
                // An attempt that was stopped would have asked for more.
                self.asks_less.extend(before.difference(&now));
                if ends[0] != ends[1] {
                    self.add_end(ends, of);
                }
            }
        }
    }

    fn add_end(&mut self, ends: [String; 2], of: AttemptName) {
        let (count, first) = self.sums.ends.entry(ends).or_default();
        *count += 1;
        first.get_or_insert(of);
        let other = |(ends, (attempts, first)): (&[String; 2], &(usize, Option<AttemptName>))| {
            let [before, after] = ends.clone();
            Some(OtherEnd { end: Change { before, after }, attempts: *attempts, first: (*first)? })
        };
        self.ends = self.sums.ends.iter().filter_map(other).collect();
        self.ends.sort_by_key(|end| std::cmp::Reverse(end.attempts));
    }

    fn add_cpu(&mut self, compared: &Compared) {
        // An attempt that was stopped took less.
        if compared.divergence.is_some() {
            return;
        }
        let [recorded, now] = compared.cpu;
        add(&mut self.sums.recorded, [recorded, now]);
        if let Some(old) = compared.old_cpu {
            add(&mut self.sums.measured, [old, now]);
            self.cpu_measured_here = true;
        }
        let sums = if self.cpu_measured_here { self.sums.measured } else { self.sums.recorded };
        let [before, after] = sums.map(|sum| sum.as_secs_f64() * 1e3);
        self.cpu_ms = Change { before, after };
    }
}

fn add(sums: &mut [Duration; 2], more: [Duration; 2]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

/// Prints what the attempts of all tasks do.
pub(super) fn print(replays: &[TaskReplays]) -> anyhow::Result<()> {
    if replays.is_empty() {
        say!("saggar: no task of the host gets other code, so no recorded attempt was run");
        return Ok(());
    }
    let mut table = Table::new(COLUMNS);
    for task in replays {
        let ends: usize = task.ends.iter().map(|end| end.attempts).sum();
        let Change { before, after } = task.cpu_ms;
        let cpu = format!("{after:.1} ms, {} {before:.1} ms", if task.cpu_measured_here { "was" } else { "recorded" });
        let Change { before, after } = task.peak_memory;
        let counts = [task.attempts, task.same, ends, task.other_answers, task.other_logs, task.stopped];
        let counts = counts.map(|count| count.to_string());
        table.row([task.task.clone()].into_iter().chain(counts).chain([cpu, format!("{after}, was {before}")]));
    }
    table.print()?;
    replays.iter().flat_map(TaskReplays::sentences).try_for_each(|text| output::line(&cell(&text)).map(drop))
}

impl TaskReplays {
    fn sentences(&self) -> Vec<String> {
        let task = &self.task;
        let mut found = Vec::new();
        for OtherEnd { end: Change { before, after }, attempts, first } in self.ends.iter().take(SHOWN_ENDS) {
            let first = format!("the first is #{} attempt {}", first.id, first.attempt);
            found.push(format!("{task}: {attempts} attempts end with {after} instead of {before}; {first}"));
        }
        if let Some(FirstDivergence { attempt, what }) = &self.first_divergence {
            found.push(format!("{task}#{} attempt {}: {what}", attempt.id, attempt.attempt));
        }
        for (how, parts) in [("also", &self.asks_more), ("no more", &self.asks_less)] {
            if !parts.is_empty() {
                let parts = parts.iter().copied().collect::<Vec<_>>().join(" ");
                found.push(format!("{task}: some attempts use {how}: {parts}"));
            }
        }
        if let Some(why) = &self.first_failure {
            found.push(format!("{task}: {} attempts could not be run: {why}", self.failed));
        }
        if self.not_reproduced > 0 {
            found.push(format!("{task}: {} attempts are not repeated by their own code either", self.not_reproduced));
        }
        if self.attempts + self.failed == 0 {
            found.push(format!("{task}: no attempt is recorded; `sandbox.record` says which are"));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(id: u64, ends: [&str; 2], divergence: Option<&str>) -> Compared {
        Compared {
            of: AttemptName { id, attempt: 1, run: id },
            ends: ends.map(str::to_owned),
            has_other_answer: false,
            has_other_log: false,
            has_other_progress: false,
            divergence: divergence.map(str::to_owned),
            memory: [10 * id, 20],
            cpu: [Duration::from_millis(2), Duration::from_millis(1)],
            old_cpu: None,
            is_not_reproduced: false,
            asked: [BTreeSet::from(["kv"]), BTreeSet::from(["http"])],
        }
    }

    #[test]
    fn attempts_are_counted_by_what_is_different() {
        let mut replays = TaskReplays::new("a".to_owned());
        replays.add(Ok(compared(1, ["FAILURE (trap)", "SUCCESS"], None)));
        replays.add(Ok(compared(2, ["FAILURE (trap)", "SUCCESS"], None)));
        assert!(!replays.is_worse(), "failures that are gone are no regression");
        replays.add(Ok(compared(3, ["SUCCESS", "SUCCESS"], None)));
        replays.add(Ok(compared(4, ["SUCCESS", "FAILURE (cancelled)"], Some("question 1 is `x`"))));
        replays.add(Err(anyhow::anyhow!("no sandbox was free")));
        assert!(replays.is_worse());
        let counts = [replays.attempts, replays.same, replays.worse, replays.stopped, replays.failed];
        assert_eq!(counts, [4, 1, 1, 1, 1]);
        assert_eq!((replays.ends.len(), replays.ends[0].attempts, replays.ends[0].first.id), (1, 2, 1));
        assert_eq!(replays.cpu_ms, Change { before: 6.0, after: 3.0 });
        assert_eq!(replays.peak_memory, Change { before: 40, after: 20 });
        assert_eq!((replays.asks_more, replays.asks_less), (BTreeSet::from(["http"]), BTreeSet::from(["kv"])));
    }
}
