//! What the prelude's `KV` is made of: the tenant's key-value store. Values pass as JSON texts, which the prelude writes and reads.

use rquickjs::{Array, Ctx, Exception, Object, Result, Value};

use crate::bindings::saggar::task::kv as store;
use crate::host_function::{argument, define};
use crate::inspect::inspect;
use crate::process::{throw, throw_with_code, whole_number};
use crate::state::MAX_SAFE_INTEGER;
use crate::{ffi, state};

/// Keys that are asked for at a time.
const PAGE: u32 = 1_000;

/// Adds this module's functions.
pub(crate) fn install(native: &Object<'_>) -> Result<()> {
    define(native, "kvGet", get)?;
    define(native, "kvSet", set)?;
    define(native, "kvSwap", swap)?;
    define(native, "kvIncrement", increment)?;
    define(native, "kvRemove", remove)?;
    define(native, "kvKeys", keys)?;
    define(native, "kvPage", page)
}

/// Returns `[json, version, expiresInMs]`, or `undefined`.
fn get<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let key = key(ctx, arguments, 0)?;
    let Some(entry) = store::get(&key).map_err(|problem| throw(ctx, &problem))? else {
        return Ok(Value::new_undefined(ctx.clone()));
    };
    let Ok(json) = std::str::from_utf8(&entry.value) else {
        let message = format!("the value of the key `{key}` is not JSON: it is not UTF-8");
        return Err(throw_with_code(ctx, "invalid-value", &message));
    };
    let found = Array::new(ctx.clone())?;
    found.set(0, ffi::string(ctx, json)?)?;
    found.set(1, exact(ctx, i128::from(entry.version))?)?;
    found.set(2, entry.expires_in_ms.map(|ms| ms as f64))?;
    Ok(found.into_value())
}

/// Takes the key, the JSON text and the time; returns the version.
fn set<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (key, json) = (key(ctx, arguments, 0)?, ffi::text(&argument(ctx, arguments, 1))?);
    let ttl_ms = optional(ctx, arguments, 2, "ttlMs")?;
    let version = store::set(&key, json.as_bytes(), ttl_ms).map_err(|problem| throw(ctx, &problem))?;
    exact(ctx, i128::from(version))
}

/// Takes the key, the expected version, the JSON text and the time; returns the version, or `null`.
fn swap<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (key, expected) = (key(ctx, arguments, 0)?, optional(ctx, arguments, 1, "the version")?);
    let (json, ttl_ms) = (ffi::text(&argument(ctx, arguments, 2))?, optional(ctx, arguments, 3, "ttlMs")?);
    let swapped = store::compare_and_swap(&key, expected, json.as_bytes(), ttl_ms);
    match swapped.map_err(|problem| throw(ctx, &problem))? {
        Some(version) => exact(ctx, i128::from(version)),
        None => Ok(Value::new_null(ctx.clone())),
    }
}

/// Takes the key, the summand and the time; returns the sum.
fn increment<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (key, by) = (key(ctx, arguments, 0)?, argument(ctx, arguments, 1));
    let is_whole = |number: &f64| number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER as f64;
    let Some(by) = by.as_number().filter(is_whole) else {
        let message = format!("KV.increment adds a whole number, not {}", inspect(&by));
        return Err(Exception::throw_type(ctx, &message));
    };
    let ttl_ms = optional(ctx, arguments, 2, "ttlMs")?;
    let sum = store::increment(&key, by as i64, ttl_ms).map_err(|problem| throw(ctx, &problem))?;
    exact(ctx, i128::from(sum))
}

/// Takes the key and the version that the entry must have; returns whether it was removed.
fn remove<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (key, expected) = (key(ctx, arguments, 0)?, optional(ctx, arguments, 1, "the version")?);
    let removed = store::remove(&key, expected).map_err(|problem| throw(ctx, &problem))?;
    Ok(Value::new_bool(ctx.clone(), removed))
}

/// Takes a prefix; returns all keys that begin with it.
fn keys<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let prefix = key(ctx, arguments, 0)?;
    let (mut keys, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store::keys(&prefix, after.as_deref(), PAGE).map_err(|problem| throw(ctx, &problem))?;
        keys.extend(page.keys);
        after = page.next;
        if after.is_none() {
            return list(ctx, &keys);
        }
    }
}

/// Takes a prefix, the key after which to begin, and how many; returns `[keys, next]`.
fn page<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (prefix, after) = (key(ctx, arguments, 0)?, argument(ctx, arguments, 1));
    let after = if after.is_undefined() || after.is_null() { None } else { Some(key(ctx, arguments, 1)?) };
    let limit = whole_number(ctx, &argument(ctx, arguments, 2), "the limit")?;
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let page = store::keys(&prefix, after.as_deref(), limit).map_err(|problem| throw(ctx, &problem))?;
    let found = Array::new(ctx.clone())?;
    found.set(0, list(ctx, &page.keys)?)?;
    let next = page.next.as_deref().map(|next| ffi::string(ctx, next)).transpose()?;
    found.set(1, next.unwrap_or_else(|| Value::new_null(ctx.clone())))?;
    Ok(found.into_value())
}

fn list<'js>(ctx: &Ctx<'js>, texts: &[String]) -> Result<Value<'js>> {
    let array = Array::new(ctx.clone())?;
    for (index, text) in texts.iter().enumerate() {
        array.set(index, ffi::string(ctx, text)?)?;
    }
    Ok(array.into_value())
}

fn key<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>], index: usize) -> Result<String> {
    state::require_running(ctx, "KV")?;
    let key = argument(ctx, arguments, index);
    match key.as_string() {
        Some(text) => ffi::text(text.as_value()),
        None => Err(Exception::throw_type(ctx, &format!("a key of KV is a text, not {}", inspect(&key)))),
    }
}

/// Reads a number that may be missing.
fn optional<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>], index: usize, what: &str) -> Result<Option<u64>> {
    let value = argument(ctx, arguments, index);
    if value.is_undefined() || value.is_null() { Ok(None) } else { whole_number(ctx, &value, what).map(Some) }
}

fn exact<'js>(ctx: &Ctx<'js>, number: i128) -> Result<Value<'js>> {
    if number.unsigned_abs() <= u128::from(MAX_SAFE_INTEGER) {
        return Ok(Value::new_number(ctx.clone(), number as f64));
    }
    let message = format!("{number} is beyond 2^53 - 1, so that a JavaScript number cannot hold it");
    Err(throw_with_code(ctx, "number-too-large", &message))
}
