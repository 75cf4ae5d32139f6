//! What scripts throw: its message, its place, and what it says about another attempt.

use rquickjs::{Ctx, Exception, Object, Value};

use crate::bindings::saggar::script::source;
use crate::bindings::saggar::task::types::Problem;
use crate::ffi;
use crate::inspect::inspect;
use crate::json::{self, JsonObject};
use crate::memory;
use crate::problem::{Decision, Thrown};
use crate::properties::{is_error, own_text, own_value, stack_of, summary};
use crate::stack::{self, Place};

/// The largest message, in bytes. The host cuts it to 4 KiB.
const MAX_MESSAGE: usize = 8 << 10;
/// The largest stack trace, in bytes. The host drops details of more than 64 KiB.
const MAX_STACK: usize = 16 << 10;
/// The largest quoted line, in bytes.
const MAX_LINE: usize = 1 << 10;

/// Global names that other hosts of JavaScript have, and what to say to scripts that use them.
const ABSENT: [(&str, &str); 12] = [
    ("process", "this is not Node: `Env.get` returns the variables of the task"),
    ("require", "there are no packages: use `import` with a relative path to a file below `scripts/`"),
    ("module", "this is not CommonJS: functions of a script are global, functions of a module are exported"),
    ("exports", "this is not CommonJS: functions of a script are global, functions of a module are exported"),
    ("Buffer", "use Uint8Array, TextEncoder, TextDecoder, atob and btoa"),
    ("__dirname", "`File` has the directories of the task"),
    ("__filename", "`File` has the directories of the task"),
    ("XMLHttpRequest", "use `fetch`"),
    ("WebSocket", "there are no connections that stay open; `fetch` sends requests"),
    ("window", "this is not a browser; the global object is `globalThis`"),
    ("document", "this is not a browser"),
    ("Deno", "this is neither Deno nor Node"),
];

/// Takes the exception that is pending.
pub(crate) fn take(ctx: &Ctx<'_>, error: rquickjs::Error) -> Thrown {
    if !error.is_exception() {
        // An error of rquickjs's own, such as too few arguments, becomes an exception.
        Exception::throw_internal(ctx, &error.to_string());
    }
    let value = ctx.catch();
    memory::give_up_if_refused(&value);
    thrown(&value)
}

/// Returns the failure that a thrown value means.
pub(crate) fn thrown(value: &Value<'_>) -> Thrown {
    let Some(error) = value.as_object().filter(|object| is_error(object)) else {
        return not_an_error(value);
    };
    if let Some(decision) = decision(error) {
        return decided(error, decision);
    }
    let trace = stack_of(error);
    let place = stack::place(&trace);
    let mut message = summary(error);
    if let Some(hint) = hint(&message) {
        message = format!("{message}; {hint}");
    }
    if let Some(place) = &place {
        message = format!("{message} ({}:{}:{})", place.file, place.line, place.column);
    }
    json::cut(&mut message, MAX_MESSAGE);
    let code = own_text(error, "code").filter(|code| is_kebab_case(code)).unwrap_or_else(|| "exception".into());
    let problem = Problem { code, message, details: details(error, place.as_ref(), &trace) };
    Thrown { decision: Decision::Retry, problem }
}

/// Returns one line for a log: what was thrown and where.
pub(crate) fn describe(value: &Value<'_>) -> String {
    thrown(value).problem.message
}

fn not_an_error(value: &Value<'_>) -> Thrown {
    let mut shown = inspect(value);
    json::cut(&mut shown, MAX_LINE);
    let message = format!("the script threw {shown}, which is not an Error and does not say where it was thrown");
    let problem = Problem { code: "exception".into(), message, details: None };
    Thrown { decision: Decision::Retry, problem }
}

/// Returns what an error made by `Reject` or `Retry` decides; `None` for other errors.
fn decision(error: &Object<'_>) -> Option<Decision> {
    match own_text(error, "saggar:failure")?.as_str() {
        "reject" => Some(Decision::Reject),
        _ => match own_value(error, "afterMs").and_then(|after| after.as_number()) {
            // The constructor has checked the range.
            Some(after_ms) => Some(Decision::RetryAfter(after_ms as u64)),
            None => Some(Decision::Retry),
        },
    }
}

fn decided(error: &Object<'_>, decision: Decision) -> Thrown {
    let mut message = own_text(error, "message").unwrap_or_default();
    json::cut(&mut message, MAX_MESSAGE);
    let details = own_value(error, "details").filter(|details| !details.is_undefined()).and_then(|details| {
        let ctx = error.ctx();
        match ctx.json_stringify(details) {
            Ok(text) => ffi::text(text?.as_value()).ok(),
            Err(_) => Some(json::quote(&format!("the details are not JSON: {}", describe(&ctx.catch())))),
        }
    });
    let code = own_text(error, "code").unwrap_or_else(|| "exception".into());
    Thrown { decision, problem: Problem { code, message, details } }
}

fn details(error: &Object<'_>, place: Option<&Place>, trace: &str) -> Option<String> {
    let mut object = JsonObject::default();
    if let Some(place) = place {
        object =
            object.text("file", &place.file).number("line", place.line.into()).number("column", place.column.into());
        if let Some(mut line) = source::line(&place.file, place.line) {
            json::cut(&mut line, MAX_LINE);
            object = object.text("source", &line);
        }
    }
    let mut trace = stack::without_own_lines(trace);
    json::cut(&mut trace, MAX_STACK);
    if let Some(cause) = own_value(error, "cause").filter(|cause| !cause.is_undefined()) {
        let mut cause = match cause.as_object().filter(|cause| is_error(cause)) {
            Some(cause) => summary(cause),
            None => inspect(&cause),
        };
        json::cut(&mut cause, MAX_MESSAGE);
        object = object.text("cause", &cause);
    }
    Some(object.text("stack", &trace).finish())
}

/// Explains a ReferenceError for a name that other hosts have.
fn hint(message: &str) -> Option<&'static str> {
    let name = message.strip_prefix("ReferenceError: ")?.strip_suffix(" is not defined")?.trim_matches('\'');
    ABSENT.into_iter().find(|(absent, _)| *absent == name).map(|(_, hint)| hint)
}

/// Whether a text is made of lower-case words with hyphens between them, as codes are.
pub(crate) fn is_kebab_case(text: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.len() <= 64 && text.starts_with(|first: char| first.is_ascii_lowercase()) && text.split('-').all(is_word)
}
