//! Numbers as they stand in the database.

use saggar_job::Timestamp;

/// The number of a task: the row of `tasks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TaskNumber(pub(super) i64);

/// The number of a job: its task's, and its own in the order of adding to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct JobNumber(pub(super) i64);

/// Bits of a job's own number: 100,000 jobs a second for almost three years; and a million tasks above them.
const OWN_BITS: u32 = 43;
pub(super) const MOST_TASKS: i64 = (1 << (63 - OWN_BITS)) - 1;
pub(super) const HIGHEST_NUMBER: u64 = (1 << OWN_BITS) - 1;

impl TaskNumber {
    /// The task's job with this number.
    pub(super) fn job(self, number: u64) -> JobNumber {
        JobNumber((self.0 << OWN_BITS) | to_i64(number.min(HIGHEST_NUMBER)))
    }
}

impl JobNumber {
    pub(super) fn task(self) -> TaskNumber {
        TaskNumber(self.0 >> OWN_BITS)
    }

    pub(super) fn number(self) -> u64 {
        from_i64(self.0) & HIGHEST_NUMBER
    }
}

/// Bit by bit.
pub(super) fn to_i64(number: u64) -> i64 {
    number as i64
}

/// Bit by bit.
pub(super) fn from_i64(number: i64) -> u64 {
    number as u64
}

/// A moment, so that SQLite's order is that of time. Those beyond its range are one: never.
pub(super) fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

pub(super) fn from_millis(at: i64) -> Timestamp {
    if at == i64::MAX { Timestamp(u64::MAX) } else { Timestamp(from_i64(at)) }
}
