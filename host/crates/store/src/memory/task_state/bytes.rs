//! Stored bytes: counting them, and evicting ended jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use saggar_job::{Status, Timestamp};

use super::super::record::Record;
use super::TaskState;
use crate::kept_bytes::{self, KeptBytes};
use crate::{Pruned, Rules, TenantLevels};

/// The bytes of a task's jobs, and those of all tasks. Clones share them.
#[derive(Clone, Default)]
pub(in super::super) struct Kept {
    /// Written only under the task's lock, so that no atomic addition is needed.
    bytes: Arc<AtomicU64>,
    pub(in super::super) of_all: Arc<KeptBytes>,
    pub(in super::super) of_tenant: TenantLevels,
}

impl Kept {
    pub(in super::super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns the bytes of all tasks, and their limit.
    pub(super) fn of_all(&self) -> (u64, u64) {
        (self.of_all.bytes(), self.of_all.most())
    }

    pub(in super::super) fn has_room_for(&self, more: u64, rules: &Rules) -> bool {
        let (all, most) = self.of_all();
        kept_bytes::has_room(self.bytes(), more, rules.keep_bytes)
            && self.of_tenant.has_room_for(more)
            && kept_bytes::has_room(all, more, most)
    }

    /// Returns whether jobs have to be evicted, and whether that can help, so that `more` bytes fit beside all stored
    /// ones.
    pub(in super::super) fn lacks_room_in_all(&self, more: u64) -> bool {
        let (bytes, most) = self.of_all();
        kept_bytes::lacks_room(bytes, more, most)
    }

    /// Like [`lacks_room_in_all`](Self::lacks_room_in_all), beside the jobs of the tenant.
    pub(in super::super) fn lacks_room_in_tenant(&self, more: u64) -> bool {
        kept_bytes::lacks_room(self.of_tenant.kept_bytes.used(), more, self.of_tenant.most_bytes())
    }

    /// Replaces the counted bytes `before` with `after`.
    pub(super) fn change(&mut self, before: u64, after: u64) {
        if before != after {
            self.change_own(before, after);
            self.of_tenant.kept_bytes.change(before, after);
        }
    }

    /// Counts the bytes of a new job, which were taken of the tenant's quota.
    pub(super) fn add_taken(&mut self, bytes: u64) {
        self.change_own(0, bytes);
    }

    fn change_own(&mut self, before: u64, after: u64) {
        self.bytes.store(self.bytes().wrapping_add(after.wrapping_sub(before)), Ordering::Relaxed);
        self.of_all.change(before, after);
    }

    /// Counts a job of the tenant that begins or ceases to wait; `None` if it does not exist.
    pub(super) fn change_status(&self, from: Option<Status>, to: Option<Status>) {
        let waits = |status| u64::from(status == Some(Status::Waiting));
        if waits(from) != waits(to) {
            self.of_tenant.waiting.change(waits(from), waits(to));
        }
    }

    /// Recounts a record that was counted as `before`.
    pub(super) fn recount(&mut self, before: u64, record: &mut Record) {
        record.recount();
        self.change(before, record.bytes());
    }
}

impl TaskState {
    /// Evicts the task's own jobs because of its own limit.
    pub(in super::super) fn make_room(&mut self, more: u64, most: usize, rules: &Rules) -> Pruned {
        let (mut pruned, mut work) = (Pruned::default(), 0);
        while kept_bytes::lacks_room(self.kept.bytes(), more, rules.keep_bytes) {
            if work >= most {
                return Pruned { more: true, ..pruned };
            }
            let Some((removed, effort)) = self.remove_first_ended() else { break };
            (pruned, work) = (pruned.and(removed), work + effort);
        }
        pruned
    }

    /// Returns when the job ended that [`remove_first_ended`](Self::remove_first_ended) removes.
    pub(in super::super) fn first_ended_at(&self) -> Option<Timestamp> {
        self.first_ended().map(|(ended_at, _)| ended_at)
    }

    fn first_ended(&self) -> Option<(Timestamp, Status)> {
        let success = self.ends.success_expiry.first_ended_at().map(|at| (at, Status::Success));
        let failure = self.ends.failure_expiry.first_ended_at().map(|at| (at, Status::Failure));
        success.into_iter().chain(failure).min_by_key(|(ended_at, _)| *ended_at)
    }

    /// Removes the job that ended first, or a stale entry. Returns what was removed, and the work done; `None` if no job
    /// has ended.
    pub(in super::super) fn remove_first_ended(&mut self) -> Option<(Pruned, usize)> {
        let (_, status) = self.first_ended()?;
        let ended =
            if status == Status::Success { &mut self.ends.success_expiry } else { &mut self.ends.failure_expiry };
        let due = ended.take_due(0, Timestamp(u64::MAX))?;
        let removed = self.remove_expired(due, status);
        let (more_work, was_pending) = removed.unwrap_or_default();
        let pruned = Pruned { jobs: removed.is_some().into(), undelivered: was_pending.into(), more: false };
        Some((pruned, 1 + more_work))
    }
}
