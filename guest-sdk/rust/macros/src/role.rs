//! The signature that each role expects of a function: as text for its author, and as code for the host.

use proc_macro2::{Ident, Span};

/// A role, named as in its attribute and in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Processor,
    IdSource,
    AddHandler,
    ProgressHandler,
    SuccessHandler,
    ErrorHandler,
}

impl Role {
    pub(crate) const ALL: [Self; 6] = [
        Self::Processor,
        Self::IdSource,
        Self::AddHandler,
        Self::ProgressHandler,
        Self::SuccessHandler,
        Self::ErrorHandler,
    ];

    /// Returns the attribute that marks a function of this role.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::IdSource => "next",
            Self::AddHandler => "on_add",
            Self::ProgressHandler => "on_progress",
            Self::SuccessHandler => "on_success",
            Self::ErrorHandler => "on_error",
        }
    }

    /// Returns the signature that errors show.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Processor => "fn name(job: &Job, url: String, width: u32) -> Result<Thumbnail, Failure>",
            Self::IdSource => "fn name() -> Result<Option<u64>, Problem>",
            Self::AddHandler => "fn name(job: &Job)",
            Self::ProgressHandler => "fn name(job: &Job, progress: Progress)",
            Self::SuccessHandler => "fn name(job: &Job, response: Thumbnail)",
            Self::ErrorHandler => "fn name(job: &Job, problem: Problem)",
        }
    }

    /// Returns the role's type in `saggar_guest::role`.
    pub(crate) fn marker(self) -> Ident {
        let name = match self {
            Self::Processor => "Processor",
            Self::IdSource => "IdSource",
            Self::AddHandler => "AddHandler",
            Self::ProgressHandler => "ProgressHandler",
            Self::SuccessHandler => "SuccessHandler",
            Self::ErrorHandler => "ErrorHandler",
        };
        Ident::new(name, Span::call_site())
    }

    /// Returns the role's module in the bindings: the snake case of its interface.
    pub(crate) fn module(self) -> Ident {
        let name = match self {
            Self::Processor => "processor",
            Self::IdSource => "id_source",
            Self::AddHandler => "add_handler",
            Self::ProgressHandler => "progress_handler",
            Self::SuccessHandler => "success_handler",
            Self::ErrorHandler => "error_handler",
        };
        Ident::new(name, Span::call_site())
    }

    /// Returns whether the function's first parameter is the job.
    pub(crate) fn takes_job(self) -> bool {
        self != Self::IdSource
    }

    /// Returns the number of parameters after the job; `None` if the author chooses it.
    pub(crate) fn parameters(self) -> Option<usize> {
        match self {
            Self::Processor => None,
            Self::IdSource | Self::AddHandler => Some(0),
            Self::ProgressHandler | Self::SuccessHandler | Self::ErrorHandler => Some(1),
        }
    }

    /// Returns whether the function must return a value.
    pub(crate) fn returns_value(self) -> bool {
        matches!(self, Self::Processor | Self::IdSource)
    }
}
