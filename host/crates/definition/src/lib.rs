//! Task files to validated tasks, with diagnostics that say where a problem is and how to mend it.
//!
//! [`load`] reads the task files of an app and gives a [`Catalog`] of the good ones together with one [`Diagnostic`]
//! for every problem of the others. Owns the syntax, the keys, their limits and their JSON Schema. Leaves to others:
//! whether a plugin exists and fits ([`Task::diagnose`] lets them point into the file), what an operator grants, and
//! everything that happens to jobs.
//!
//! The modules in reading order follow a file on its way: found, parsed, read as an object of known keys, resolved.

mod source;

mod diagnostic;
mod problems;

mod id;

mod files;

mod confined;

mod syntax;

mod suggest;

mod raw;

mod value;

mod keys;

mod task;

mod resolve;

mod load;

mod catalog;

mod schema;

pub use catalog::{Catalog, LiveCatalog};
pub use confined::{read_regular_file, resolve_inside};
pub use diagnostic::{Diagnostic, Location, Related, Severity};
pub use files::utf8_text;
pub use id::{TaskId, TaskIdError};
pub use load::{Loaded, load, read_task};
pub use problems::Problems;
pub use schema::schema;
pub use source::{Located, Position, Source, Span};
pub use suggest::nearest;
pub use task::{DirRequest, Handlers, Retention, SandboxRequest, Task};
pub use value::{Environment, Variable, truncated};
