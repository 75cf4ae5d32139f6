//! The engine's C functions that rquickjs has no safe form of. All unsafe code is here, in `bytecode` and in `memory`.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::{ptr, slice};

use rquickjs::{Ctx, Error, Object, Result, Value, qjs};

/// A property of an object, looked at without running a getter.
pub(crate) enum Property<'js> {
    /// Its value.
    Value(Value<'js>),
    /// It is computed.
    Accessor {
        /// Whether it can be read.
        has_getter: bool,
        /// Whether it can be written.
        has_setter: bool,
    },
}

/// Returns the raw context.
pub(crate) fn raw(ctx: &Ctx<'_>) -> *mut qjs::JSContext {
    ctx.as_raw().as_ptr()
}

/// Takes over a value that the engine returned; an exception becomes an error.
pub(crate) fn owned<'js>(ctx: &Ctx<'js>, value: qjs::JSValue) -> Result<Value<'js>> {
    // SAFETY: the engine returned the value with a reference that is ours, and it belongs to this context's runtime.
    let value = unsafe { Value::from_raw(ctx.clone(), value) };
    if value.is_exception() { Err(Error::Exception) } else { Ok(value) }
}

/// Adds `DOMException`, which the engine gives to the first context of a runtime only.
pub(crate) fn ensure_dom_exception(ctx: &Ctx<'_>) -> Result<()> {
    // SAFETY: the context is valid; the engine registers the class of the runtime once.
    if !ctx.globals().contains_key("DOMException")? && unsafe { qjs::JS_AddIntrinsicDOMException(raw(ctx)) } < 0 {
        return Err(Error::Exception);
    }
    Ok(())
}

/// Measures the stack from here. The engine's limit counts from where it was last told; calls of the component start at
/// different depths.
pub(crate) fn update_stack_top(ctx: &Ctx<'_>) {
    // SAFETY: the runtime lives as long as its context.
    unsafe { qjs::JS_UpdateStackTop(qjs::JS_GetRuntime(raw(ctx))) }
}

/// Runs a script in sloppy mode, as a file, and returns its last value.
pub(crate) fn eval<'js>(ctx: &Ctx<'js>, file: &str, source: &str) -> Result<Value<'js>> {
    eval_with(ctx, file, source, qjs::JS_EVAL_TYPE_GLOBAL)
}

/// Like `eval`, with flags of the engine.
pub(crate) fn eval_with<'js>(ctx: &Ctx<'js>, file: &str, source: &str, flags: u32) -> Result<Value<'js>> {
    let (file, source) = (CString::new(file)?, CString::new(source)?);
    let length = source.as_bytes().len();
    // SAFETY: both texts end with a NUL and outlive the call; the length does not count the NUL.
    let value = unsafe {
        qjs::JS_Eval(raw(ctx), source.as_ptr(), length as _, file.as_ptr(), i32::try_from(flags).unwrap_or(0))
    };
    owned(ctx, value)
}

/// Makes a JavaScript string.
pub(crate) fn string<'js>(ctx: &Ctx<'js>, text: &str) -> Result<Value<'js>> {
    rquickjs::String::from_str(ctx.clone(), text).map(rquickjs::String::into_value)
}

/// Returns the text of a value as `String(value)` makes it, which may run the script's `toString`. Half of a surrogate pair
/// becomes U+FFFD.
pub(crate) fn text(value: &Value<'_>) -> Result<String> {
    let ctx = value.ctx();
    let mut length = MaybeUninit::uninit();
    // SAFETY: the value belongs to the context; the engine writes the length if it returns a text.
    let start = unsafe { qjs::JS_ToCStringLen(raw(ctx), length.as_mut_ptr(), value.as_raw()) };
    if start.is_null() {
        return Err(Error::Exception);
    }
    // SAFETY: the text has this many bytes, and is copied before it is freed.
    let bytes = unsafe { slice::from_raw_parts(start.cast::<u8>(), length.assume_init() as usize) }.to_vec();
    // SAFETY: it came from JS_ToCStringLen and is not used any more.
    unsafe { qjs::JS_FreeCString(raw(ctx), start) };
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| replace_surrogates(error.into_bytes())))
}

/// Replaces surrogates, which the engine encodes in three bytes as if they were characters.
fn replace_surrogates(mut bytes: Vec<u8>) -> String {
    let mut at = 0;
    while at + 2 < bytes.len() {
        if bytes[at] == 0xED && bytes[at + 1] >= 0xA0 {
            bytes[at..at + 3].copy_from_slice("\u{FFFD}".as_bytes());
            at += 2;
        }
        at += 1;
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Defines an own property with a string, whatever the prototypes say.
pub(crate) fn define(object: &Object<'_>, name: &str, text: &str) -> Result<()> {
    let ctx = object.ctx();
    let (name, value) = (CString::new(name)?, string(ctx, text)?);
    let flags = (qjs::JS_PROP_CONFIGURABLE | qjs::JS_PROP_WRITABLE | qjs::JS_PROP_ENUMERABLE) as i32;
    // SAFETY: the engine takes over a reference to the value, so it gets one of its own.
    let defined = unsafe {
        let value = qjs::JS_DupValue(raw(ctx), value.as_raw());
        qjs::JS_DefinePropertyValueStr(raw(ctx), object.as_value().as_raw(), name.as_ptr(), value, flags)
    };
    if defined < 0 { Err(Error::Exception) } else { Ok(()) }
}

/// Returns an own property of an object, without running a getter. A proxy's trap runs.
pub(crate) fn own_property<'js>(object: &Object<'js>, name: &str) -> Result<Option<Property<'js>>> {
    let ctx = object.ctx();
    // SAFETY: the name is copied; the atom is freed below.
    let atom = unsafe { qjs::JS_NewAtomLen(raw(ctx), name.as_ptr().cast(), name.len() as _) };
    let property = property_of(object, atom);
    // SAFETY: made above.
    unsafe { qjs::JS_FreeAtom(raw(ctx), atom) };
    property
}

fn property_of<'js>(object: &Object<'js>, atom: qjs::JSAtom) -> Result<Option<Property<'js>>> {
    let ctx = object.ctx();
    let mut found = MaybeUninit::<qjs::JSPropertyDescriptor>::uninit();
    // SAFETY: the engine fills the descriptor if it returns 1, and its values are then ours.
    let found = unsafe {
        match qjs::JS_GetOwnProperty(raw(ctx), found.as_mut_ptr(), object.as_value().as_raw(), atom) {
            0 => return Ok(None),
            1 => found.assume_init(),
            _ => return Err(Error::Exception),
        }
    };
    let (value, getter, setter) = (owned(ctx, found.value), owned(ctx, found.getter), owned(ctx, found.setter));
    if found.flags & qjs::JS_PROP_GETSET as i32 == 0 {
        return value.map(|value| Some(Property::Value(value)));
    }
    let is_there = |accessor: Result<Value<'_>>| accessor.is_ok_and(|accessor| accessor.is_function());
    Ok(Some(Property::Accessor { has_getter: is_there(getter), has_setter: is_there(setter) }))
}

/// Returns the names of an object's own properties, enumerable or not, without symbols.
pub(crate) fn own_names(object: &Object<'_>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    each_property(object, qjs::JS_GPN_STRING_MASK, usize::MAX, |atom| {
        names.push(atom_text(object.ctx(), atom)?);
        Ok(())
    })?;
    Ok(names)
}

/// Returns the first `limit` enumerable own properties of an object, and how many there are.
pub(crate) fn own_properties<'js>(object: &Object<'js>, limit: usize) -> Result<(Vec<(String, Property<'js>)>, usize)> {
    let mut properties = Vec::new();
    let count = each_property(object, qjs::JS_GPN_STRING_MASK | qjs::JS_GPN_ENUM_ONLY, limit, |atom| {
        if let Some(property) = property_of(object, atom)? {
            properties.push((atom_text(object.ctx(), atom)?, property));
        }
        Ok(())
    })?;
    Ok((properties, count))
}

fn each_property(
    object: &Object<'_>,
    which: u32,
    limit: usize,
    mut visit: impl FnMut(qjs::JSAtom) -> Result<()>,
) -> Result<usize> {
    let ctx = object.ctx();
    let (mut table, mut count) = (ptr::null_mut(), 0);
    // SAFETY: the engine writes a table of `count` entries, which is freed below.
    unsafe {
        let object = object.as_value().as_raw();
        if qjs::JS_GetOwnPropertyNames(raw(ctx), &raw mut table, &raw mut count, object, which as i32) != 0 {
            return Err(Error::Exception);
        }
    }
    let mut visited = Ok(());
    for index in 0..(count as usize).min(limit) {
        // SAFETY: the index is below the number of entries.
        visited = visit(unsafe { (*table.add(index)).atom });
        if visited.is_err() {
            break;
        }
    }
    // SAFETY: the table of the engine, with its own count.
    unsafe { qjs::JS_FreePropertyEnum(raw(ctx), table, count) };
    visited.map(|()| count as usize)
}

fn atom_text(ctx: &Ctx<'_>, atom: qjs::JSAtom) -> Result<String> {
    // SAFETY: the atom is valid; the value is a reference of ours.
    text(&owned(ctx, unsafe { qjs::JS_AtomToValue(raw(ctx), atom) })?)
}

/// Returns the bytes of a typed array, a DataView or an array buffer; `None` if it is another object or detached.
pub(crate) fn bytes(value: &Value<'_>) -> Option<Vec<u8>> {
    with_bytes(value, |bytes| bytes.to_vec())
}

/// Lends the bytes of a typed array or array buffer. `read` must not run JavaScript, which could detach them.
pub(crate) fn with_bytes<R>(value: &Value<'_>, read: impl FnOnce(&mut [u8]) -> R) -> Option<R> {
    let ctx = value.ctx();
    let (mut offset, mut length, mut unit) = (0, 0, 0);
    // SAFETY: reads only; -1 for what is not a typed array.
    let is_view = unsafe { qjs::JS_GetTypedArrayType(value.as_raw()) } >= 0;
    let buffer = if is_view {
        // SAFETY: it is a typed array; the buffer is a reference of ours.
        let buffer = unsafe {
            qjs::JS_GetTypedArrayBuffer(raw(ctx), value.as_raw(), &raw mut offset, &raw mut length, &raw mut unit)
        };
        owned(ctx, buffer).map_err(|_| ctx.catch()).ok()?
    } else {
        value.clone()
    };
    let mut size = 0;
    // SAFETY: throws if it is not an array buffer.
    let start = unsafe { qjs::JS_GetArrayBuffer(raw(ctx), &raw mut size, buffer.as_raw()) };
    if start.is_null() {
        ctx.catch();
        // SAFETY: reads only. An empty buffer has no address.
        let is_empty = unsafe { qjs::JS_IsArrayBuffer(buffer.as_raw()) };
        return is_empty.then(|| read(&mut []));
    }
    let (from, length) = if is_view { (offset as usize, length as usize) } else { (0, size as usize) };
    let end = (from + length).min(size as usize);
    // SAFETY: the range is inside the buffer, which no JavaScript can change until `read` returns.
    Some(read(unsafe { slice::from_raw_parts_mut(start.add(from.min(end)), end - from.min(end)) }))
}

/// Makes a Uint8Array with a copy of the bytes.
pub(crate) fn byte_array<'js>(ctx: &Ctx<'js>, bytes: &[u8]) -> Result<Value<'js>> {
    // SAFETY: the bytes are copied.
    owned(ctx, unsafe { qjs::JS_NewUint8ArrayCopy(raw(ctx), bytes.as_ptr(), bytes.len() as _) })
}

/// Runs one microtask. Returns whether there was one; an error is what it threw.
pub(crate) fn run_microtask(ctx: &Ctx<'_>) -> Result<bool> {
    let mut of = MaybeUninit::uninit();
    // SAFETY: the runtime lives as long as its context. There is one context with microtasks, so the exception is in it.
    match unsafe { qjs::JS_ExecutePendingJob(qjs::JS_GetRuntime(raw(ctx)), of.as_mut_ptr()) } {
        0 => Ok(false),
        1.. => Ok(true),
        _ => Err(Error::Exception),
    }
}

/// Keeps the engine from reporting the rejection of a promise that the caller handles.
pub(crate) fn mark_handled(promise: &Value<'_>) {
    // SAFETY: does nothing to what is not a promise.
    unsafe { qjs::JS_PromiseMarkAsHandled(raw(promise.ctx()), promise.as_raw()) }
}

/// The kinds of objects that are shown by what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Array,
    Function,
    Error,
    Proxy,
    Promise,
    Date,
    RegExp,
    Map,
    Set,
    Bytes,
}

/// Returns the kind of an object.
pub(crate) fn kind(value: &Value<'_>) -> Kind {
    let raw = value.as_raw();
    // SAFETY: all of these only read the class of the object.
    unsafe {
        match () {
            () if qjs::JS_IsProxy(raw) => Kind::Proxy,
            () if qjs::JS_IsArray(raw) => Kind::Array,
            () if value.is_function() => Kind::Function,
            () if qjs::JS_IsError(raw) => Kind::Error,
            () if qjs::JS_IsPromise(raw) => Kind::Promise,
            () if qjs::JS_IsDate(raw) => Kind::Date,
            () if qjs::JS_IsRegExp(raw) => Kind::RegExp,
            () if qjs::JS_IsMap(raw) => Kind::Map,
            () if qjs::JS_IsSet(raw) => Kind::Set,
            () if qjs::JS_IsArrayBuffer(raw) || qjs::JS_GetTypedArrayType(raw) >= 0 => Kind::Bytes,
            () => Kind::Plain,
        }
    }
}
