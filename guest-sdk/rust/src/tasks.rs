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
//! A call may be repeated: an attempt is retried, a handler is called again after a crash. Its jobs are added once all the
//! same, because each gets a key made of the job, the role and the number of the add in the call. So a plugin should add
//! the same jobs in the same order each time; a job with other arguments at the same place is refused with `key-reused`.
//! Where that does not fit, [`add_with`] takes a key of the plugin's own, or none ([`Options::without_key`]). In `#[next]`
//! and `#[on_progress]` there is no such key, since there is no job yet or the calls differ.
//!
//! Every function may answer a [`Problem`] with one of the codes `unknown-task`, `unknown-job`, `queue-full`,
//! `keep-bytes-exceeded`, `duplicate-id`, `next-failed`, `invalid-args`, `invalid-options`, `key-reused`, `ended`, `too-deep`, `budget-spent`,
//! `stopping`.

mod options;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::options::Key;
use crate::{Problem, call, host};

pub use self::options::Options;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for a slot, for its delay or for its next attempt.
    Waiting,
    /// An attempt runs.
    Running,
    /// It ended well.
    Success,
    /// It ended otherwise.
    Failure,
}

/// A job as it is now; `T` is what its processor answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView<T> {
    /// Its id.
    pub id: u64,
    /// Where it stands.
    pub status: Status,
    /// The last progress: how much is done …
    pub current: u64,
    /// … of how much; 0 while nothing was reported.
    pub total: u64,
    /// The last progress message.
    pub message: String,
    /// What the processor answered; none until SUCCESS.
    pub response: Option<T>,
}

/// Adds a job with one item of the tuple for each argument, and answers its id. Where the call is a repeated one, the job
/// that was added at the same place before is answered (see the [module](self)).
///
/// Refused with `queue-full`, `keep-bytes-exceeded`, `duplicate-id` or `next-failed` as for everybody else; with `too-deep`
/// when jobs that add jobs while being added nest too far.
pub fn add(task: &str, args: impl Args) -> Result<u64, Problem> {
    add_with(task, args, Options::new())
}

/// Like [`add`]; the job is not started before `delay` has gone by (whole milliseconds).
pub fn add_later(task: &str, args: impl Args, delay: Duration) -> Result<u64, Problem> {
    add_with(task, args, Options::new().delay(delay))
}

/// Like [`add`], with options.
pub fn add_with(task: &str, args: impl Args, options: Options) -> Result<u64, Problem> {
    let args = to_array(&args)?;
    // Each add has its place, whether it uses the key of it or not.
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

/// Says what a key that the plugin did not choose means.
fn reused(problem: &Problem, number: u64) -> Problem {
    let message = format!(
        "job number {number} (from 0) that this call adds is not the one that it added when it was made before: add the \
         same jobs in the same order each time, or give the job a key of its own or none (`tasks::Options`); {}",
        problem.message()
    );
    Problem::new("key-reused", message)
}

/// Looks a job up: while it waits, while it runs, and after its end until retention removes it.
///
/// A response that is no `T` is a problem with the code `invalid-response`.
pub fn get<T: DeserializeOwned>(task: &str, id: u64) -> Result<JobView<T>, Problem> {
    let JobView { id, status, current, total, message, response } = host::get(task, id)?;
    let response = response.as_deref().map(serde_json::from_str).transpose();
    let response = response.map_err(|error| Problem::new("invalid-response", error.to_string()))?;
    Ok(JobView { id, status, current, total, message, response })
}

/// Cancels a job: a waiting one ends at once, a running one is stopped. `ended` if it has ended already.
pub fn cancel(task: &str, id: u64) -> Result<(), Problem> {
    host::cancel(task, id)
}

/// The arguments of a job: a tuple, or a list where their number is only known at run time.
#[diagnostic::on_unimplemented(
    message = "the arguments of a job are a tuple with one item for each argument",
    label = "`{Self}` is not a tuple of up to 12 serializable items",
    note = "a single argument is written as `(argument,)`, none as `()`"
)]
pub trait Args {
    /// Writes the arguments as a JSON array.
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

/// Must be a JSON array: the host refuses anything else with `invalid-args`.
impl Args for Value {
    fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

fn to_array(args: &impl Args) -> Result<String, Problem> {
    args.to_json().map_err(|error| Problem::new("invalid-args", error.to_string()))
}

/// Whole milliseconds, rounded up so that nothing starts too early.
pub(crate) fn millis(delay: Duration) -> u64 {
    let below_a_second = u64::from(delay.subsec_nanos().div_ceil(1_000_000));
    delay.as_secs().saturating_mul(1000).saturating_add(below_a_second)
}
