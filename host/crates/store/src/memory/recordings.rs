//! The recordings of attempts in memory. Those of all tasks have one lock, because the limits of a tenant and of the store
//! remove those of any task. It is locked after the state of a task, and for as long as one step may take.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::{JobId, Run};

use crate::{ListedRecording, Pruned, Recording, RecordingBooks, RecordingLimits, TaskRecordings};

/// A stored recording.
struct Stored {
    /// Its place in the order of all recordings of the store.
    place: u64,
    /// Its place in the order of those of the task, which clients see.
    number: u64,
    bytes: Arc<[u8]>,
}

/// The recordings of all tasks.
#[derive(Default)]
pub(super) struct AllRecordings {
    pub(super) limits: RecordingLimits,
    books: RecordingBooks<u64>,
    /// The tasks that have any, by the number of their [`Recordings`].
    tasks: HashMap<u64, RecordingsOfTask>,
    last_task: u64,
    /// The place of the last recording.
    last_place: u64,
}

/// The recordings of a task.
struct RecordingsOfTask {
    tenant: Arc<str>,
    by_job: BTreeMap<(JobId, Run), Stored>,
    /// The attempts, by the numbers of their recordings.
    in_order: BTreeMap<u64, (JobId, Run)>,
    counted: TaskRecordings,
}

/// A task's handle of its recordings.
#[derive(Default)]
pub(super) struct Recordings {
    all: Arc<Mutex<AllRecordings>>,
    tenant: Arc<str>,
    /// A removed task and a later one with the same key have different numbers.
    task: u64,
    /// The number of the last recording.
    last: u64,
    /// The recordings of a removed task, until they are freed.
    removed: Option<RecordingsOfTask>,
}

impl Recordings {
    /// Returns the handle of a new task.
    pub(super) fn of(all: &Arc<Mutex<AllRecordings>>, tenant: &Arc<str>) -> Self {
        let mut locked = all.lock();
        locked.last_task += 1;
        Self { all: Arc::clone(all), tenant: Arc::clone(tenant), task: locked.last_task, last: 0, removed: None }
    }

    /// Stores a recording, after removing the oldest ones for which there is no room beside it. Returns whether it is done;
    /// if not, much had to be removed, and the next call continues.
    pub(super) fn put(&mut self, id: JobId, run: Run, bytes: &Arc<[u8]>) -> bool {
        let mut locked = self.all.lock();
        let all = &mut *locked;
        let size = bytes.len() as u64;
        if !all.limits.can_hold(size) {
            return true;
        }
        all.update(self.task, |own| own.remove((id, run)));
        let mut work = 0;
        while let Some(task) = all.next_eviction(self, size) {
            if work >= RecordingLimits::WORK_OF_A_STEP {
                return false;
            }
            let Some(removed) = all.update(task, RecordingsOfTask::remove_oldest) else { break };
            work += 1 + Pruned::more_work(0, removed);
        }
        all.last_place += 1;
        self.last += 1;
        let stored = Stored { place: all.last_place, number: self.last, bytes: Arc::clone(bytes) };
        all.tasks.entry(self.task).or_insert_with(|| RecordingsOfTask::new(&self.tenant));
        all.update(self.task, |own| own.insert((id, run), stored));
        true
    }

    /// Returns the recording of an attempt, or of the last one that has one.
    pub(super) fn get(&self, id: JobId, run: Option<Run>) -> Option<Recording> {
        let runs = match run {
            Some(run) => (id, run)..=(id, run),
            None => (id, Run(0))..=(id, Run(u64::MAX)),
        };
        let all = self.all.lock();
        let ((_, run), stored) = all.tasks.get(&self.task)?.by_job.range(runs).next_back()?;
        Some(Recording { run: *run, bytes: Arc::clone(&stored.bytes) })
    }

    /// Returns a page of the recordings, the last stored first.
    pub(super) fn list(&self, before: Option<u64>, most: usize) -> Vec<ListedRecording> {
        let all = self.all.lock();
        let Some(own) = all.tasks.get(&self.task) else { return Vec::new() };
        let earlier = own.in_order.range(..before.unwrap_or(u64::MAX)).rev().take(most);
        let listed = |(number, job): (&u64, &(JobId, Run))| {
            let bytes = own.by_job.get(job)?.bytes.len() as u64;
            Some(ListedRecording { number: *number, id: job.0, run: job.1, bytes })
        };
        earlier.filter_map(listed).collect()
    }

    /// Removes all recordings of a job; returns their bytes.
    pub(super) fn remove_of(&self, id: JobId) -> u64 {
        self.all.lock().update(self.task, |own| own.remove_of(id)).unwrap_or_default()
    }

    /// Ceases to count the recordings, because the task is removed. They are kept until they are [freed](Self::free).
    pub(super) fn forget(&mut self) {
        let mut all = self.all.lock();
        if let Some(own) = all.tasks.remove(&self.task) {
            all.books.change(&own.tenant, self.task, &own.counted, &TaskRecordings::default());
            self.removed = Some(own);
        }
    }

    /// Frees up to `most` recordings of a removed task; returns how many.
    pub(super) fn free(&mut self, most: usize) -> usize {
        let Some(removed) = &mut self.removed else { return 0 };
        let mut freed = 0;
        while freed < most && removed.by_job.pop_first().is_some() {
            freed += 1;
        }
        freed
    }
}

impl AllRecordings {
    /// Returns the task whose oldest recording is to be removed before one of `more` bytes is stored.
    fn next_eviction(&self, task: &Recordings, more: u64) -> Option<u64> {
        let counts = self.tasks.get(&task.task).map(|own| own.counted.counts).unwrap_or_default();
        self.books.next_eviction(&self.limits, (&task.tenant, task.task), &counts, more)
    }

    /// Changes the recordings of a task, and counts the change. `None` if the task has none.
    fn update<T>(&mut self, task: u64, change: impl FnOnce(&mut RecordingsOfTask) -> T) -> Option<T> {
        let own = self.tasks.get_mut(&task)?;
        let before = own.counted;
        let answer = change(own);
        own.counted.oldest = own.oldest().map(|(_, place)| place);
        self.books.change(&own.tenant, task, &before, &own.counted);
        if own.in_order.is_empty() {
            self.tasks.remove(&task);
        }
        Some(answer)
    }
}

impl RecordingsOfTask {
    fn new(tenant: &Arc<str>) -> Self {
        let (by_job, in_order, counted) = Default::default();
        Self { tenant: Arc::clone(tenant), by_job, in_order, counted }
    }

    /// Returns the attempt with the oldest recording, and the place of that.
    fn oldest(&self) -> Option<((JobId, Run), u64)> {
        let (_, attempt) = self.in_order.first_key_value()?;
        self.by_job.get(attempt).map(|stored| (*attempt, stored.place))
    }

    fn insert(&mut self, attempt: (JobId, Run), stored: Stored) {
        self.counted.counts.add(stored.bytes.len());
        self.in_order.insert(stored.number, attempt);
        self.by_job.insert(attempt, stored);
    }

    /// Removes the recording of an attempt; returns its bytes.
    fn remove(&mut self, attempt: (JobId, Run)) -> u64 {
        let Some(Stored { number, bytes, .. }) = self.by_job.remove(&attempt) else { return 0 };
        self.in_order.remove(&number);
        self.counted.counts.remove(bytes.len());
        bytes.len() as u64
    }

    fn remove_oldest(&mut self) -> u64 {
        self.oldest().map_or(0, |(attempt, _)| self.remove(attempt))
    }

    fn remove_of(&mut self, id: JobId) -> u64 {
        let attempts = self.by_job.range((id, Run(0))..=(id, Run(u64::MAX))).map(|(attempt, _)| *attempt);
        let attempts: Vec<(JobId, Run)> = attempts.collect();
        attempts.into_iter().map(|attempt| self.remove(attempt)).sum()
    }
}
