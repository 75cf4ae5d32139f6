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

/// A file of code in an app.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CodeFile {
    /// A component below `plugins/`, with dots instead of slashes: `mail.send` is `plugins/mail/send.wasm`.
    Plugin(String),
    /// A script below `scripts/`, with dots instead of slashes: `mail.send` is `scripts/mail/send.js`, or the file of
    /// TypeScript `scripts/mail/send.ts`.
    Script(String),
}

impl CodeFile {
    /// Returns the path of the file in the app's directory, with `/` on every system. For a script, it is that of JavaScript;
    /// only the directory shows whether the script is written in TypeScript.
    pub fn file(&self) -> String {
        match self {
            Self::Plugin(name) => format!("plugins/{}.wasm", name.replace('.', "/")),
            Self::Script(name) => format!("scripts/{}.js", name.replace('.', "/")),
        }
    }
}

impl fmt::Display for CodeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin(name) => write!(f, "plugins.{name}"),
            Self::Script(name) => write!(f, "scripts.{name}"),
        }
    }
}

/// A reference to a function: `plugins.mail.send`, `plugins.media#thumbnail` for one of several handlers in a component,
/// or `scripts.mail.send.Run` for a function of a script.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// The file.
    pub code: CodeFile,
    /// The part after `#`, or the function of a script.
    pub handler: Option<String>,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = match self.code {
            CodeFile::Plugin(_) => '#',
            CodeFile::Script(_) => '.',
        };
        write!(f, "{}", self.code)?;
        match &self.handler {
            Some(handler) => write!(f, "{separator}{handler}"),
            None => Ok(()),
        }
    }
}
