//! The attribute macros of `saggar-guest`, which re-exports them: `#[plugin]` and the marks inside its module.
//!
//! `role` knows what each role wants, `signature` compares a function with it, `function` reads one marked function and
//! writes its entry, `plugin` reads the module and writes what the host calls, `errors` collects what is wrong.

mod errors;
mod function;
mod plugin;
mod role;
mod signature;

use proc_macro::TokenStream;

/// Makes a module a plugin: its marked functions become the roles that the component exports.
///
/// ```
/// #[saggar_guest::plugin]
/// mod greet {
///     use saggar_guest::prelude::*;
///
///     #[processor]
///     fn greet(job: &Job, name: String) -> Result<String, Failure> {
///         job.progress(1, 1, "greeted");
///         Ok(format!("Hello, {name}!"))
///     }
/// }
/// ```
///
/// The module gets a type `Plugin`, which tests hand to [`FakeHost`](testing/struct.FakeHost.html). A role with several
/// functions is told apart by name: a task's `plugins.greet#greet` means the function `greet`. A component has one
/// plugin.
#[proc_macro_attribute]
pub fn plugin(options: TokenStream, module: TokenStream) -> TokenStream {
    plugin::expand(options.into(), module.into()).into()
}

macro_rules! marks {
    ($($(#[$doc:meta])* $mark:ident)*) => {$(
        $(#[$doc])*
        ///
        /// Options: `name = "…"` is the name after `#` in a task's reference instead of the function's own; `default`
        /// makes the function the one that is meant without `#`, which a role's only function is anyway.
        #[proc_macro_attribute]
        pub fn $mark(_options: TokenStream, function: TokenStream) -> TokenStream {
            plugin::misplaced(stringify!($mark), function.into()).into()
        }
    )*};
}

marks! {
    /// Marks a function that does a task's work.
    ///
    /// It gets the job and then each argument by position, in any type that serde can read; `Option`s at the end may be
    /// left out. A number or a type that does not fit rejects the job with `invalid-args` and names the argument.
    ///
    /// It answers anything that serde can write, or a `Result` of it whose error is a `Failure` or becomes one.
    processor
    /// Marks a function that gives a new job its id: `fn next() -> Option<u64>`, or a `Result` of it.
    next
    /// Marks a function that is told that a job was added: `fn added(job: &Job)`.
    on_add
    /// Marks a function that is told how far a job is: `fn moved(job: &Job, progress: Progress)`.
    on_progress
    /// Marks a function that is told a job's response, in any type that serde can read:
    /// `fn done(job: &Job, response: Receipt)`.
    on_success
    /// Marks a function that is told why a job failed in the end: `fn failed(job: &Job, problem: Problem)`.
    on_error
}
