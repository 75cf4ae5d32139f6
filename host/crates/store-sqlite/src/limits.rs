//! Sizes that bound the work of a step and the state in memory. A store gets them when it is opened.

/// The limits of an open store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Arguments and responses up to this many bytes are in the job's row. A page holds about ten such rows. Longer
    /// texts are read once or twice in a job's life and would slow down every other read of the row. A file must always
    /// be opened with the same limit, because a row does not say where its arguments are.
    pub(super) short_bytes: usize,
    /// Entries of each part of a ready queue in memory: enough for a batch of claims, and a quarter of a megabyte for a
    /// busy task.
    pub(super) window: usize,
    /// Rows scanned at a time for the next plain jobs: a few milliseconds if none is plain.
    pub(super) scan_rows: usize,
    /// Delayed jobs promoted per batch, so that a thousand jobs due at once do not delay other steps.
    pub(super) promoted_at_once: usize,
    /// Stale claims in the table before it is rewritten, in addition to three for each running attempt. Rewrites are
    /// rare, and the table fits into a few pages.
    pub(super) stale_claims: usize,
    /// Components in their table, in addition to two for each that was in use, before those without a job are removed: a
    /// hundred kilobytes.
    pub(super) unused_components: usize,
    /// Rows that a batch looks at for that: less than a millisecond.
    pub(super) swept_rows: usize,
    /// Rows that a list reads at a time, of a single task and of each of several.
    pub(super) list_rows: usize,
    pub(super) list_rows_of_many: usize,
    /// Pages in the WAL from which on a checkpoint is made: 32 MiB. A checkpoint writes a page once however often it is
    /// in the WAL, so a long WAL saves writes. But it is read again after a crash, which takes a tenth of a second for
    /// this size.
    pub(super) checkpoint_pages: i32,
}

impl Limits {
    /// Returns the limits of a host.
    pub(super) const fn production() -> Self {
        Self {
            short_bytes: 256,
            window: 512,
            scan_rows: 16_384,
            promoted_at_once: 256,
            stale_claims: 4_096,
            unused_components: 512,
            swept_rows: 512,
            list_rows: 256,
            list_rows_of_many: 32,
            checkpoint_pages: 8_192,
        }
    }

    /// Returns limits that are so small that the random histories exceed them. But a scan covers more rows than a
    /// history has, because the memory store finds the next job at once.
    #[cfg(test)]
    pub(super) const fn for_tests() -> Self {
        Self {
            short_bytes: 4,
            window: 4,
            scan_rows: 256,
            promoted_at_once: 4,
            stale_claims: 4,
            unused_components: 3,
            swept_rows: 3,
            list_rows: 3,
            list_rows_of_many: 2,
            checkpoint_pages: 8_192,
        }
    }
}
