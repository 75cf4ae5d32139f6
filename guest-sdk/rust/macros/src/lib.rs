//! The attribute macros of `saggar-guest`, which re-exports them: `#[plugin]` and the marks inside its module.
//!
//! `role` defines the signature of each role, `signature` checks a function against it, `function` reads one marked
//! function and generates its entry, `plugin` reads the module and generates the exports, `errors` collects the errors.

mod errors;
mod function;
mod plugin;
mod role;
mod signature;

use proc_macro::TokenStream;

/// Converts a module into a plugin: its marked functions become the roles that the component exports.
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
/// The module gets a type `Plugin`, which tests pass to [`FakeHost`](testing/struct.FakeHost.html). If a role has several
/// functions, a task's reference names one: `plugins.greet#greet` means the function `greet`. A component has one plugin.
#[proc_macro_attribute]
pub fn plugin(options: TokenStream, module: TokenStream) -> TokenStream {
    plugin::expand(options.into(), module.into()).into()
}

macro_rules! marks {
    ($($(#[$doc:meta])* $mark:ident)*) => {$(
        $(#[$doc])*
        ///
        /// Options: `name = "…"` replaces the function's own name after `#` in a task's reference; `default` selects the
        /// function for references without `#`; a role's only function is selected without it.
        #[proc_macro_attribute]
        pub fn $mark(_options: TokenStream, function: TokenStream) -> TokenStream {
            plugin::misplaced(stringify!($mark), function.into()).into()
        }
    )*};
}

marks! {
    /// Marks a function that does a task's work.
    ///
    /// It takes the job and then each argument by position, in any type that serde can deserialize; `Option`s at the end
    /// are optional arguments. A wrong number or type of arguments rejects the job with `invalid-args`, naming the argument.
    ///
    /// It returns anything that serde can serialize, or a `Result` of it with an error that converts into a `Failure`.
    processor
    /// Marks a function that returns the id for a new job: `fn next() -> Option<u64>`, or a `Result` of it.
    next
    /// Marks a function that is called when a job was added: `fn added(job: &Job)`.
    on_add
    /// Marks a function that is called with a job's progress: `fn moved(job: &Job, progress: Progress)`.
    on_progress
    /// Marks a function that is called with a job's response, in any type that serde can deserialize:
    /// `fn done(job: &Job, response: Receipt)`.
    on_success
    /// Marks a function that is called when a job has finally failed: `fn failed(job: &Job, problem: Problem)`.
    on_error
}
