//! What a watcher knows at the moment: which jobs run and how far they are, and how many jobs stand where.

use std::collections::{BTreeMap, HashMap};

use saggar_api::wire::{ListedJob, TaskSummary};

use super::Happened;

/// A job of which an attempt runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunningJob {
    pub(super) task: String,
    pub(super) id: u64,
    pub(super) attempt: u32,
    /// When the attempt began.
    pub(super) started_at: String,
    pub(super) current: u64,
    pub(super) total: u64,
    pub(super) message: String,
}

/// Jobs by the order in which they were seen to begin, so that a line on the screen stays where it is.
#[derive(Debug, Default)]
pub(super) struct Board {
    running: BTreeMap<u64, RunningJob>,
    places: HashMap<(String, u64), u64>,
    seen: u64,
    tasks: Vec<TaskSummary>,
}

impl Board {
    /// A board on which these jobs run.
    pub(super) fn new(running: Vec<ListedJob>) -> Self {
        let mut board = Self::default();
        for job in running {
            let ListedJob { task, id, attempt, started_at, current, total, message, .. } = job;
            let started_at = started_at.unwrap_or_default();
            board.put(RunningJob { task, id, attempt, started_at, current, total, message });
        }
        board
    }

    /// Takes up how many jobs stand where.
    pub(super) fn count(&mut self, tasks: Vec<TaskSummary>) {
        self.tasks = tasks;
    }

    /// Takes up what happened.
    pub(super) fn note(&mut self, happened: &Happened) {
        let key = (happened.task.clone(), happened.id);
        if happened.ends_attempt() {
            if let Some(place) = self.places.remove(&key) {
                self.running.remove(&place);
            }
        } else if happened.kind == "started" {
            let (task, id) = key;
            let attempt = happened.attempt.unwrap_or(1);
            let started_at = happened.at.clone();
            self.put(RunningJob { task, id, attempt, started_at, current: 0, total: 0, message: String::new() });
        } else if let (Some(place), Some((current, total))) = (self.places.get(&key), happened.progress())
            && let Some(job) = self.running.get_mut(place)
        {
            (job.current, job.total) = (current, total);
            job.message.clone_from(&happened.message);
        }
    }

    fn put(&mut self, job: RunningJob) {
        self.seen += 1;
        let place = *self.places.entry((job.task.clone(), job.id)).or_insert(self.seen);
        self.running.insert(place, job);
    }

    /// The tasks with their counts, in the order of their ids.
    pub(super) fn tasks(&self) -> &[TaskSummary] {
        &self.tasks
    }

    /// The jobs that run, those first that began first.
    pub(super) fn running(&self) -> impl ExactSizeIterator<Item = (u64, &RunningJob)> {
        self.running.iter().map(|(place, job)| (*place, job))
    }
}

#[cfg(test)]
mod tests {
    use saggar_client::ServerEvent;

    use super::*;

    fn note(board: &mut Board, kind: &str, id: u64, more: &str) {
        let data = format!("{{\"task\":\"a\",\"id\":{id},\"at\":\"\"{more}}}");
        board.note(&Happened::read(&ServerEvent { kind: kind.into(), id: String::new(), data }).unwrap());
    }

    fn shown(board: &Board) -> Vec<(u64, u64, &str)> {
        board.running().map(|(_, job)| (job.id, job.current, job.message.as_str())).collect()
    }

    #[test]
    fn jobs_stand_on_it_from_the_beginning_of_an_attempt_to_its_end() {
        let mut board = Board::default();
        for id in [9, 3, 5] {
            note(&mut board, "added", id, "");
            note(&mut board, "started", id, r#","attempt":1"#);
        }
        note(&mut board, "progress", 3, r#","current":1,"total":4,"message":"going""#);
        // Of a job that is not known to run, such as the last one of an attempt that has ended.
        note(&mut board, "progress", 7, r#","current":1,"total":4,"message":"late""#);
        assert_eq!(shown(&board), [(9, 0, ""), (3, 1, "going"), (5, 0, "")]);
        for (kind, id) in [("succeeded", 9), ("retrying", 3), ("put-back", 5), ("failed", 11)] {
            note(&mut board, kind, id, "");
        }
        assert_eq!(shown(&board), []);
        note(&mut board, "started", 3, r#","attempt":2"#);
        assert_eq!(shown(&board), [(3, 0, "")]);
    }

    #[test]
    fn a_job_that_was_looked_at_before_its_events_came_keeps_its_place() {
        let mut board = Board::default();
        note(&mut board, "started", 1, "");
        note(&mut board, "started", 2, "");
        note(&mut board, "started", 1, "");
        assert_eq!(shown(&board), [(1, 0, ""), (2, 0, "")]);
        assert_eq!(board.running().len(), board.places.len());
    }
}
