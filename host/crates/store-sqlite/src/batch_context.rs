//! The state that the steps of a batch share besides their tasks: numbers, claims, components, and the commit that each
//! answer waits for.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, params};
use saggar_job::{Run, Timestamp};

use super::components::Components;
use super::limits::Limits;
use super::number::{JobNumber, TaskNumber, from_i64, millis, to_i64};
use super::record::Orphan;
use super::shared::Shared;
use super::sync::Answer;
use saggar_store::{Notification, Observer, RecordingBooks};

const CLAIM_BYTES: usize = 24;

/// A change of a callback's claim, which exists in memory only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) task: TaskNumber,
    pub(super) callback: u64,
    /// Whether it was claimed before.
    pub(super) was_taken: bool,
}

/// A shared handle to a batch, for holders of claims that one of its steps made. When the batch is rolled back, these
/// claims never existed, and the next batch may assign the same run, or even the same job id, to another caller.
#[derive(Debug, Clone, Default)]
pub(super) struct Batch {
    is_undone: Arc<AtomicBool>,
}

impl Batch {
    pub(super) fn is_undone(&self) -> bool {
        self.is_undone.load(Ordering::Acquire)
    }

    fn undo(&self) {
        self.is_undone.store(true, Ordering::Release);
    }
}

/// Sends notifications to each observer in order.
fn send(notifications: Vec<(Arc<Shared>, Notification)>) {
    // Most notifications of a batch are for one task.
    let (mut last, mut observer): (Option<Arc<Shared>>, Option<Arc<dyn Observer>>) = (None, None);
    for (task, notification) in notifications {
        if last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &task)) {
            observer = task.observer();
            last = Some(task);
        }
        if let Some(observer) = &observer {
            notification.send(&**observer);
        }
    }
}

#[derive(Default)]
pub(super) struct BatchContext {
    /// The number of the commit in progress, counted since the start.
    pub(super) seq: u64,
    /// The batch in progress.
    pub(super) batch: Batch,
    /// The numbers of components.
    pub(super) components: Components,
    claims: Vec<Orphan>,
    /// Running attempts, including those of a dead process.
    pub(super) running: usize,
    /// Whether the table may have claims of removed tasks, whose numbers a later process may use again.
    has_stale_tasks: bool,
    /// Claims in the table, and the last batch that was written there.
    written_claims: usize,
    last_batch: i64,
    /// The bytes of all tasks, including this batch, and their limit.
    pub(super) kept_bytes: u64,
    pub(super) keep_bytes: u64,
    /// The recordings of all tasks, including this batch.
    pub(super) recordings: RecordingBooks<TaskNumber>,
    /// Delayed jobs that this batch has promoted.
    pub(super) promoted: usize,
    /// The callbacks that this batch has claimed or released.
    pub(super) marks: Vec<Mark>,
    /// Notifications for the observers of this batch.
    notifications: Vec<(Arc<Shared>, Notification)>,
    must_sync: bool,
    wait_for: u64,
}

impl BatchContext {
    /// Reads the state from the file. `claims`: how many are in it.
    pub(super) fn load(db: &Connection, seq: u64, claims: usize) -> rusqlite::Result<Self> {
        let last_batch = db.query_row("SELECT coalesce(max(batch), 0) FROM claims", [], |row| row.get(0))?;
        let components = Components::load(db)?;
        Ok(Self { seq, last_batch, written_claims: claims, components, ..Self::default() })
    }

    /// Reads all claims in the file; later claims of a job override earlier ones.
    pub(super) fn read_claims(db: &Connection) -> rusqlite::Result<HashMap<JobNumber, Orphan>> {
        let mut statement = db.prepare("SELECT attempts FROM claims ORDER BY batch")?;
        let mut rows = statement.query([])?;
        let mut claims = HashMap::new();
        while let Some(row) = rows.next()? {
            for entry in row.get_ref(0)?.as_blob()?.chunks_exact(CLAIM_BYTES) {
                let number = |at: usize| {
                    let mut bytes = [0; 8];
                    bytes.copy_from_slice(&entry[at..at + 8]);
                    u64::from_le_bytes(bytes)
                };
                let job = JobNumber(to_i64(number(0)));
                claims.insert(job, Orphan { job, run: Run(number(8)), started_at: Timestamp(number(16)) });
            }
        }
        Ok(claims)
    }

    pub(super) fn note_claim(&mut self, claim: Orphan) {
        self.claims.push(claim);
        self.running += 1;
    }

    /// Forgets running attempts of removed tasks. The table of claims is written anew, because it has their claims.
    pub(super) fn forget_claims(&mut self, running: usize) {
        self.running = self.running.saturating_sub(running);
        self.has_stale_tasks = true;
    }

    /// Queues a notification for the task's observer, to be sent when the batch is durable.
    pub(super) fn notify(&mut self, task: &Arc<Shared>, notification: Notification) {
        self.notifications.push((Arc::clone(task), notification));
    }

    /// Returns the answer that sends the notifications of the batch, in the order of its steps; `None` if there are
    /// none.
    pub(super) fn take_notifications(&mut self) -> Option<Answer> {
        if self.notifications.is_empty() {
            return None;
        }
        let notifications = std::mem::take(&mut self.notifications);
        Some(Box::new(move |fate| {
            if fate.is_ok() {
                send(notifications);
            }
        }))
    }

    /// Begins the next batch after a commit.
    pub(super) fn committed(&mut self) {
        self.marks.clear();
        self.promoted = 0;
        self.batch = Batch::default();
        self.seq += 1;
    }

    /// Discards the batch after a rollback. Returns its changes to callback claims in memory, the last first.
    pub(super) fn undone(&mut self) -> impl Iterator<Item = Mark> + use<> {
        self.batch.undo();
        self.notifications.clear();
        std::mem::take(&mut self.marks).into_iter().rev()
    }

    /// Makes the step's answer wait until the batch is durable.
    pub(super) fn must_sync(&mut self) {
        self.must_sync = true;
    }

    /// Makes the step's answer wait until the commit `seq` is durable, but no longer. A claim may be lost in a power
    /// cut, but must not be visible before the add of its job is durable.
    pub(super) fn wait_for(&mut self, seq: u64) {
        self.wait_for = self.wait_for.max(seq);
    }

    /// Returns the commit that the answer of the step just done has to wait for.
    pub(super) fn end_step(&mut self) -> u64 {
        let wait_for = std::mem::take(&mut self.wait_for);
        if std::mem::take(&mut self.must_sync) { self.seq } else { wait_for }
    }

    /// Writes the claims of the batch as one row. `running` returns every running attempt; they are rewritten when most
    /// claims in the table are stale.
    pub(super) fn flush_claims(
        &mut self,
        db: &Connection,
        limits: &Limits,
        running: impl Fn() -> Vec<Orphan>,
    ) -> rusqlite::Result<()> {
        let are_most_stale = self.written_claims + self.claims.len() > 4 * self.running + limits.stale_claims;
        if std::mem::take(&mut self.has_stale_tasks) || are_most_stale {
            let running = running();
            self.claims.clear();
            db.prepare_cached("DELETE FROM claims")?.execute([])?;
            self.write_claims(db, &running)?;
            self.written_claims = running.len();
        } else if !self.claims.is_empty() {
            let claims = std::mem::take(&mut self.claims);
            self.write_claims(db, &claims)?;
            self.written_claims += claims.len();
        }
        Ok(())
    }

    fn write_claims(&mut self, db: &Connection, claims: &[Orphan]) -> rusqlite::Result<()> {
        self.last_batch += 1;
        let mut bytes = Vec::with_capacity(claims.len() * CLAIM_BYTES);
        for claim in claims {
            bytes.extend(from_i64(claim.job.0).to_le_bytes());
            bytes.extend(claim.run.0.to_le_bytes());
            bytes.extend(from_i64(millis(claim.started_at)).to_le_bytes());
        }
        let mut statement = db.prepare_cached("INSERT INTO claims VALUES (?1, ?2)")?;
        statement.execute(params![self.last_batch, bytes]).map(drop)
    }
}
