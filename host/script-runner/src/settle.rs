//! Waits for promises, and says why a call ends without a result.

use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Promise, Value};

use crate::problem::Thrown;
use crate::{ffi, rejections, timers};

/// Why a call ends without a result.
#[derive(Debug)]
pub(crate) enum Stop {
    /// An exception is pending in the context.
    Error(rquickjs::Error),
    /// The runner's own reason.
    Thrown(Thrown),
}

impl From<rquickjs::Error> for Stop {
    fn from(error: rquickjs::Error) -> Self {
        Self::Error(error)
    }
}

impl From<Thrown> for Stop {
    fn from(thrown: Thrown) -> Self {
        Self::Thrown(thrown)
    }
}

/// Waits for a promise, running microtasks and timers; other values are their own result.
pub(crate) fn settle<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Value<'js>, Stop> {
    let Some(promise) = value.as_promise().cloned() else {
        run_microtasks(ctx)?;
        return Ok(value);
    };
    rejections::forget(promise.as_value());
    loop {
        run_microtasks(ctx)?;
        match promise.state() {
            PromiseState::Resolved | PromiseState::Rejected => return result(&promise),
            PromiseState::Pending if timers::run_next(ctx)? => {}
            PromiseState::Pending => {
                let message =
                    "the script waits for a promise that nothing can settle: no timer is set and no other work is left";
                return Err(Thrown::reject("never-settled", message).into());
            }
        }
    }
}

fn result<'js>(promise: &Promise<'js>) -> Result<Value<'js>, Stop> {
    let result = promise.result::<Value<'js>>().unwrap_or(Err(rquickjs::Error::Unknown));
    Ok(result?)
}

/// Runs what is queued, until nothing is.
pub(crate) fn run_microtasks(ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    while ffi::run_microtask(ctx)? {}
    Ok(())
}
