//! The exports that the host calls: each role's export forwards to the plugin's function.

use std::io::Write;
use std::marker::PhantomData;

use super::bindings::saggar::task::types;
use super::{bindings, context};
use crate::role::{
    AddHandler, ErrorHandler, HasRole, IdSource, Processor, ProgressHandler, Role, SuccessHandler, pick,
};
use crate::{Failure, Job, Problem, Progress, call};

/// A plugin with the functions that the bindings need.
#[derive(Debug)]
pub struct Export<P>(PhantomData<P>);

/// Runs a call of a role (see [`call::run`]), then flushes standard output, because buffered text would appear in the
/// next job's log. Standard error is not buffered.
fn run<T>(role: Option<&'static str>, call: impl FnOnce() -> T) -> T {
    let result = call::run(role, call);
    // A failed flush cannot be reported.
    drop(std::io::stdout().flush());
    result
}

fn find<P: HasRole<R>, R: Role>() -> Result<R::Call, Problem> {
    pick::<P, R>(context::handler().as_deref())
}

impl<P: HasRole<Processor>> bindings::processor::exports::saggar::task::processor::Guest for Export<P> {
    fn process(id: u64, args: String) -> Result<String, types::Failure> {
        let process = find::<P, Processor>().map_err(Failure::Reject);
        run(Some("process"), || process.and_then(|process| process(&Job::new(id), &args))).map_err(Failure::into_host)
    }
}

impl<P: HasRole<IdSource>> bindings::id_source::exports::saggar::task::id_source::Guest for Export<P> {
    fn next() -> Result<Option<u64>, types::Problem> {
        run(None, || find::<P, IdSource>().and_then(|next| next())).map_err(Problem::into_host)
    }
}

impl<P: HasRole<AddHandler>> bindings::add_handler::exports::saggar::task::add_handler::Guest for Export<P> {
    fn on_add(id: u64) -> Result<(), types::Problem> {
        run(Some("add"), || find::<P, AddHandler>().and_then(|handler| handler(&Job::new(id))))
            .map_err(Problem::into_host)
    }
}

impl<P: HasRole<ProgressHandler>> bindings::progress_handler::exports::saggar::task::progress_handler::Guest
    for Export<P>
{
    fn on_progress(id: u64, current: u64, total: u64, message: String) -> Result<(), types::Problem> {
        let progress = Progress { current, total, message };
        run(None, || find::<P, ProgressHandler>().and_then(|handler| handler(&Job::new(id), progress)))
            .map_err(Problem::into_host)
    }
}

impl<P: HasRole<SuccessHandler>> bindings::success_handler::exports::saggar::task::success_handler::Guest
    for Export<P>
{
    fn on_success(id: u64, response: String) -> Result<(), types::Problem> {
        run(Some("success"), || find::<P, SuccessHandler>().and_then(|handler| handler(&Job::new(id), &response)))
            .map_err(Problem::into_host)
    }
}

impl<P: HasRole<ErrorHandler>> bindings::error_handler::exports::saggar::task::error_handler::Guest for Export<P> {
    fn on_error(id: u64, error: types::Problem) -> Result<(), types::Problem> {
        let problem = Problem::from_host(error);
        run(Some("error"), || find::<P, ErrorHandler>().and_then(|handler| handler(&Job::new(id), problem)))
            .map_err(Problem::into_host)
    }
}
