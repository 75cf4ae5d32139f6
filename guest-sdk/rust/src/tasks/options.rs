//! Options of an added job: its idempotency key, uniqueness, priority and start time.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::millis;

/// Options for a job that is added with [`add_with`](super::add_with).
///
/// ```
/// # use saggar_guest::prelude::*;
/// # use std::time::Duration;
/// # use saggar_guest::tasks::Options;
/// # let host = saggar_guest::testing::FakeHost::new();
/// # host.call(|_| -> Result<(), Problem> {
/// let reminder = Options::new().key("reminder/2026-11").delay(Duration::from_secs(3600)).priority(5);
/// let id = tasks::add_with("mail.remind", ("ada@example.com",), reminder.clone())?;
/// assert_eq!(tasks::add_with("mail.remind", ("ada@example.com",), reminder)?, id, "one key, one job");
/// # Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    pub(super) key: Key,
    unique: Option<Value>,
    priority: Option<i16>,
    delay_ms: Option<u64>,
    run_at: Option<String>,
}

/// The idempotency key of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Key {
    /// The key of its position in the call.
    #[default]
    Derived,
    /// No key.
    None,
    /// This key.
    Explicit(String),
}

impl Options {
    /// Creates the options that [`add`](super::add) uses: only the key of the job's position in the call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the idempotency key, 1 to 255 printable ASCII characters. While a job of the task with the same key is
    /// stored, even after its end, the call returns that job's id and adds nothing; if that job has other arguments,
    /// the call fails with `key-reused`.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        Self { key: Key::Explicit(key.into()), ..self }
    }

    /// Adds a job each time, even if an attempt or a handler is repeated.
    #[must_use]
    pub fn without_key(self) -> Self {
        Self { key: Key::None, ..self }
    }

    /// Makes the job unique in its task: while another job of the task waits or runs, the call returns that job's id
    /// and adds nothing.
    #[must_use]
    pub fn unique(self) -> Self {
        Self { unique: Some(json!({ "by": "task" })), ..self }
    }

    /// Makes the job unique by its arguments: while a job of the task with the same arguments waits or runs, the call
    /// returns that job's id and adds nothing.
    #[must_use]
    pub fn unique_by_args(self) -> Self {
        Self { unique: Some(json!({ "by": "args" })), ..self }
    }

    /// Makes the job unique like [`unique_by_args`](Self::unique_by_args), by the arguments at these positions, from 0.
    #[must_use]
    pub fn unique_by_positions(self, positions: &[u32]) -> Self {
        Self { unique: Some(json!({ "by": "args", "positions": positions })), ..self }
    }

    /// Sets the priority. Ready jobs of higher priority are claimed first; the default is 0.
    #[must_use]
    pub fn priority(self, priority: i16) -> Self {
        Self { priority: Some(priority), ..self }
    }

    /// Sets a delay. No attempt starts before it has passed (whole milliseconds).
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay_ms: Some(millis(delay)), ..self }
    }

    /// Sets the earliest time of the first attempt (RFC 3339): `2026-11-24T10:00:00Z`.
    #[must_use]
    pub fn run_at(self, run_at: impl Into<String>) -> Self {
        Self { run_at: Some(run_at.into()), ..self }
    }

    /// Serializes the options as the JSON object of the contract, with this key.
    pub(super) fn to_json(&self, key: Option<&str>) -> String {
        let Self { unique, priority, delay_ms, run_at, .. } = self;
        let members = [
            ("key", key.map(Value::from)),
            ("unique", unique.clone()),
            ("priority", priority.map(Value::from)),
            ("delay_ms", delay_ms.map(Value::from)),
            ("run_at", run_at.as_deref().map(Value::from)),
        ];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect::<Map<_, _>>()).to_string()
    }
}
