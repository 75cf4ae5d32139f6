//! How many places in front of the writer a step takes, by the work that it is. One place is some 30 µs of the writer's
//! time at most, so that tenants share its time and not the number of their steps.

use saggar_job::Outcome;
use saggar_store::{End, LogLine, NewJob, kept_bytes};

/// The places of a step on one job.
pub(super) const ONE: usize = 1;

/// Jobs of one step that take one more place.
const JOBS: usize = 16;

/// Bytes that take one more place.
const BYTES: usize = 16 << 10;

/// Returns the places of an addition.
pub(super) fn of_new(jobs: &[NewJob]) -> usize {
    let bytes: u64 = jobs.iter().map(kept_bytes::of_new).sum();
    of_bytes(usize::try_from(bytes).unwrap_or(usize::MAX)).saturating_add(jobs.len() / JOBS)
}

/// Returns the places of the end of an attempt.
pub(super) fn of_end(end: &End) -> usize {
    of_bytes(match end {
        End::Outcome(Outcome::Success(response)) => response.len(),
        End::Outcome(Outcome::Failure(failure)) => failure.problem.details.as_deref().map_or(0, str::len),
        End::Requeue => 0,
    })
}

/// Returns the places of lines of a log.
pub(super) fn of_lines(lines: &[LogLine]) -> usize {
    of_bytes(lines.iter().map(|line| line.text.len()).sum()) + lines.len() / JOBS
}

/// Returns the places of a step that writes or deletes so many bytes of one job.
pub(super) fn of_large(bytes: u64) -> usize {
    of_bytes(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Returns the places of a step on up to `most` jobs.
pub(super) fn of_many(most: usize) -> usize {
    ONE + most / JOBS
}

/// Returns the places of a step that writes so many bytes.
pub(super) fn of_bytes(bytes: usize) -> usize {
    ONE + bytes / BYTES
}
