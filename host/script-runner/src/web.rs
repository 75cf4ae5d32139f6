//! What `fetch` does: a request over HTTP with its whole response. The prelude has the classes.

use rquickjs::{Array, Ctx, Exception, Object, Result, Value};

use crate::bindings::saggar::task::http::{self, Request};
use crate::host_function::{argument, define};
use crate::process::throw;
use crate::{ffi, state};

/// Adds `send(method, url, headers, body, timeoutMs)`. The headers are a list of names and values in turn, and so are those of
/// the result: the status, the headers, and the bytes.
pub(crate) fn install(native: &Object<'_>) -> Result<()> {
    define(native, "send", send)
}

fn send<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    state::require_running(ctx, "fetch")?;
    let text = |index| ffi::text(&argument(ctx, arguments, index));
    let Some(body) = ffi::bytes(&argument(ctx, arguments, 3)) else {
        return Err(Exception::throw_type(ctx, "fetch: the body is a text, a typed array or an ArrayBuffer"));
    };
    let timeout_ms = argument(ctx, arguments, 4).as_number().map(|time| time.max(0.0) as u64);
    let headers = pairs(&argument(ctx, arguments, 2))?;
    let request = Request { method: text(0)?, url: text(1)?, headers, body, timeout_ms };
    let response = http::send(&request).map_err(|problem| throw(ctx, &problem))?;
    let flat = Array::new(ctx.clone())?;
    for (at, (name, value)) in response.headers.iter().enumerate() {
        flat.set(2 * at, ffi::string(ctx, name)?)?;
        flat.set(2 * at + 1, ffi::string(ctx, value)?)?;
    }
    let result = Array::new(ctx.clone())?;
    result.set(0, response.status)?;
    result.set(1, flat)?;
    result.set(2, ffi::byte_array(ctx, &response.body)?)?;
    Ok(result.into_value())
}

fn pairs(flat: &Value<'_>) -> Result<Vec<(String, String)>> {
    let Some(flat) = flat.as_array() else { return Ok(Vec::new()) };
    let mut pairs = Vec::with_capacity(flat.len() / 2);
    for at in 0..flat.len() / 2 {
        pairs.push((ffi::text(&flat.get(2 * at)?)?, ffi::text(&flat.get(2 * at + 1)?)?));
    }
    Ok(pairs)
}
