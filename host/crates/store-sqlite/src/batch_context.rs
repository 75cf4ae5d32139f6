//! What the steps of a batch share besides their tasks: numbers, claims, components, and what their answers wait for.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, OptionalExtension, params};
use saggar_job::{Run, Timestamp};

use super::number::{JobNumber, TaskNumber, from_i64, millis, to_i64};
use super::record::Orphan;
use super::shared::Shared;
use super::sync::Answer;
use saggar_store::Notification;
use saggar_store::Observer;

const CLAIM_BYTES: usize = 24;
/// Claims that are in the table for nothing, besides three for each one that stands for a running attempt, before they are
/// cleared away: so that it is done seldom, and the table fits into a few pages.
const STALE_CLAIMS: usize = if cfg!(test) { 4 } else { 4_096 };

/// That a callback was taken or let go of, which stands in memory only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) task: TaskNumber,
    pub(super) callback: u64,
    /// As it was before.
    pub(super) was_taken: bool,
}

/// A batch, for whoever holds what one of its steps handed out: when the batch is undone, that never was, and the next batch
/// hands the same out (a job's run, even a job's id) to somebody else.
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

/// Sends notifications, to each observer in order.
fn send(notifications: Vec<(Arc<Shared>, Notification)>) {
    // Most of a batch are of one task.
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
    /// The number of the commit that is being made; counted since the start.
    pub(super) seq: u64,
    /// The one that is being made.
    pub(super) batch: Batch,
    last_number: u64,
    components: HashMap<Arc<str>, i64>,
    claims: Vec<Orphan>,
    /// Attempts that run, those of a dead process included.
    pub(super) running: usize,
    /// Claims that are in the table, and the batch they were last put there with.
    written_claims: usize,
    last_batch: i64,
    /// The bytes of all tasks, with those of this batch, and how many they may be.
    pub(super) kept_bytes: u64,
    pub(super) keep_bytes: u64,
    /// Delayed jobs that took their places in this batch.
    pub(super) promoted: usize,
    /// What this batch took and let go of.
    marks: Vec<Mark>,
    /// What observers are to hear of this batch.
    notifications: Vec<(Arc<Shared>, Notification)>,
    must_sync: bool,
    wait_for: u64,
}

impl BatchContext {
    /// As the file has it. `running`: how many claims are in it.
    pub(super) fn load(db: &Connection, seq: u64, last_number: u64, claims: usize) -> rusqlite::Result<Self> {
        let last_batch = db.query_row("SELECT coalesce(max(batch), 0) FROM claims", [], |row| row.get(0))?;
        Ok(Self { seq, last_number, last_batch, written_claims: claims, ..Self::default() })
    }

    /// All claims in the file, later ones of a job over earlier ones.
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

    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The number of a component, for rows.
    pub(super) fn component(&mut self, db: &Connection, digest: &Arc<str>) -> rusqlite::Result<i64> {
        if let Some(component) = self.components.get(digest) {
            return Ok(*component);
        }
        let mut find = db.prepare_cached("SELECT component FROM components WHERE digest = ?1")?;
        let component = match find.query_row([&**digest], |row| row.get(0)).optional()? {
            Some(component) => component,
            None => {
                db.prepare_cached("INSERT INTO components (digest) VALUES (?1)")?.execute([&**digest])?;
                db.last_insert_rowid()
            }
        };
        self.components.insert(Arc::clone(digest), component);
        Ok(component)
    }

    pub(super) fn note_claim(&mut self, claim: Orphan) {
        self.claims.push(claim);
        self.running += 1;
    }

    pub(super) fn note(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    /// Has the task's observer told when the batch is durable.
    pub(super) fn notify(&mut self, task: &Arc<Shared>, notification: Notification) {
        self.notifications.push((Arc::clone(task), notification));
    }

    /// What sends the notifications of the batch, in the order of its steps; `None` if there are none.
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

    /// The batch is committed, and another one begins.
    pub(super) fn committed(&mut self) {
        self.marks.clear();
        self.promoted = 0;
        self.batch = Batch::default();
        self.seq += 1;
    }

    /// The batch was undone; answers what it did to callbacks in memory, the last first.
    pub(super) fn undone(&mut self) -> impl Iterator<Item = Mark> + use<> {
        self.batch.undo();
        self.notifications.clear();
        std::mem::take(&mut self.marks).into_iter().rev()
    }

    /// The step's answer has to wait until the batch is on the disk.
    pub(super) fn must_sync(&mut self) {
        self.must_sync = true;
    }

    /// What the step hands out has to wait until the commit `seq` is on the disk, and for no more: a claim may be forgotten in a
    /// power cut, but nobody is to hear of it before the adding of its job is known to last.
    pub(super) fn wait_for(&mut self, seq: u64) {
        self.wait_for = self.wait_for.max(seq);
    }

    /// The commit that the answer to the step just made has to wait for.
    pub(super) fn end_step(&mut self) -> u64 {
        let handed_out = std::mem::take(&mut self.wait_for);
        if std::mem::take(&mut self.must_sync) { self.seq } else { handed_out }
    }

    /// Writes the claims of the batch: one row for all of them. `running` tells of every attempt that runs, to be written
    /// anew when most of what is in the table means nothing any more.
    pub(super) fn flush_claims(&mut self, db: &Connection, running: impl Fn() -> Vec<Orphan>) -> rusqlite::Result<()> {
        if self.written_claims + self.claims.len() > 4 * self.running + STALE_CLAIMS {
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
