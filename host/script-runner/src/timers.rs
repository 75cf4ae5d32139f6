//! setTimeout, setInterval and their counterparts. A call that waits for a promise runs the timers that are due.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rquickjs::{Ctx, Exception, Function, Object, Persistent, Result, Value};
use wasip2::clocks::monotonic_clock;

use crate::host_function::{argument, define};
use crate::{engine, state};

/// Timers that may be set at once.
const MAX_TIMERS: usize = 10_000;

/// The longest delay, in milliseconds: ten years, so that sums of nanoseconds do not overflow.
const MAX_DELAY_MS: f64 = 315_576_000_000.0;

struct Timer {
    function: Persistent<Function<'static>>,
    arguments: Vec<Persistent<Value<'static>>>,
    /// Nanoseconds until it is due again.
    interval: Option<u64>,
}

#[derive(Default)]
struct Timers {
    last_id: u32,
    /// By when they are due, in nanoseconds of the monotonic clock, and the order in which they were set.
    by_due: BTreeMap<(u64, u32), Timer>,
    due_by_id: BTreeMap<u32, u64>,
}

thread_local! {
    static TIMERS: RefCell<Timers> = RefCell::default();
}

/// Adds the functions to the prelude's object.
pub(crate) fn install(native: &Object<'_>) -> Result<()> {
    define(native, "setTimeout", |ctx, arguments| set(ctx, arguments, false))?;
    define(native, "setInterval", |ctx, arguments| set(ctx, arguments, true))?;
    define(native, "clearTimeout", unset)
}

/// Waits for the next timer and calls its function. Returns whether there was one.
pub(crate) fn run_next(ctx: &Ctx<'_>) -> Result<bool> {
    let Some((due, id)) = TIMERS.with_borrow(|timers| timers.by_due.keys().next().copied()) else { return Ok(false) };
    if due > monotonic_clock::now() {
        monotonic_clock::subscribe_instant(due).block();
    }
    let (function, arguments) = TIMERS.with_borrow_mut(|timers| {
        let timer = timers.by_due.remove(&(due, id)).expect("the timer that was found above");
        let call = (timer.function.clone(), timer.arguments.clone());
        timers.due_by_id.remove(&id);
        if let Some(interval) = timer.interval {
            // From now and not from when it was due: a slow function does not get a queue of calls.
            let next = monotonic_clock::now() + interval;
            timers.due_by_id.insert(id, next);
            timers.by_due.insert((next, id), timer);
        }
        call
    });
    let arguments = arguments.into_iter().map(|argument| argument.restore(ctx)).collect::<Result<Vec<_>>>()?;
    engine::apply(ctx, &function.restore(ctx)?, arguments)?;
    Ok(true)
}

/// Removes all timers; returns how many there were.
pub(crate) fn clear() -> usize {
    let timers = TIMERS.with_borrow_mut(|timers| {
        timers.due_by_id.clear();
        std::mem::take(&mut timers.by_due)
    });
    timers.len()
}

fn set<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>], is_interval: bool) -> Result<Value<'js>> {
    let name = if is_interval { "setInterval" } else { "setTimeout" };
    state::require_running(ctx, name)?;
    let Some(function) = argument(ctx, arguments, 0).into_function() else {
        return Err(Exception::throw_type(ctx, &format!("the first argument of {name} is a function")));
    };
    // NaN and negative delays count as none.
    let delay_ms = argument(ctx, arguments, 1).as_number().unwrap_or(0.0).max(0.0).min(MAX_DELAY_MS);
    let delay = ((delay_ms * 1e6) as u64).max(if is_interval { 1_000_000 } else { 0 });
    let due = monotonic_clock::now() + delay;
    let timer = Timer {
        function: Persistent::save(ctx, function),
        arguments: arguments.iter().skip(2).map(|argument| Persistent::save(ctx, argument.clone())).collect(),
        interval: is_interval.then_some(delay),
    };
    let id = TIMERS.with_borrow_mut(|timers| {
        if timers.by_due.len() >= MAX_TIMERS {
            return None;
        }
        timers.last_id = timers.last_id.wrapping_add(1);
        timers.due_by_id.insert(timers.last_id, due);
        timers.by_due.insert((due, timers.last_id), timer);
        Some(timers.last_id)
    });
    match id {
        Some(id) => Ok(Value::new_number(ctx.clone(), f64::from(id))),
        None => Err(Exception::throw_range(ctx, &format!("{name}: {MAX_TIMERS} timers are set already"))),
    }
}

fn unset<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    if let Some(id) = argument(ctx, arguments, 0).as_number() {
        let id = id as u32;
        let removed = TIMERS.with_borrow_mut(|timers| {
            let due = timers.due_by_id.remove(&id)?;
            timers.by_due.remove(&(due, id))
        });
        // Dropped without the borrow: the function may own objects with finalizers.
        drop(removed);
    }
    Ok(Value::new_undefined(ctx.clone()))
}
