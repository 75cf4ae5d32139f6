//! Calls a function of the script: its arguments, its result, and what it leaves behind.

use rquickjs::{Ctx, Value};

use crate::bindings::saggar::task::log::{self, Level};
use crate::problem::{Decision, Thrown};
use crate::settle::{Stop, run_microtasks, settle};
use crate::state::{MAX_SAFE_INTEGER, Role};
use crate::{engine, exception, ffi, inspect, memory, rejections, script, setup, state, timers};

/// The result of making arguments.
pub(crate) type Arguments<'js> = Result<Vec<Value<'js>>, Stop>;

/// Calls the function that the task's reference names in a role, and converts its result.
pub(crate) fn run<T>(
    role: Role,
    arguments: impl for<'js> FnOnce(&Ctx<'js>) -> Arguments<'js>,
    convert: impl for<'js> FnOnce(Value<'js>) -> Result<T, Stop>,
) -> Result<T, Thrown> {
    setup::ensure_engine();
    state::begin_call(role);
    memory::begin_call();
    let context = engine::context();
    let (result, is_fit) = context.with(|ctx| {
        ffi::update_stack_top(&ctx);
        let result = call(&ctx, arguments).and_then(convert).map_err(|stop| match stop {
            Stop::Error(error) => exception::take(&ctx, error),
            Stop::Thrown(thrown) => thrown,
        });
        (result, clean_up(&ctx))
    });
    if !is_fit {
        script::unload();
        setup::reset();
    }
    result
}

fn call<'js>(ctx: &Ctx<'js>, arguments: impl FnOnce(&Ctx<'js>) -> Arguments<'js>) -> Result<Value<'js>, Stop> {
    let function = script::function(ctx)?;
    let result = engine::apply(ctx, &function, arguments(ctx)?)?;
    settle(ctx, result)
}

/// Removes what a call left behind, so that it cannot run or count in the next one. Returns whether the context can serve it.
fn clean_up(ctx: &Ctx<'_>) -> bool {
    while let Err(error) = run_microtasks(ctx) {
        log::write(Level::Error, &format!("uncaught in a microtask: {}", exception::take(ctx, error).problem.message));
    }
    let count = timers::clear();
    if count > 0 {
        let message =
            format!("{count} timers were still set when the call ended; they do not run. Await a promise instead");
        log::write(Level::Debug, &message);
    }
    for reason in rejections::take() {
        if let Ok(reason) = reason.restore(ctx) {
            let message = format!("a promise was rejected and nothing handles it: {}", exception::describe(&reason));
            log::write(Level::Error, &message);
        }
    }
    if let Some(what) = engine::pollution(ctx) {
        let message = format!(
            "the script set {what}, which would change the next job's calls; the next job gets a fresh context"
        );
        log::write(Level::Warn, &message);
        return false;
    }
    script::is_fit()
}

/// Returns a result as the JSON of a response; `undefined` and functions are `null`.
pub(crate) fn response(value: Value<'_>) -> Result<String, Stop> {
    let ctx = value.ctx().clone();
    if value.is_undefined() {
        return Ok("null".into());
    }
    let refuse = |error| {
        let mut thrown = exception::take(&ctx, error);
        thrown.problem.code = "invalid-response".into();
        thrown.problem.message = format!("the result cannot be written as JSON: {}", thrown.problem.message);
        Stop::Thrown(Thrown { decision: Decision::Reject, ..thrown })
    };
    match ctx.json_stringify(value).map_err(refuse)? {
        Some(text) => Ok(ffi::text(text.as_value())?),
        None => Ok("null".into()),
    }
}

/// Returns a result as the id of a new job; `undefined` and `null` mean the task's own counter.
pub(crate) fn new_id(value: Value<'_>) -> Result<Option<u64>, Stop> {
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    let is_id = |number: &f64| number.fract() == 0.0 && *number >= 0.0 && *number <= MAX_SAFE_INTEGER as f64;
    match value.as_number().filter(is_id) {
        Some(number) => Ok(Some(number as u64)),
        None => {
            let message = format!(
                "the function answered {}, which is not a job's id: answer a whole number from 1 to 2^53 - 1, or nothing for the \
                 task's own counter",
                inspect::inspect(&value)
            );
            Err(Thrown::reject("invalid-id", message).into())
        }
    }
}
