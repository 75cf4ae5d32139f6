//! Runs plugins in wasmtime. This is the only crate that depends on wasmtime; its public interface does not expose it.
//!
//! In reading order: an [`Engine`] loads component files into [`Plugin`]s; a [`Sandbox`] owns one instance of a plugin
//! and makes [`Call`]s to it, one at a time; a call ends in an [`Answer`] or a [`CallError`]; the call's [`Services`]
//! implement the imports of the guest. The caller decides when to call, and what follows.

mod call;
mod observation;
mod services;
mod shared_code;
mod slice;

mod config;
mod engine;
mod pool;
mod ticker;
mod turn;

mod cache;
mod compile_failure;
mod compile_report;
mod compiler;
mod contract;
mod describe;
mod initial_memory;
mod invalid_bytes;
mod load;
mod load_limit;
mod load_script;
mod native;
mod own_component;
mod scan;
mod strip_types;
mod unsupported;
mod validate;
mod wit;

mod bindings;
mod coarse_clock;
mod ending;
mod environment;
mod file_resources;
mod file_streams;
mod filesystem;
mod guest;
mod http;
mod http_body;
mod http_context;
mod http_exchange;
mod http_hooks;
mod imports;
mod instance;
mod limiter;
mod observing;
mod origin;
mod output;
mod plugin;
mod poll;
mod resources;
mod runtime;
mod sandbox;
mod script;
mod script_source;
mod text;
mod used_imports;
mod warm_instance;
mod wasi;

pub use call::{Answer, Call, CallError, Input, JobContext, Report};
pub use compile_report::{CompileReport, CompileState};
pub use compiler::Compiler;
pub use compiler::child::compile_if_asked;
pub use compiler::compile::LIMITS_VERSION;
pub use compiler::encode::{Adapter, EncodeError, EncodeRequest};
pub use compiler::launcher::CompilerLauncher;
pub use contract::RoleError;
pub use engine::{Engine, EngineError, EngineOptions};
pub use initial_memory::initial_memory;
pub use load::LoadError;
pub use load_script::{ScriptError, ScriptProblem};
pub use observation::{Observation, Observed, Replayed, Stop};
pub use plugin::Plugin;
pub use pool::{Allocator, PoolUsage};
pub use saggar_http_client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpTimeouts};
pub use saggar_kv::{KvAnswer, KvOperation};
pub use sandbox::{Limits, Sandbox};
pub use script::{ReadScript, Script, Texts};
pub use services::{RefusingServices, Services, TaskJob};
pub use text::{escaped, needs_escape};
pub use used_imports::UsedImports;
pub use validate::{check_component, check_module};
pub use wit::{WORLD, WitFile, wit_files, wit_text};
