//! What a job is and how it changes. Pure values and functions: no I/O, no threads, no serialization.

mod clock;
mod id;
mod log;
mod outcome;
mod reference;
mod retry;
mod state;
mod waiting;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use id::{JobId, JobKey, Run, TaskKey};
pub use log::{LogLevel, LogSource};
pub use outcome::{Ending, Failure, FailureKind, Outcome, Problem};
pub use reference::{CodeFile, Reference, Role};
pub use retry::{Backoff, RetryPolicy};
pub use state::{Life, Refusal, State, Status, Step, transition};
pub use waiting::Waiting;
