//! Background jobs as WebAssembly components: the embeddable library. The binary `saggar` is a thin wrapper around it.
//!
//! A [`Host`] loads an app, which is a directory of task definitions and plugins, and runs its jobs:
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let host = saggar::Host::builder("apps/mail").build().await?;
//! let id = host.add("mail.send", r#"["ada@example.org"]"#).await?;
//! let job = host.wait("mail.send", id).await?;
//! println!("{} {:?}", job.status.name(), job.response);
//! host.shutdown(std::time::Duration::from_secs(30)).await;
//! # Ok(())
//! # }
//! ```
//!
//! By default, plugins are compiled in the host's own process, without limits. To compile untrusted plugins in a
//! separate process, with limits of memory and time, the host starts the embedding program again as a compiler:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     if let Some(code) = saggar::compile_if_asked(std::env::args_os()) {
//!         return code;
//!     }
//!     let builder = saggar::Host::builder("apps/mail").compiler(saggar::Compiler::Process("/proc/self/exe".into()));
//!     // …
//! #   drop(builder);
//!     std::process::ExitCode::SUCCESS
//! }
//! ```

mod app;
mod code;
mod env_allow;
mod host;
mod job_view;
mod jobs;
mod loading;
mod meters;
mod reload;
mod reload_view;
mod reloads;
mod script_runner;
mod service;
mod store;

pub use app::{App, StartError};
pub use env_allow::EnvAllow;
pub use host::{DEFAULT_KEEP_BYTES, Health, Host, HostBuilder};
pub use job_view::JobView;
pub use meters::describe_metrics;
pub use opentelemetry::global::BoxedTracer;
pub use reloads::{ConfigurationCheck, LastReload, ReloadError, ReloadResult, ReloadStatus, Reloaded};
pub use saggar_api as api;
pub use saggar_definition::{Diagnostic, Severity, Task, schema};
pub use saggar_job::{
    Backoff, CodeFile, FailureKind, JobId, JobKey, LogLevel, LogSource, Problem, Reference, Role, Status, Timestamp,
};
pub use saggar_queue::{
    Added, AttemptRecord, CallbackBackoff, ChangeError, Cost, Counts, Cursor, EventFilter, EventId, Events, Followed,
    Gap, JobEvent, JobEventKind, KeptEvent, ListOrder, ListQuery, ListedJob, LogLine, Missed, NewJob, Page, Progress,
    Rates, StoreError, UniqueBy, fingerprint,
};
pub use saggar_sandbox::{Allocator, CompileState, Compiler, Engine, Plugin, PoolUsage, Script, compile_if_asked};
pub use saggar_store_sqlite::{Durability, SqliteError};
pub use saggar_wire as wire;
pub use saggar_worker::{AddError, Family, LookupError, TaskChanges};
pub use script_runner::SCRIPT_ENGINE;
pub use service::service;
pub use store::{StoreChoice, UnknownStore, backup};
