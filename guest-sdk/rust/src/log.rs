//! The job's own log, which also receives standard output and standard error.
//!
//! ```
//! # use saggar_guest::prelude::*;
//! # let host = saggar_guest::testing::FakeHost::new();
//! # host.call(|_| {
//! let to = "ada@example.com";
//! log::info!("sent to {to}");
//! # });
//! # assert_eq!(host.log_lines()[0].message, "sent to ada@example.com");
//! ```

use std::fmt;

use crate::host;

#[doc(inline)]
pub use crate::{__debug as debug, __error as error, __info as info, __warn as warn};

/// The severity of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// Normal operation.
    Info,
    /// Unexpected, but the work continues.
    Warn,
    /// Something failed.
    Error,
}

/// Writes one entry. The host truncates a message longer than 8 KiB, and drops and counts entries that exceed the job's
/// budget.
pub fn write(level: Level, message: &str) {
    host::write(level, message);
}

/// Writes an entry for the macros; formats only messages with arguments.
#[doc(hidden)]
pub fn format(level: Level, message: fmt::Arguments<'_>) {
    match message.as_str() {
        Some(text) => host::write(level, text),
        None => host::write(level, &message.to_string()),
    }
}

/// Logs a line for the plugin's author, formatted like `println!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($message:tt)+) => { $crate::log::format($crate::log::Level::Debug, ::std::format_args!($($message)+)) };
}

/// Logs a line about normal operation, formatted like `println!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($message:tt)+) => { $crate::log::format($crate::log::Level::Info, ::std::format_args!($($message)+)) };
}

/// Logs a line about something unexpected, formatted like `println!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($message:tt)+) => { $crate::log::format($crate::log::Level::Warn, ::std::format_args!($($message)+)) };
}

/// Logs a line about a failure, formatted like `println!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($message:tt)+) => { $crate::log::format($crate::log::Level::Error, ::std::format_args!($($message)+)) };
}
