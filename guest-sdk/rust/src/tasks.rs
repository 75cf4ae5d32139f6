//! The tenant's own tasks: jobs that a plugin adds, looks up and cancels.
//!
//! ```
//! # use saggar_guest::prelude::*;
//! # let host = saggar_guest::testing::FakeHost::new();
//! # host.call(|_| -> Result<(), Problem> {
//! let id = tasks::add("mail.send", ("ada@example.com", 3))?;
//! assert_eq!(tasks::get::<String>("mail.send", id)?.status, tasks::Status::Waiting);
//! # Ok(())
//! # }).unwrap();
//! # assert_eq!(host.added()[0].args, json!(["ada@example.com", 3]));
//! ```
//!
//! A call can be repeated: an attempt is retried, or a handler is called again after a crash. Its jobs are added only once
//! because each has an idempotency key made of the job, the role and the number of the add in the call. A plugin should
//! therefore add the same jobs in the same order each time; a job with other arguments at the same position fails with
//! `key-reused`. If a plugin cannot do that, [`add_with`] takes its own key, or no key ([`Options::without_key`]).
//! Jobs added in `#[next]` and `#[on_progress]` have no such key because `#[next]` runs before the job has an id, and
//! calls of `#[on_progress]` are not repeated identically.
//!
//! By default [`get`] and [`cancel`] work for the job that the call is about, and for jobs that a job of the same task
//! added. They fail with `not-added` for any other job, unless the task sets `"sandbox": {"tasks": "all"}`.
//!
//! By default jobs can be added to every task; `"sandbox": {"tasks": {"add": […]}}` narrows that, and adding to any other
//! task fails with `not-granted`.
//!
//! Every function can return a [`Problem`] with one of the codes `unknown-task`, `unknown-job`, `not-added`,
//! `not-granted`, `queue-full`, `keep-bytes-exceeded`, `duplicate-id`, `next-failed`, `invalid-args`, `invalid-options`,
//! `key-reused`, `ended`, `too-deep`, `budget-spent`, `stopping`.

mod options;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::options::Key;
use crate::{Problem, call, host};

pub use self::options::Options;

/// The status of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Waits for a slot, for its delay or for its next attempt.
    Waiting,
    /// An attempt is running.
    Running,
    /// Ended with a response.
    Success,
    /// Ended with a failure.
    Failure,
}

/// The current state of a job; `T` is its processor's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView<T> {
    /// Its id.
    pub id: u64,
    /// Its status.
    pub status: Status,
    /// The last progress: the amount done …
    pub current: u64,
    /// … of this total; 0 until progress was reported.
    pub total: u64,
    /// The last progress message.
    pub message: String,
    /// The processor's result; `None` until SUCCESS.
    pub response: Option<T>,
}

/// Adds a job with one item of the tuple for each argument, and returns its id. A repeated call returns the job that
/// was added at the same position before (see the [module](self)).
///
/// Fails with `queue-full`, `keep-bytes-exceeded`, `duplicate-id` or `next-failed` as for any other client, and with
/// `too-deep` if jobs that add jobs while they are being added nest too deeply.
pub fn add(task: &str, args: impl Args) -> Result<u64, Problem> {
    add_with(task, args, Options::new())
}

/// Adds a job like [`add`], but no attempt starts before `delay` has passed (whole milliseconds).
pub fn add_later(task: &str, args: impl Args, delay: Duration) -> Result<u64, Problem> {
    add_with(task, args, Options::new().delay(delay))
}

/// Adds a job like [`add`], with options.
pub fn add_with(task: &str, args: impl Args, options: Options) -> Result<u64, Problem> {
    let args = to_array(&args)?;
    // Each add counts as a position, even if it does not use the position's key.
    let derived = call::next_key();
    let (key, number) = match (&options.key, &derived) {
        (Key::Explicit(key), _) => (Some(&**key), None),
        (Key::None, _) | (Key::Derived, None) => (None, None),
        (Key::Derived, Some((key, number))) => (Some(&**key), Some(*number)),
    };
    let added = host::add_with(task, &args, &options.to_json(key));
    added.map_err(|problem| match number {
        Some(number) if problem.code() == "key-reused" => reused(&problem, number),
        _ => problem,
    })
}

/// Explains a `key-reused` error for a key that the plugin did not choose.
fn reused(problem: &Problem, number: u64) -> Problem {
    let message = format!(
        "job number {number} (from 0) that this call adds differs from the one that the same call added before: add the \
         same jobs in the same order each time, or give the job its own key or none (`tasks::Options`); {}",
        problem.message()
    );
    Problem::new("key-reused", message)
}

/// Looks up a job: while it waits or runs, and after its end until retention removes it.
///
/// A response that does not deserialize into `T` is a problem with the code `invalid-response`.
pub fn get<T: DeserializeOwned>(task: &str, id: u64) -> Result<JobView<T>, Problem> {
    let JobView { id, status, current, total, message, response } = host::get(task, id)?;
    let response = response.as_deref().map(serde_json::from_str).transpose();
    let response = response.map_err(|error| Problem::new("invalid-response", error.to_string()))?;
    Ok(JobView { id, status, current, total, message, response })
}

/// Cancels a job: a waiting job ends at once, a running job is stopped. Fails with `ended` if it has already ended.
pub fn cancel(task: &str, id: u64) -> Result<(), Problem> {
    host::cancel(task, id)
}

/// The arguments of a job: a tuple, or a list if their number is only known at run time.
#[diagnostic::on_unimplemented(
    message = "the arguments of a job must be a tuple with one item for each argument",
    label = "`{Self}` is not a tuple of up to 12 serializable items",
    note = "write `(argument,)` for a single argument, `()` for none"
)]
pub trait Args {
    /// Serializes the arguments as a JSON array.
    fn to_json(&self) -> Result<String, serde_json::Error>;
}

impl Args for () {
    fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok("[]".into())
    }
}

macro_rules! tuples {
    ($first:ident $($rest:ident)*) => {
        impl<$first: Serialize, $($rest: Serialize),*> Args for ($first, $($rest,)*) {
            fn to_json(&self) -> Result<String, serde_json::Error> {
                serde_json::to_string(self)
            }
        }
        tuples! { $($rest)* }
    };
    () => {};
}
tuples! { A B C D E F G H I J K L }

impl<T: Serialize> Args for Vec<T> {
    fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// Must be a JSON array: the host rejects anything else with `invalid-args`.
impl Args for Value {
    fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

fn to_array(args: &impl Args) -> Result<String, Problem> {
    args.to_json().map_err(|error| Problem::new("invalid-args", error.to_string()))
}

/// Converts a delay to whole milliseconds, rounded up so that no attempt starts too early.
pub(crate) fn millis(delay: Duration) -> u64 {
    let below_a_second = u64::from(delay.subsec_nanos().div_ceil(1_000_000));
    delay.as_secs().saturating_mul(1000).saturating_add(below_a_second)
}
