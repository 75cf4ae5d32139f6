//! Explains errors that wasmtime returns: which limit was exceeded or how the guest ended, with the number and what to
//! do.

use std::collections::BTreeSet;

use saggar_job::{FailureKind, Problem};
use saggar_tenant::Quota;
use serde_json::{Map, Value};
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::FieldMapError;

use super::{FinishedCall, MAX_MESSAGE};
use crate::CallError;
use crate::config::MAX_FRAMES;
use crate::guest::{MAX_RANDOM, ResourcesTooLarge};
use crate::http_context::MAX_FIELDS;
use crate::instance::MAX_TRANSFER;
use crate::limiter::{MAX_TABLE_ENTRIES, Refused};
use crate::output::OutputTail;
use crate::resources::{MAX_HANDLES, MAX_RESOURCES};
use crate::text::{cut, escaped_lines};

/// KiB of a guest's stack: wasmtime's default.
const STACK_KIB: usize = 512;

/// Advice for a stack overflow.
const RECURSION: &str = "recurse less deeply, or keep pending work in a list";

/// The code of problems whose cause is a tenant's quota.
const QUOTA_EXCEEDED: &str = "quota-exceeded";

/// Errors of the engine that have no type of their own, recognized by a part of their text. Tests provoke each of them.
const FUEL_TEXT: &str = "fuel allocated for hostcalls has been exhausted";
const HANDLES_TEXT: &str = "store handle limit exceeded";
const RANDOM_TEXT: &str = "exceeds limit";
const MINIMUM_TEXT: &str = "minimum size of";

/// Explains `error`.
pub(super) fn explain(error: &wasmtime::Error, call: &FinishedCall<'_>) -> CallError {
    if error.is::<PoolConcurrencyLimitError>() {
        return CallError::NoCapacity(Problem::new("no-capacity", format!("the pool of sandboxes is full: {error}")));
    }
    if lacks_first_memory(error, call) {
        return CallError::NoCapacity(Problem::new(QUOTA_EXCEEDED, out_of_memory(call)));
    }
    let backtrace = backtrace(error);
    if ran_out_of_memory(error, call) {
        let is_quota = matches!(refused(call), Some(Refused::Quota { .. }));
        let code = if is_quota { QUOTA_EXCEEDED } else { "out-of-memory" };
        let problem = Problem::new(code, out_of_memory(call));
        return CallError::failed(FailureKind::OutOfMemory, with_details(problem, backtrace, call));
    }
    let (code, message) = name(error, &backtrace, call);
    CallError::failed(FailureKind::Trap, with_details(Problem::new(code, message), backtrace, call))
}

fn refused(call: &FinishedCall<'_>) -> Option<Refused> {
    call.guest.limiter.refusal().map(|refusal| refusal.why)
}

/// Returns whether the instance could not be created because other sandboxes of the tenant hold the memory, so that it
/// may be possible later.
fn lacks_first_memory(error: &wasmtime::Error, call: &FinishedCall<'_>) -> bool {
    let Some(Refused::Quota { more, limit, others: 1.. }) = refused(call) else { return false };
    let is_possible = call.guest.limiter.bytes().saturating_add(more) <= limit;
    is_possible && error.downcast_ref::<Trap>().is_none() && error.root_cause().to_string().contains(MINIMUM_TEXT)
}

/// Returns whether a refusal of memory ended the call: the guest called no import of the contract after it, read no
/// clock and no random bytes, and then failed.
fn ran_out_of_memory(error: &wasmtime::Error, call: &FinishedCall<'_>) -> bool {
    if error.is::<ResourcesTooLarge>() {
        return true;
    }
    let Some(refusal) = call.guest.limiter.refusal() else { return false };
    let gave_up = match error.downcast_ref::<Trap>() {
        // Aborts, and accesses through pointers computed from a failed allocation.
        Some(trap) => matches!(trap, Trap::UnreachableCodeReached | Trap::MemoryOutOfBounds | Trap::TableOutOfBounds),
        None => match error.downcast_ref() {
            Some(I32Exit(status)) => *status != 0,
            // The instance could not be created, because its initial size exceeds the limit.
            None => error.root_cause().to_string().contains(MINIMUM_TEXT),
        },
    };
    gave_up && !shows_another_cause(call.output_tail, refusal.at)
}

/// Returns whether the guest's output after the refusal shows another cause of the failure. Runtimes write the cause of
/// a failure to standard error, whether it is missing memory or another one.
fn shows_another_cause(output_tail: &OutputTail, refused_at: std::time::Instant) -> bool {
    let OutputTail { stderr, stdout_at } = output_tail;
    let mut later =
        stderr.iter().filter(|(at, _)| *at >= refused_at).map(|(_, line)| line.to_ascii_lowercase()).peekable();
    let wrote_later = later.peek().is_some();
    let mentions_memory = later.any(|line| line.contains("memory") || line.contains("alloc"));
    (wrote_later && !mentions_memory) || (!wrote_later && stdout_at.is_some_and(|at| at >= refused_at))
}

fn out_of_memory(call: &FinishedCall<'_>) -> String {
    let limiter = &call.guest.limiter;
    let (bytes, most) = (limiter.bytes(), limiter.max_bytes());
    let limit = match refused(call) {
        Some(Refused::Memory(total)) => format!(
            "it asked for {total} bytes in all, holds {bytes}, and `sandbox.memory` allows {most}; raise `sandbox.memory`, or \
             use less"
        ),
        Some(Refused::TableEntries(total)) => {
            format!(
                "it asked for {total} table entries in all; at most {MAX_TABLE_ENTRIES} are allowed; keep fewer references to \
                 functions, or split the component"
            )
        }
        Some(Refused::OwnMaximum(maximum)) => format!(
            "it asked for more than the maximum of {maximum} that its memory or table has; it holds {bytes} of the {most} bytes \
             of `sandbox.memory`; build it with a larger maximum, or use less"
        ),
        Some(Refused::Quota { more, limit, others }) => format!(
            "it asked for {more} bytes beside the {bytes} that it holds, other sandboxes of the tenant hold {others}, and the \
             tenant's quota `memory` is {limit}; run fewer jobs at a time, use less, or have the quota raised"
        ),
        Some(Refused::System) => {
            format!(
                "the operating system refused memory to the host; the guest holds {bytes} of {most} bytes; give the host more \
                 memory, or run fewer jobs at a time"
            )
        }
        None => format!("it holds {bytes} of the {most} bytes of `sandbox.memory`"),
    };
    format!("the guest ran out of memory: {limit}{}", reuse_hint(call))
}

/// Returns the end of a message about an instance that was not fresh.
fn reuse_hint(call: &FinishedCall<'_>) -> String {
    match call.served {
        0 => String::new(),
        1 => "; its instance had served 1 call before, and the next attempt gets a fresh one".to_owned(),
        served => format!("; its instance had served {served} calls before, and the next attempt gets a fresh one"),
    }
}

/// Returns the code and message of a trap that was not caused by missing memory.
fn name(error: &wasmtime::Error, backtrace: &[String], call: &FinishedCall<'_>) -> (&'static str, String) {
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return ("exit", exit(*status));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return match trap {
            Trap::UnreachableCodeReached => ("trap", format!("the guest aborted ({trap}){}", output_tail_hint(call))),
            Trap::StackOverflow => {
                ("stack-overflow", format!("the guest used up its stack of {STACK_KIB} KiB; {RECURSION}"))
            }
            Trap::MemoryOutOfBounds if is_deep_recursion(backtrace) => (
                "stack-overflow",
                format!("the guest used up the stack in its own memory ({trap} in a deep recursion); {RECURSION}"),
            ),
            trap => ("trap", format!("the guest failed: {trap}")),
        };
    }
    if is_out_of_resources(error) {
        let message = format!(
            "the guest holds {MAX_RESOURCES} resources of WASI (streams, pollables, requests, …), the maximum; drop those \
             that are no longer needed{}",
            reuse_hint(call)
        );
        return ("handle-limit", message);
    }
    let text = error.root_cause().to_string();
    if text.contains(HANDLES_TEXT) {
        let message = format!(
            "the guest's components hold {MAX_HANDLES} handles, the maximum; drop those that are no longer needed{}",
            reuse_hint(call)
        );
        return ("handle-limit", message);
    }
    if text.contains(FUEL_TEXT) {
        // When the answer is read, no guest code is on the stack.
        return too_large(backtrace.is_empty());
    }
    if text.starts_with("requested len") && text.contains(RANDOM_TEXT) {
        let message =
            format!("the guest asked for more than {MAX_RANDOM} random bytes at once; ask for them in pieces");
        return ("random-limit", message);
    }
    if error.root_cause().downcast_ref::<FieldMapError>().is_some() {
        let message = format!("the guest made HTTP fields of more than {MAX_FIELDS} bytes; send fewer or shorter ones");
        return ("fields-too-large", message);
    }
    ("trap", escaped_lines(cut(&text, MAX_MESSAGE)).into_owned())
}

fn too_large(guest_had_returned: bool) -> (&'static str, String) {
    let most = format!("more than the maximum of {MAX_TRANSFER} bytes (4 MiB)");
    if guest_had_returned {
        let message = format!("the response has {most}; store it elsewhere and return its location");
        ("response-too-large", message)
    } else {
        ("argument-too-large", format!("the guest called an import with arguments of {most}; pass less at once"))
    }
}

/// Returns whether the backtrace consists of calls of a few functions. Compilers store values that need an address on a
/// second stack in the guest's memory, which usually ends where that memory ends.
fn is_deep_recursion(backtrace: &[String]) -> bool {
    let functions: BTreeSet<&String> = backtrace.iter().collect();
    backtrace.len() >= MAX_FRAMES && functions.len() <= MAX_FRAMES / 4
}

/// Explains a call of `exit`. WASI 0.2 passes to the host only whether the guest succeeded.
fn exit(status: i32) -> String {
    let how = if status == 0 { "exit(0)" } else { "exit with a failure (WASI 0.2 does not pass on its number)" };
    format!("the guest called {how} instead of returning; return a response or a failure instead")
}

fn output_tail_hint(call: &FinishedCall<'_>) -> &'static str {
    if call.output_tail.stderr.is_empty() { "" } else { "; the details have its last lines on standard error" }
}

fn is_out_of_resources(error: &wasmtime::Error) -> bool {
    matches!(error.root_cause().downcast_ref(), Some(ResourceTableError::Full))
        || matches!(error.downcast_ref(), Some(ResourceTableError::Full))
}

/// Returns the names of the guest's functions on the stack, innermost first. The guest chose these names.
fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let names = backtrace.frames().iter().map(|frame| match frame.func_name() {
        Some(name) => escaped_lines(cut(name, 200)).into_owned(),
        None => format!("function {}", frame.func_index()),
    });
    names.collect()
}

/// Adds the backtrace and the last lines of standard error, if any, to the details.
pub(super) fn with_details(mut problem: Problem, backtrace: Vec<String>, call: &FinishedCall<'_>) -> Problem {
    let stderr: Vec<String> = call.output_tail.stderr.iter().map(|(_, line)| line.clone()).collect();
    let mut details: Map<String, Value> = [("backtrace", backtrace), ("stderr", stderr)]
        .into_iter()
        .filter(|(_, lines)| !lines.is_empty())
        .map(|(name, lines)| (name.to_owned(), lines.into()))
        .collect();
    if problem.code == QUOTA_EXCEEDED {
        details.insert("quota".to_owned(), Quota::Memory.name().into());
    }
    if !details.is_empty() {
        problem.details = Some(Value::Object(details).to_string());
    }
    problem
}
