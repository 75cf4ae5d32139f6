//! Converts task files into validated tasks, with diagnostics that say where a problem is and how to fix it.
//!
//! [`load()`] reads the task files of an app and returns a [`Catalog`] of the valid ones, and a [`Diagnostic`] for every
//! problem of the others. This crate owns the syntax, the keys, their limits and their JSON Schema. It does not check
//! whether a plugin exists and fits ([`Task::diagnose`] lets the host point into the file), what an operator grants, or
//! anything about jobs.
//!
//! The modules in reading order follow the steps of a file: it is found, parsed, read as an object of known keys, and
//! made a task.

mod source;

mod diagnostic;
mod problems;

mod id;

mod files;

mod confined;

mod scripts;

mod syntax;

mod suggest;

mod value;

mod key;

mod raw;

mod parts;

mod objects;

mod keys;

mod task;

mod load;

mod catalog;

mod schema;

pub use catalog::Catalog;
pub use confined::{open_inside, read_opened, read_regular_file, resolve_inside};
pub use diagnostic::{Diagnostic, Location, Related, Severity};
pub use files::{is_task_file, utf8_text};
pub use id::{TaskId, TaskIdError};
pub use load::{Loaded, load, read_task};
pub use parts::{DirRequest, Handlers, HttpRequest, KvRequest, Retention, SandboxRequest, TasksRequest};
pub use problems::Problems;
pub use schema::schema;
pub use scripts::{ScriptFileError, ScriptFiles, is_script_file};
pub use source::{Located, Position, Source, Span};
pub use suggest::nearest;
pub use task::Task;
pub use value::{Environment, Variable, bytes_text, truncated};
