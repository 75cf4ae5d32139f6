//! Runs plugins in wasmtime. The only crate that knows wasmtime: nothing of it shows in the public interface.
//!
//! In reading order: an [`Engine`] loads component files into [`Plugin`]s; a [`Sandbox`] holds one instance of a plugin
//! and makes [`Call`]s to it, one at a time; a call ends in an [`Answer`] or a [`CallError`]; what a guest asks of the
//! host while it runs goes to the call's [`Services`]. Who is called when, and what follows, is others' business.

mod call;
mod services;

mod engine;
mod pool;
mod ticker;
mod turn;

mod cache;
mod compiler;
mod contract;
mod describe;
mod initial_memory;
mod load;
mod native;
mod scan;
mod unsupported;
mod validate;

mod bindings;
mod ending;
mod guest;
mod http;
mod imports;
mod instance;
mod limiter;
mod output;
mod resources;
mod sandbox;
mod text;

pub use call::{Answer, Call, CallError, Failure, Input, JobContext, Report};
pub use compiler::Compiler;
pub use compiler::child::compile_if_asked;
pub use contract::RoleError;
pub use engine::{Engine, EngineError, EngineOptions};
pub use initial_memory::initial_memory;
pub use load::{LoadError, Plugin};
pub use pool::{Allocator, PoolUsage};
pub use sandbox::{Limits, Sandbox};
pub use services::{Level, LogSource, Services, TaskJob};
pub use text::{escaped, needs_escape};
