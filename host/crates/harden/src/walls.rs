//! What a process may do after it has confined itself.

use std::path::PathBuf;

/// What a confined process is for; it decides which system calls are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A host: it starts no programs, and listens on sockets that it has already.
    Host {
        /// The TCP ports that it connects to. If there are any, it may ask name servers, too.
        connects: Vec<u16>,
    },
    /// A process that starts programs and has no network.
    Launcher,
}

/// What a process may still do. Paths that do not exist are left out, because a rule needs an existing file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walls {
    /// What the process is for.
    pub role: Role,
    /// Files, and directories with everything below them, that it may read.
    pub readable: Vec<PathBuf>,
    /// Directories in which it may read, write, create and remove files.
    pub writable: Vec<PathBuf>,
    /// Files, and directories with everything below them, that it may read and execute.
    pub executable: Vec<PathBuf>,
}

impl Walls {
    /// Creates the walls of a process that may use no files.
    pub fn new(role: Role) -> Self {
        Self { role, readable: Vec::new(), writable: Vec::new(), executable: Vec::new() }
    }

    /// Adds paths that the process may read.
    #[must_use]
    pub fn read<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.readable.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Adds directories that the process may change.
    #[must_use]
    pub fn write<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.writable.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Adds paths that the process may read and execute.
    #[must_use]
    pub fn execute<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.executable.extend(paths.into_iter().map(Into::into));
        self
    }
}
