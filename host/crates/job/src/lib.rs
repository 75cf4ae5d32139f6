//! What a job is and how it changes. Pure values and functions: no I/O, no threads, no serialization.

mod clock;
mod id;
mod outcome;
mod reference;
mod retry;
mod state;
mod waiting;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use id::{JobId, JobKey, Run, TaskKey};
pub use outcome::{Ending, Outcome, Problem, Reason};
pub use reference::{Reference, Role};
pub use retry::{Backoff, RetryPolicy};
pub use state::{Life, Refusal, State, Status, Step, transition};
pub use waiting::Waiting;
