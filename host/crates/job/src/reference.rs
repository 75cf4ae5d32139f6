//! References: how a task names the code of its processor and of its handlers, and the roles that such code plays.

use std::fmt;

/// A part that a plugin can play for a task. Each role is one exported interface of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `process`: does the work.
    Processor,
    /// `event.next`: gives a new job its id.
    IdSource,
    /// `event.add`: is told that a job was added.
    AddHandler,
    /// `event.progress`: is told how far a job is.
    ProgressHandler,
    /// `event.success`: is told that a job ended well.
    SuccessHandler,
    /// `event.error`: is told that a job ended otherwise.
    ErrorHandler,
}

impl Role {
    /// Every role, in the order of a job's life.
    pub const ALL: [Self; 6] = [
        Self::IdSource,
        Self::AddHandler,
        Self::Processor,
        Self::ProgressHandler,
        Self::SuccessHandler,
        Self::ErrorHandler,
    ];

    /// The name of the role's interface in the contract, without package and version: `success-handler`.
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

    /// The key of a task definition that names code for this role: `event.success`.
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

/// A named piece of code: `plugins.mail.send`, or `plugins.media#thumbnail` for one of several in a component.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// The component's name below `plugins/`, with dots for slashes: `mail.send` is `plugins/mail/send.wasm`.
    pub plugin: String,
    /// What stands after `#`: which of the component's named handlers is meant.
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
