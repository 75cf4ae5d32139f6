//! What is on the wire: one file for each thing that is sent. These types are neither what is stored nor what is thought;
//! a client in Rust can use them as well. Within `/v1` members may be added, and none is removed or changes its meaning.

mod add;
mod attempt;
mod event;
mod job;
mod log;
mod object;
mod problem;
mod streamed;
mod task;

pub(crate) use add::MAX_BATCH;
pub use add::{AddBatch, AddJob, AddedJob, AddedJobs, BatchJob, Unique, UniqueScope};
pub use attempt::{Attempt, Attempts, Cost};
pub use event::{EventGap, JobEvent, JobEventKind, LogEnd, Reached};
pub use job::{
    Callback, CallbackEvent, CallbackState, FailureProblem, Job, Jobs, ListedJob, Order, ParentJob, Reason, Status,
    Waiting,
};
pub use log::{Level, LogLine, Logs, Source};
pub(crate) use object::Object;
pub use problem::Problem;
pub(crate) use streamed::{StreamedEvent, StreamedLine};
pub use task::{
    Backoff, Counts, Definition, Directory, Events, NotReady, OrphanedTask, Rate, Rates, Readiness, Retention, Retry,
    Sandbox, Task, TaskState, TaskStates, TaskSummary, Tasks,
};
