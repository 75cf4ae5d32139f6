//! Functions for the prelude: random numbers, clocks, texts and URLs.

use std::cell::Cell;

use rquickjs::{Ctx, Exception, Object, Result, Value};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::random::{insecure_seed, random};

use crate::host_function::{argument, define};
use crate::{address, encoding, ffi, state};

/// Adds this module's functions.
pub(crate) fn install(native: &Object<'_>) -> Result<()> {
    define(native, "random", |ctx, _| Ok(Value::new_float(ctx.clone(), next_random())))?;
    define(native, "fillRandom", fill_random)?;
    define(native, "monotonicMs", |ctx, _| Ok(Value::new_float(ctx.clone(), monotonic_clock::now() as f64 / 1e6)))?;
    define(native, "wallMs", |ctx, _| Ok(Value::new_float(ctx.clone(), wall_ms())))?;
    define(native, "isPromise", |ctx, arguments| {
        Ok(Value::new_bool(ctx.clone(), argument(ctx, arguments, 0).is_promise()))
    })?;
    define(native, "requireRunning", |ctx, arguments| {
        state::require_running(ctx, &ffi::text(&argument(ctx, arguments, 0))?)?;
        Ok(Value::new_undefined(ctx.clone()))
    })?;
    encoding::install(native)?;
    address::install(native)
}

thread_local! {
    /// Of `Math.random`; 0 until it is seeded. The engine seeds its own when a context is made, which is before the snapshot:
    /// each instance would draw the same numbers.
    static RANDOM: Cell<u64> = const { Cell::new(0) };
}

/// Draws from [0, 1): xorshift64*.
fn next_random() -> f64 {
    let mut state = RANDOM.get();
    if state == 0 {
        let (low, high) = insecure_seed::insecure_seed();
        state = (low ^ high.rotate_left(32)) | 1;
    }
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    RANDOM.set(state);
    (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Fills a typed array with random bytes. The prelude has checked its type and length.
fn fill_random<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    state::require_running(ctx, "crypto")?;
    let target = argument(ctx, arguments, 0);
    let filled = ffi::with_bytes(&target, |bytes| bytes.copy_from_slice(&random::get_random_bytes(bytes.len() as u64)));
    match filled {
        Some(()) => Ok(target),
        None => Err(Exception::throw_type(ctx, "crypto.getRandomValues fills a typed array")),
    }
}

fn wall_ms() -> f64 {
    let now = wall_clock::now();
    now.seconds as f64 * 1e3 + f64::from(now.nanoseconds) / 1e6
}
