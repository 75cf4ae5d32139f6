//! What a task's definition says about its queue.

use saggar_job::RetryPolicy;

/// The rules of one task's queue. They may be swapped while jobs wait and run; every step follows the rules of its
/// moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How many jobs may wait, delayed and held ones included. A retry of a job that is there is never refused.
    pub size: usize,
    /// When a failed attempt is followed by another one.
    pub retry: RetryPolicy,
    /// The task has an add handler: a new job is held until that was told.
    pub add_handler: bool,
    /// The task has a success handler: a job that ends well leaves a notice.
    pub success_handler: bool,
    /// The task has an error handler: a job that ends otherwise leaves a notice.
    pub error_handler: bool,
    /// How long ended jobs are kept.
    pub retention: Retention,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            size: 1024,
            retry: RetryPolicy::default(),
            add_handler: false,
            success_handler: false,
            error_handler: false,
            retention: Retention::default(),
        }
    }
}

/// How long an ended job can be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Milliseconds after SUCCESS.
    pub success_ms: u64,
    /// Milliseconds after FAILURE.
    pub failure_ms: u64,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY_MS: u64 = 24 * 60 * 60 * 1000;
        Self { success_ms: DAY_MS, failure_ms: 7 * DAY_MS }
    }
}
