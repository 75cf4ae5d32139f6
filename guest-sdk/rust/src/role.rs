//! The roles of a plugin, and the lookup of the function for a host's call.
//!
//! [`#[plugin]`](crate::plugin) implements [`HasRole`] for the roles of a module; do not implement these traits by
//! hand.

use crate::{Failure, Job, Problem};

/// A role of the contract: the parameters and the result of its functions.
pub trait Role {
    /// A function of this role, with parameters and result in the host's types.
    type Call: Copy + 'static;
}

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident: $call:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $role {}

        impl Role for $role {
            type Call = $call;
        }
    )*};
}

roles! {
    /// The role that does the work: takes the arguments as a JSON array and returns the response as JSON.
    Processor: fn(&Job, &str) -> Result<String, Failure>;
    /// The role that returns the id for a new job; `None` to use the task's own counter.
    IdSource: fn() -> Result<Option<u64>, Problem>;
    /// The handler for an added job.
    AddHandler: fn(&Job) -> Result<(), Problem>;
    /// The handler for a job's progress.
    ProgressHandler: fn(&Job, crate::Progress) -> Result<(), Problem>;
    /// The handler for a job that succeeded; takes the response as JSON.
    SuccessHandler: fn(&Job, &str) -> Result<(), Problem>;
    /// The handler for a job that failed.
    ErrorHandler: fn(&Job, Problem) -> Result<(), Problem>;
}

/// A plugin that has at least one function for role `R`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no function for the role `{R}`",
    note = "mark one in its `#[plugin]` module: #[processor], #[next], #[on_add], #[on_progress], #[on_success], #[on_error]"
)]
pub trait HasRole<R: Role> {
    /// The functions for this role, in the order of the source.
    const ENTRIES: &'static [Entry<R::Call>];
}

/// One function of a plugin.
#[derive(Debug)]
pub struct Entry<C> {
    /// The name after `#` in a task's reference.
    pub name: &'static str,
    /// Whether a reference without `#` selects it.
    pub default: bool,
    /// The function.
    pub call: C,
}

/// Returns the function that the host calls: the one with this name, or without a name the only one or the default.
pub(crate) fn pick<P: HasRole<R>, R: Role>(handler: Option<&str>) -> Result<R::Call, Problem> {
    let found = match (P::ENTRIES, handler) {
        ([only], None) => Some(only),
        (entries, None) => entries.iter().find(|entry| entry.default),
        (entries, Some(name)) => entries.iter().find(|entry| entry.name == name),
    };
    found.map(|entry| entry.call).ok_or_else(|| unknown(P::ENTRIES, handler))
}

fn unknown<C>(entries: &[Entry<C>], handler: Option<&str>) -> Problem {
    let mut message = match handler {
        Some(name) => format!("unknown function `{name}`"),
        None => "no default function; name one in the reference, as in `plugins.NAME#FUNCTION`".into(),
    };
    for (index, entry) in entries.iter().enumerate() {
        let before = if index == 0 { "; known:" } else { "," };
        message += &format!("{before} `#{}`", entry.name);
    }
    Problem::new("unknown-handler", message)
}
