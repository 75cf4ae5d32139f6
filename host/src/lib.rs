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

// The configuration belongs to the binary; a fuzz target can only use a library.
#[cfg(fuzzing)]
extern crate self as saggar;

#[cfg(fuzzing)]
#[allow(dead_code, reason = "the binary uses the rest")]
mod config;

mod app;
mod app_location;
mod builder;
mod capabilities;
mod capability_view;
mod code;
mod deploy;
mod env_allow;
mod host;
mod job_view;
mod jobs;
mod loading;
mod meters;
mod plugin_view;
mod reload;
mod reload_view;
mod reloads;
mod script_runner;
mod secrets;
mod service;
mod single_app;
mod store;
mod tenants;
mod versions;

pub use app::{App, StartError};
pub use builder::HostBuilder;
pub use capability_view::{CAPABILITIES, granted_document, grants_document};
pub use code::{VersionError, load_version};
#[cfg(fuzzing)]
pub use config::read_configuration;
pub use env_allow::EnvAllow;
pub use host::{DEFAULT_KEEP_BYTES, Health, Host};
pub use job_view::JobView;
pub use meters::describe_metrics;
pub use opentelemetry::global::BoxedTracer;
pub use reloads::{ConfigurationCheck, LastReload, ReloadError, ReloadResult, ReloadStatus, Reloaded, TenantChanges};
pub use saggar_api as api;
pub use saggar_definition::{Diagnostic, Severity, Task, schema};
pub use saggar_grant as grant;
pub use saggar_http_client::{HttpClient, run_program};
pub use saggar_job::{
    Backoff, CodeFile, FailureKind, JobId, JobKey, LogLevel, LogSource, Problem, Reference, Role, Status, Timestamp,
};
pub use saggar_queue::{
    Added, AttemptRecord, CallbackBackoff, ChangeError, Cost, Counts, Cursor, DeployedCode, Deployment,
    DeploymentCause, DeploymentPage, EventFilter, EventId, Events, FailureGroup, Followed, Gap, JobEvent, JobEventKind,
    JobFilter, KeptEvent, ListOrder, ListQuery, ListedFailure, ListedJob, LogLine, Missed, NewJob, Page, Progress,
    Rates, StoreError, TaskPattern, UniqueBy, fingerprint,
};
pub use saggar_sandbox::{
    Allocator, CompileState, Compiler, CompilerLauncher, Engine, Plugin, PoolUsage, Script, compile_if_asked,
};
pub use saggar_store_sqlite::{Durability, SqliteError, sqlite_version};
pub use saggar_wire as wire;
pub use saggar_worker::{AddError, Family, LookupError, TaskChanges};
pub use script_runner::{SCRIPT_ENGINE, script_runner_digest};
pub use service::service;
pub use store::{StoreChoice, UnknownStore, backup};
pub use tenants::{ReadTenants, RemoveTenantError, TenantSettings, Tenants, TenantsConfiguration};
