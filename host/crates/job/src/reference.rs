//! References: how a task names the code of its processor and handlers, and the roles of that code.

use std::fmt;

/// A role of a plugin for a task. Each role is one exported interface of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `process`: does the work.
    Processor,
    /// `event.next`: chooses the id of a new job.
    IdSource,
    /// `event.add`: called after a job was added.
    AddHandler,
    /// `event.progress`: called with the progress of a job.
    ProgressHandler,
    /// `event.success`: called after a job ended in SUCCESS.
    SuccessHandler,
    /// `event.error`: called after a job ended in FAILURE.
    ErrorHandler,
}

impl Role {
    /// All roles, in the order of a job's life cycle.
    pub const ALL: [Self; 6] = [
        Self::IdSource,
        Self::AddHandler,
        Self::Processor,
        Self::ProgressHandler,
        Self::SuccessHandler,
        Self::ErrorHandler,
    ];

    /// Returns the name of the role's interface in the contract, without package and version: `success-handler`.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::IdSource => "id-source",
            Self::AddHandler => "add-handler",
            Self::ProgressHandler => "progress-handler",
            Self::SuccessHandler => "success-handler",
            Self::ErrorHandler => "error-handler",
        }
    }

    /// Returns the key of a task definition that names the code of this role: `event.success`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Processor => "process",
            Self::IdSource => "event.next",
            Self::AddHandler => "event.add",
            Self::ProgressHandler => "event.progress",
            Self::SuccessHandler => "event.success",
            Self::ErrorHandler => "event.error",
        }
    }
}

/// A reference to code: `plugins.mail.send`, or `plugins.media#thumbnail` for one of several handlers in a component.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// The component's name below `plugins/`, with dots instead of slashes: `mail.send` is `plugins/mail/send.wasm`.
    pub plugin: String,
    /// The part after `#`: the name of one of the component's handlers.
    pub handler: Option<String>,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugins.{}", self.plugin)?;
        match &self.handler {
            Some(handler) => write!(f, "#{handler}"),
            None => Ok(()),
        }
    }
}
