//! The state of the live view: running jobs with their progress, and job counts per task.

use std::collections::{BTreeMap, HashMap};

use saggar_wire::{ListedJob, TaskSummary};

use super::WatchEvent;

/// A job with a running attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunningJob {
    pub(super) task: String,
    pub(super) id: u64,
    pub(super) attempt: u32,
    /// Start of the attempt.
    pub(super) started_at: String,
    pub(super) current: u64,
    pub(super) total: u64,
    pub(super) message: String,
}

/// Running jobs in the order of their start, so that a line on the screen keeps its position.
#[derive(Debug, Default)]
pub(super) struct LiveView {
    running: BTreeMap<u64, RunningJob>,
    positions: HashMap<(String, u64), u64>,
    seen: u64,
    tasks: Vec<TaskSummary>,
}

impl LiveView {
    /// Creates a view with these running jobs.
    pub(super) fn new(running: Vec<ListedJob>) -> Self {
        let mut view = Self::default();
        for job in running {
            let ListedJob { task, id, attempt, started_at, current, total, message, .. } = job;
            let started_at = started_at.unwrap_or_default();
            view.insert(RunningJob { task, id, attempt, started_at, current, total, message });
        }
        view
    }

    /// Sets the job counts.
    pub(super) fn set_counts(&mut self, tasks: Vec<TaskSummary>) {
        self.tasks = tasks;
    }

    /// Applies an event.
    pub(super) fn apply(&mut self, event: &WatchEvent) {
        let key = (event.task.clone(), event.id);
        if event.ends_attempt() {
            if let Some(position) = self.positions.remove(&key) {
                self.running.remove(&position);
            }
        } else if event.kind == "started" {
            let (task, id) = key;
            let attempt = event.attempt.unwrap_or(1);
            let started_at = event.at.clone();
            self.insert(RunningJob { task, id, attempt, started_at, current: 0, total: 0, message: String::new() });
        } else if let (Some(position), Some((current, total))) = (self.positions.get(&key), event.progress())
            && let Some(job) = self.running.get_mut(position)
        {
            (job.current, job.total) = (current, total);
            job.message.clone_from(&event.message);
        }
    }

    fn insert(&mut self, job: RunningJob) {
        self.seen += 1;
        let position = *self.positions.entry((job.task.clone(), job.id)).or_insert(self.seen);
        self.running.insert(position, job);
    }

    /// Returns the tasks with their counts, sorted by id.
    pub(super) fn tasks(&self) -> &[TaskSummary] {
        &self.tasks
    }

    /// Returns the running jobs with their positions, oldest first.
    pub(super) fn running(&self) -> impl ExactSizeIterator<Item = (u64, &RunningJob)> {
        self.running.iter().map(|(position, job)| (*position, job))
    }
}

#[cfg(test)]
mod tests {
    use saggar_client::ServerEvent;

    use super::*;

    fn apply(view: &mut LiveView, kind: &str, id: u64, more: &str) {
        let data = format!("{{\"task\":\"a\",\"id\":{id},\"at\":\"\"{more}}}");
        view.apply(&WatchEvent::parse(&ServerEvent { kind: kind.into(), id: String::new(), data }).unwrap());
    }

    fn shown(view: &LiveView) -> Vec<(u64, u64, &str)> {
        view.running().map(|(_, job)| (job.id, job.current, job.message.as_str())).collect()
    }

    #[test]
    fn jobs_are_in_the_view_from_start_to_end_of_an_attempt() {
        let mut view = LiveView::default();
        for id in [9, 3, 5] {
            apply(&mut view, "added", id, "");
            apply(&mut view, "started", id, r#","attempt":1"#);
        }
        apply(&mut view, "progress", 3, r#","current":1,"total":4,"message":"going""#);
        // This job is not in the view: for example, the last progress may arrive after the end of the attempt.
        apply(&mut view, "progress", 7, r#","current":1,"total":4,"message":"late""#);
        assert_eq!(shown(&view), [(9, 0, ""), (3, 1, "going"), (5, 0, "")]);
        for (kind, id) in [("succeeded", 9), ("retrying", 3), ("requeued", 5), ("failed", 11)] {
            apply(&mut view, kind, id, "");
        }
        assert_eq!(shown(&view), []);
        apply(&mut view, "started", 3, r#","attempt":2"#);
        assert_eq!(shown(&view), [(3, 0, "")]);
    }

    #[test]
    fn a_job_keeps_its_position_if_its_start_arrives_again() {
        let mut view = LiveView::default();
        apply(&mut view, "started", 1, "");
        apply(&mut view, "started", 2, "");
        apply(&mut view, "started", 1, "");
        assert_eq!(shown(&view), [(1, 0, ""), (2, 0, "")]);
        assert_eq!(view.running().len(), view.positions.len());
    }
}
