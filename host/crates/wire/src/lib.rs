//! The types on the wire, one file for each thing that is sent, and the table of error codes. The HTTP service and its clients
//! share them; they are neither the stored types nor the domain's. Within `/v1` members may be added; none is removed or changes
//! its meaning.

mod add;
mod attempt;
mod code;
mod event;
mod job;
mod list;
mod log;
mod object;
mod problem;
mod streamed;
mod task;

pub use add::{AddBatch, AddJob, AddedJob, AddedJobs, BatchJob, MAX_BATCH, Unique, UniqueScope};
pub use attempt::{Attempt, Attempts, Cost};
pub use code::Code;
pub use event::{EventGap, JobEvent, JobEventKind, LogEnd, Reached};
pub use job::{
    Callback, CallbackEvent, CallbackState, FailureProblem, Job, Jobs, ListedJob, Order, ParentJob, Reason, Status,
    Waiting,
};
pub use list::ListQuery;
pub use log::{Level, LogLine, Logs, Source};
pub use object::Object;
pub use problem::Problem;
pub use streamed::{StreamedEvent, StreamedLine};
pub use task::{
    Backoff, Counts, Definition, Directory, Events, NotReady, OrphanedTask, Rate, Rates, Readiness, Retention, Retry,
    Sandbox, Task, TaskState, TaskStates, TaskSummary, Tasks,
};
