//! Writes to the job's log: what `console`, `log` and `fmt` of the prelude are made of.

use rquickjs::{Ctx, Object, Result, Value};

use crate::bindings::saggar::task::log::{self, Level};
use crate::host_function::{HostFunction, argument, define};
use crate::{ffi, gofmt, inspect, json, state};

/// The largest message that is passed to the host, which cuts it to 8 KiB and says so.
const MAX_MESSAGE: usize = 16 << 10;

/// Adds `console.<level>`, `log.<level>`, and the functions of `fmt`.
pub(crate) fn install(native: &Object<'_>) -> Result<()> {
    let writers: [(&str, HostFunction); 11] = [
        ("consoleDebug", |ctx, arguments| joined(ctx, arguments, Level::Debug)),
        ("consoleInfo", |ctx, arguments| joined(ctx, arguments, Level::Info)),
        ("consoleWarn", |ctx, arguments| joined(ctx, arguments, Level::Warn)),
        ("consoleError", |ctx, arguments| joined(ctx, arguments, Level::Error)),
        ("logDebug", |ctx, arguments| formatted(ctx, arguments, Level::Debug)),
        ("logInfo", |ctx, arguments| formatted(ctx, arguments, Level::Info)),
        ("logWarn", |ctx, arguments| formatted(ctx, arguments, Level::Warn)),
        ("logError", |ctx, arguments| formatted(ctx, arguments, Level::Error)),
        ("sprintf", |ctx, arguments| ffi::string(ctx, &gofmt::sprintf(arguments)?)),
        ("sprint", |ctx, arguments| ffi::string(ctx, &gofmt::sprint(arguments)?)),
        ("inspect", |ctx, arguments| ffi::string(ctx, &inspect::display(&argument(ctx, arguments, 0)))),
    ];
    writers.into_iter().try_for_each(|(name, function)| define(native, name, function))
}

fn joined<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>], level: Level) -> Result<Value<'js>> {
    state::require_running(ctx, "console")?;
    write(ctx, level, inspect::join(arguments)?)
}

fn formatted<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>], level: Level) -> Result<Value<'js>> {
    state::require_running(ctx, "log")?;
    // A message alone is not a format: "100%" is what it is.
    let message = if arguments.len() == 1 { gofmt::sprint(arguments)? } else { gofmt::sprintf(arguments)? };
    write(ctx, level, message)
}

fn write<'js>(ctx: &Ctx<'js>, level: Level, mut message: String) -> Result<Value<'js>> {
    json::cut(&mut message, MAX_MESSAGE);
    log::write(level, &message);
    Ok(Value::new_undefined(ctx.clone()))
}
