//! Reads properties of objects that a script may have made to surprise.

use rquickjs::{Object, Value};

use crate::ffi::{self, Property};
use crate::{json, state};

/// The longest message of an error, in bytes. The host cuts it to 4 KiB.
const MAX_MESSAGE: usize = 8 << 10;

/// Returns an own property without running a getter.
pub(crate) fn own_value<'js>(object: &Object<'js>, name: &str) -> Option<Value<'js>> {
    match ffi::own_property(object, name) {
        Ok(Some(Property::Value(value))) => Some(value),
        Ok(_) => None,
        Err(_) => {
            object.ctx().catch();
            None
        }
    }
}

/// Returns an own property that is a string.
pub(crate) fn own_text(object: &Object<'_>, name: &str) -> Option<String> {
    own_value(object, name).filter(|value| value.is_string()).and_then(|value| ffi::text(&value).ok())
}

/// Returns a property that is a string, own or inherited.
pub(crate) fn text_of(object: &Object<'_>, name: &str) -> Option<String> {
    match object.get::<_, Value<'_>>(name) {
        Ok(value) if value.is_string() => ffi::text(&value).ok(),
        Ok(_) => None,
        Err(_) => {
            object.ctx().catch();
            None
        }
    }
}

/// Whether an object is an Error or a DOMException, which is of another class of the engine.
pub(crate) fn is_error(object: &Object<'_>) -> bool {
    let is_dom_exception = || {
        let is = state::prelude_function(object.ctx(), "isDOMException")
            .and_then(|is| is.call::<_, bool>((object.clone(),)));
        is.map_err(|_| object.ctx().catch()).unwrap_or(false)
    };
    match ffi::kind(object.as_value()) {
        ffi::Kind::Error => true,
        ffi::Kind::Plain => is_dom_exception(),
        _ => false,
    }
}

/// Returns the stack trace of an error: what the script made it, else the engine's own, whose accessor a script can replace.
pub(crate) fn stack_of(error: &Object<'_>) -> String {
    if let Some(stack) = own_text(error, "stack") {
        return stack;
    }
    let stack =
        state::prelude_function(error.ctx(), "stackText").and_then(|of| of.call::<_, Value<'_>>((error.clone(),)));
    match stack {
        Ok(stack) if stack.is_string() => ffi::text(&stack).unwrap_or_default(),
        Ok(_) => String::new(),
        Err(_) => {
            error.ctx().catch();
            String::new()
        }
    }
}

/// Returns `Name: message`, as `String(error)` does where the script has not changed that.
pub(crate) fn summary(error: &Object<'_>) -> String {
    let name = text_of(error, "name").unwrap_or_else(|| "Error".into());
    let mut message = own_text(error, "message").or_else(|| text_of(error, "message")).unwrap_or_default();
    json::cut(&mut message, MAX_MESSAGE);
    match (name.is_empty(), message.is_empty()) {
        (true, _) => message,
        (false, true) => name,
        (false, false) => format!("{name}: {message}"),
    }
}
