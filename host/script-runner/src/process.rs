//! `Process(name, …)`: what a script asks of tasks.

use rquickjs::{Ctx, Exception, Object, Result, Value};

use crate::bindings::saggar::task::log::{self, Level};
use crate::bindings::saggar::task::progress;
use crate::bindings::saggar::task::tasks::{self, Status};
use crate::bindings::saggar::task::types::Problem;
use crate::host_function::{argument, define};
use crate::inspect::inspect;
use crate::json::{self, JsonObject};
use crate::properties::own_value;
use crate::state::MAX_SAFE_INTEGER;
use crate::{ffi, state};

const KNOWN: &str = "`tasks.<id>.add`, `tasks.<id>.addLater`, `tasks.<id>.addWith`, `tasks.<id>.get`, `tasks.<id>.progress` and \
                     `tasks.<id>.cancel`";

/// The largest message of progress that is passed on, in bytes. The host cuts it to 1 KiB.
const MAX_MESSAGE: usize = 2 << 10;

/// Adds `process` to the prelude's object.
pub(crate) fn install(native: &Object<'_>) -> Result<()> {
    define(native, "process", process)
}

fn process<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    state::require_running(ctx, "Process")?;
    let name = argument(ctx, arguments, 0);
    let Some(name) = name.as_string().map(|name| ffi::text(name.as_value())).transpose()? else {
        let message =
            format!("the first argument of Process is a name such as 'tasks.test.add', not {}", inspect(&name));
        return Err(Exception::throw_type(ctx, &message));
    };
    let arguments = &arguments[1..];
    let Some((task, method)) = split(&name) else { return Err(unknown(ctx, &name)) };
    match method.as_str() {
        "add" => {
            let args = json_array(arguments)?;
            let (number, options) = position(None);
            added(ctx, task, number, tasks::add_with(task, &args, &options))
        }
        "addlater" => {
            let delay_ms = whole_number(ctx, &argument(ctx, arguments, 0), "the delay in milliseconds")?;
            let args = json_array(arguments.get(1..).unwrap_or_default())?;
            let (number, options) = position(Some(delay_ms));
            added(ctx, task, number, tasks::add_with(task, &args, &options))
        }
        "addwith" => {
            let options = json_of(&argument(ctx, arguments, 0))?;
            let args = json_array(arguments.get(1..).unwrap_or_default())?;
            let (number, options) = with_position(ctx, options)?;
            added(ctx, task, number, tasks::add_with(task, &args, &options))
        }
        "get" => {
            let id = job_id(ctx, &argument(ctx, arguments, 0))?;
            let job = tasks::get(task, id).map_err(|problem| throw(ctx, &problem))?;
            ctx.json_parse(describe(&job))
        }
        // The document has both names.
        "progress" | "process" => report(ctx, task, arguments),
        "cancel" => {
            let id = job_id(ctx, &argument(ctx, arguments, 0))?;
            tasks::cancel(task, id).map_err(|problem| throw(ctx, &problem))?;
            Ok(Value::new_undefined(ctx.clone()))
        }
        _ => Err(unknown(ctx, &name)),
    }
}

/// Splits `tasks.<id>.<method>`; an id may have dots. The method is in lower case.
fn split(name: &str) -> Option<(&str, String)> {
    let (group, rest) = name.split_once('.')?;
    let (task, method) = rest.rsplit_once('.')?;
    (group.eq_ignore_ascii_case("tasks") && !task.is_empty()).then(|| (task, method.to_ascii_lowercase()))
}

fn unknown(ctx: &Ctx<'_>, name: &str) -> rquickjs::Error {
    throw_with_code(ctx, "unknown-process", &format!("there is no process `{name}`; there are {KNOWN}"))
}

/// Returns the options of a job without any of the script's own: the key of its position in the call. `number` is its position,
/// if it has a key.
fn position(delay_ms: Option<u64>) -> (Option<u64>, String) {
    let key = state::next_key();
    let mut options = JsonObject::default();
    if let Some((_, key)) = &key {
        options = options.text("key", key);
    }
    if let Some(delay_ms) = delay_ms {
        options = options.number("delay_ms", delay_ms);
    }
    (key.map(|(number, _)| number), options.finish())
}

/// Adds the key of the job's position to a script's options, unless they have a key; `null` means none.
fn with_position(ctx: &Ctx<'_>, options: String) -> Result<(Option<u64>, String)> {
    // Each add counts as a position, even if it does not use the position's key.
    let key = state::next_key();
    // Parsed again, because `toJSON` may have made other options than those that the script passed.
    let parsed = ctx.json_parse(options.as_str())?;
    let Some(object) = parsed.as_object().filter(|_| !parsed.is_array()) else {
        // The host says what options are.
        return Ok((None, options));
    };
    match own_value(object, "key") {
        Some(own) if own.is_null() => {
            object.remove("key")?;
            Ok((None, json_of(&parsed)?))
        }
        Some(_) => Ok((None, options)),
        None => {
            if let Some((_, key)) = &key {
                ffi::define(object, "key", key)?;
            }
            Ok((key.map(|(number, _)| number), json_of(&parsed)?))
        }
    }
}

/// Returns the new job's id; 0 if the task refused it, as the document says. What can only be a mistake in the script throws.
/// `number` is the job's position in the call, if that made its key.
fn added<'js>(
    ctx: &Ctx<'js>,
    task: &str,
    number: Option<u64>,
    added: std::result::Result<u64, Problem>,
) -> Result<Value<'js>> {
    let problem = match added {
        Ok(id) if id <= MAX_SAFE_INTEGER => return Ok(Value::new_number(ctx.clone(), id as f64)),
        Ok(id) => {
            let message = format!(
                "the job was added, but its id {id} is above 2^53 - 1, so that a JavaScript number cannot hold it"
            );
            return Err(throw_with_code(ctx, "id-too-large", &message));
        }
        Err(problem) => problem,
    };
    if ["unknown-task", "invalid-options"].contains(&problem.code.as_str()) {
        return Err(throw(ctx, &problem));
    }
    let why = match number {
        Some(number) if problem.code == "key-reused" => format!(
            "job number {number} (from 0) that this call adds differs from the one that the same call added before, which is kept: \
             add the same jobs in the same order each time, or use `addWith` with a `key` of your own or `null`; {}",
            problem.message
        ),
        _ => problem.message,
    };
    log::write(Level::Warn, &format!("tasks.{task}.add answers 0: {why} ({})", problem.code));
    Ok(Value::new_int(ctx.clone(), 0))
}

fn report<'js>(ctx: &Ctx<'js>, task: &str, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let id = job_id(ctx, &argument(ctx, arguments, 0))?;
    if id != state::job_id() {
        let message = format!(
            "progress of job {id} cannot be reported: a script reports the progress of the job that it runs for, {}",
            state::job_id()
        );
        return Err(throw_with_code(ctx, "other-job", &message));
    }
    if !state::is_own_task(task) && state::warns_first_time() {
        let own = state::own_task();
        let message =
            format!("progress of `tasks.{task}` with the id of this job counts as this job's: its task is `{own}`");
        log::write(Level::Warn, &message);
    }
    let current = amount(ctx, &argument(ctx, arguments, 1), "current")?;
    let total = amount(ctx, &argument(ctx, arguments, 2), "total")?;
    let message = argument(ctx, arguments, 3);
    let mut message = if message.is_undefined() || message.is_null() { String::new() } else { ffi::text(&message)? };
    json::cut(&mut message, MAX_MESSAGE);
    progress::report(current, total, &message);
    Ok(Value::new_undefined(ctx.clone()))
}

/// Returns the document's object, with `current` under both of its names.
fn describe(job: &tasks::Job) -> String {
    let status = match job.status {
        Status::Waiting => "WAITING",
        Status::Running => "RUNNING",
        Status::Success => "SUCCESS",
        Status::Failure => "FAILURE",
    };
    JsonObject::default()
        .number("id", job.id)
        .text("status", status)
        .number("current", job.current)
        .number("curr", job.current)
        .number("total", job.total)
        .text("message", &job.message)
        .raw("response", job.response.as_deref().unwrap_or("null"))
        .finish()
}

/// Returns arguments as a JSON array; each is written by itself, so that no property of arrays that a script changed counts.
fn json_array(arguments: &[Value<'_>]) -> Result<String> {
    let mut array = String::from("[");
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            array.push(',');
        }
        array.push_str(&json_of(argument)?);
    }
    array.push(']');
    Ok(array)
}

/// Returns a value as JSON; `undefined` and functions are `null`.
fn json_of(value: &Value<'_>) -> Result<String> {
    match value.ctx().json_stringify(value.clone())? {
        Some(text) => ffi::text(text.as_value()),
        None => Ok("null".into()),
    }
}

/// Reads a job's id: a number, or its digits as a string.
fn job_id(ctx: &Ctx<'_>, value: &Value<'_>) -> Result<u64> {
    whole_number(ctx, value, "the job's id")
}

pub(crate) fn whole_number(ctx: &Ctx<'_>, value: &Value<'_>, what: &str) -> Result<u64> {
    let is_whole = |number: &f64| number.fract() == 0.0 && *number >= 0.0 && *number <= MAX_SAFE_INTEGER as f64;
    let number = match value.as_string() {
        Some(digits) => ffi::text(digits.as_value())?.parse::<u64>().ok().filter(|number| *number <= MAX_SAFE_INTEGER),
        None => value.as_number().filter(is_whole).map(|number| number as u64),
    };
    let message = || format!("{what} is a whole number from 0 to 2^53 - 1, not {}", inspect(value));
    number.ok_or_else(|| Exception::throw_type(ctx, &message()))
}

/// Reads an amount of progress; fractions are cut off.
fn amount(ctx: &Ctx<'_>, value: &Value<'_>, name: &str) -> Result<u64> {
    match value.as_number() {
        Some(amount) if amount >= 0.0 && amount.is_finite() => Ok(amount as u64),
        _ => {
            let message = format!("`{name}` of progress is a number that is not negative, not {}", inspect(value));
            Err(Exception::throw_type(ctx, &message))
        }
    }
}

/// Throws the host's problem as an Error with its code.
pub(crate) fn throw(ctx: &Ctx<'_>, problem: &Problem) -> rquickjs::Error {
    throw_with_code(ctx, &problem.code, &problem.message)
}

/// Throws an Error with a code, which becomes the problem's if the script does not catch it.
pub(crate) fn throw_with_code(ctx: &Ctx<'_>, code: &str, message: &str) -> rquickjs::Error {
    let error = Exception::throw_message(ctx, message);
    let value = ctx.catch();
    if let Some(object) = value.as_object() {
        // The new error has no such property yet, and a setter that the script put above it must not see it.
        if let Err(error) = ffi::define(object, "code", code) {
            return error;
        }
    }
    ctx.throw(value);
    error
}
