//! Numbers as they are stored in the database.

use saggar_job::Timestamp;

/// A task's row id in `tasks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TaskNumber(pub(super) i64);

/// A job's row id: the task in the high bits, insertion order among the tenant's jobs in the low 43.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct JobNumber(pub(super) i64);

/// Bits of insertion order: enough for 100,000 jobs a second of a tenant for almost three years. The bits above them allow a
/// million tasks.
const OWN_BITS: u32 = 43;
pub(super) const MOST_TASKS: i64 = (1 << (63 - OWN_BITS)) - 1;
pub(super) const HIGHEST_NUMBER: u64 = (1 << OWN_BITS) - 1;

impl TaskNumber {
    /// Returns the row id of the task's job with this number.
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

/// Reinterprets the bits.
pub(super) fn to_i64(number: u64) -> i64 {
    number as i64
}

/// Reinterprets the bits.
pub(super) fn from_i64(number: i64) -> u64 {
    number as u64
}

/// Converts a time so that SQLite sorts it correctly. All times beyond SQLite's range become its greatest number, which
/// means never.
pub(super) fn millis(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

pub(super) fn from_millis(at: i64) -> Timestamp {
    if at == i64::MAX { Timestamp(u64::MAX) } else { Timestamp(from_i64(at)) }
}
