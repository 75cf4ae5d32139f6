//! Lines in the job's own log, where standard output and standard error go too.
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

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// What happened.
    Info,
    /// Odd, but the work goes on.
    Warn,
    /// Something failed.
    Error,
}

/// Writes one entry. The host cuts a message beyond 8 KiB and counts what goes beyond the job's budget.
pub fn write(level: Level, message: &str) {
    host::write(level, message);
}

/// What the macros expand to: formats only what is not a plain text.
#[doc(hidden)]
pub fn format(level: Level, message: fmt::Arguments<'_>) {
    match message.as_str() {
        Some(text) => host::write(level, text),
        None => host::write(level, &message.to_string()),
    }
}

/// Writes a line for the plugin's author, formatted like `println!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($message:tt)+) => { $crate::log::format($crate::log::Level::Debug, ::std::format_args!($($message)+)) };
}

/// Writes a line that says what happened, formatted like `println!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($message:tt)+) => { $crate::log::format($crate::log::Level::Info, ::std::format_args!($($message)+)) };
}

/// Writes a line about something odd, formatted like `println!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($message:tt)+) => { $crate::log::format($crate::log::Level::Warn, ::std::format_args!($($message)+)) };
}

/// Writes a line about something that failed, formatted like `println!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($message:tt)+) => { $crate::log::format($crate::log::Level::Error, ::std::format_args!($($message)+)) };
}
