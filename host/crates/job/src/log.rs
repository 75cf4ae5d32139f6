//! Who writes to a job's log, and how severe it is.

/// The writer of a line of a job's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogSource {
    /// The guest, on its standard output.
    Stdout,
    /// The guest, on its standard error.
    Stderr,
    /// The guest, through the contract's `log`.
    Log(LogLevel),
    /// The host: attempts, failed handlers, dropped lines.
    Host,
}

/// The severity of a line of the contract's `log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// What happened.
    Info,
    /// Unexpected, but the work continues.
    Warn,
    /// Something failed.
    Error,
}
