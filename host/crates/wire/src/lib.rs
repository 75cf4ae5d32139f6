//! The types on the wire, one file for each kind of document, and the table of error codes. The HTTP service and its
//! clients share them. They are separate from the stored types and from the domain's types. Within `/v1` members may be
//! added, but a member is never removed and never changes its meaning.

mod add;
mod attempt;
mod audit;
mod bulk;
mod code;
mod comma_list;
mod deployment;
mod event;
mod explanation;
mod failure;
mod job;
mod list;
mod log;
mod object;
mod plugin;
mod problem;
mod pulse;
mod record;
mod reload;
mod series;
mod streamed;
mod task;
mod tenant;

pub use add::{
    AddAgain, AddBatch, AddJob, AddedJob, AddedJobs, BatchJob, MAX_BATCH, ReplacedValue, Unique, UniqueScope,
};
pub use attempt::{Attempt, Attempts, Cost};
pub use audit::{Audit, AuditEntry, AuditPageQuery};
pub use bulk::{BulkAnswer, BulkChange, BulkChanged, BulkPreview};
pub use code::Code;
pub use comma_list::CommaList;
pub use deployment::{DeployedCode, Deployment, DeploymentCause, Deployments, DeploymentsQuery, RollbackQuery};
pub use event::{EventGap, JobEvent, JobEventKind, LogEnd, Reached};
pub use explanation::{JobExplanation, JobWait, RunningAttempt, WaitReason};
pub use failure::{FailureFrame, FailureGroup, FailureQuery, FailureStacks, Failures};
pub use job::{
    Callback, CallbackEvent, CallbackState, FailureKind, FailureProblem, Job, Jobs, ListedJob, Order, ParentJob,
    Status, Waiting,
};
pub use list::{JobCount, JobFilter, ListField, ListQuery};
pub use log::{Level, LogLine, Logs, Source};
pub use object::Object;
pub use plugin::{AppProblems, Plugin, PluginSummary, PluginUse, PluginVersion, Plugins, UsedPlugin};
pub use problem::Problem;
pub use pulse::{ActivityCounts, Percentiles, Pulse, PulseQuery, PulseTask};
pub use record::{ListedRecord, Records, RecordsQuery};
pub use reload::{Diagnostic, LastReload, ReloadStatus, Reloaded, Severity};
pub use series::{PercentileSeries, Series, SeriesQuery};
pub use streamed::{StreamedEvent, StreamedFeed, StreamedLine, StreamedPulse};
pub use task::{
    Counts, NotReady, OrphanedTask, Rate, Rates, Readiness, SlotAttempt, Slots, Task, TaskState, TaskStates,
    TaskSummary, Tasks,
};
pub use tenant::{
    FailedTenant, HostInfo, Me, Quota, ReloadedTenants, RemovedTenant, RequestLimits, Tenant, TenantState, Tenants,
    TokenRole,
};
