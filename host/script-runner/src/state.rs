//! What an instance remembers between calls and across the engine's callbacks.
//!
//! WebAssembly has one thread here. No borrow is held while JavaScript runs: a callback may need the same state.

use std::cell::{Cell, RefCell};

use rquickjs::{Ctx, Error, Exception, Function, Object, Persistent, Result};

use crate::bindings::saggar::task::context;

/// The largest integer that a JavaScript number holds exactly together with its neighbours: 2^53 - 1.
pub(crate) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// What the instance is doing. Host functions work only while a job's call runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The snapshot is being made.
    Preparing,
    /// A script is being compiled.
    Compiling,
    /// The compiled script is being asked for its functions, with a `throw` before its first statement.
    Probing,
    /// A call of a role runs.
    Running,
}

/// Which of the contract's functions is called, and for which job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Role {
    /// The job's id; 0 if it has none yet.
    pub(crate) id: u64,
    /// The name of the role in the keys of added jobs; `None` if its calls are not repeated identically.
    pub(crate) name: Option<&'static str>,
}

/// The job of the current call.
#[derive(Debug)]
struct CurrentJob {
    role: Role,
    /// Jobs that the call has added so far.
    adds: u64,
    /// The id of its task, once it was asked for.
    task: Option<String>,
    /// Whether the log has the warning about progress under another task's name.
    has_warned: bool,
}

thread_local! {
    static PHASE: Cell<Phase> = const { Cell::new(Phase::Preparing) };
    /// The object that the prelude's files were called with.
    static PRELUDE: RefCell<Option<Persistent<Object<'static>>>> = const { RefCell::new(None) };
    static JOB: RefCell<CurrentJob> = const { RefCell::new(CurrentJob::of(Role { id: 0, name: None })) };
    /// Whether the top level of the script runs.
    static IS_AT_TOP_LEVEL: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn phase() -> Phase {
    PHASE.get()
}

pub(crate) fn set_phase(phase: Phase) {
    PHASE.set(phase);
}

/// Throws unless a call of a role runs: nothing of the host may be called while a script is compiled.
pub(crate) fn require_running(ctx: &Ctx<'_>, what: &str) -> Result<()> {
    if phase() == Phase::Running {
        return Ok(());
    }
    Err(Exception::throw_message(ctx, &format!("`{what}` cannot be used while the script is compiled")))
}

impl CurrentJob {
    const fn of(role: Role) -> Self {
        Self { role, adds: 0, task: None, has_warned: false }
    }
}

/// Begins a call.
pub(crate) fn begin_call(role: Role) {
    set_phase(Phase::Running);
    JOB.replace(CurrentJob::of(role));
}

pub(crate) fn job_id() -> u64 {
    JOB.with_borrow(|job| job.role.id)
}

/// Whether `task`, in any case, is the task of the current job.
pub(crate) fn is_own_task(task: &str) -> bool {
    JOB.with_borrow_mut(|job| job.task.get_or_insert_with(context::task).eq_ignore_ascii_case(task))
}

/// Returns the id of the current job's task.
pub(crate) fn own_task() -> String {
    JOB.with_borrow_mut(|job| job.task.get_or_insert_with(context::task).clone())
}

/// Says whether the top level of the script runs.
pub(crate) fn set_at_top_level(is_at_top_level: bool) {
    IS_AT_TOP_LEVEL.set(is_at_top_level);
}

/// Returns the number of the next job that the call adds, from 0, and its idempotency key: the call's job and role, and this
/// number. They are the same when an attempt is retried or a handler is called again, so that no job is added twice.
///
/// `None` if the call is not repeated identically, as calls of `next` and of the progress handler. The top level runs only in
/// the first call of an instance, so that what it adds has no place in the order of the call's adds.
pub(crate) fn next_key() -> Option<(u64, String)> {
    if IS_AT_TOP_LEVEL.get() {
        return None;
    }
    JOB.with_borrow_mut(|job| {
        let number = job.adds;
        job.adds += 1;
        let name = job.role.name.filter(|_| job.role.id > 0)?;
        let task = job.task.get_or_insert_with(context::task);
        Some((number, format!("{task}/{}/{name}/{number}", job.role.id)))
    })
}

/// Whether this is the first time in the current call that the caller warns about another task's name.
pub(crate) fn warns_first_time() -> bool {
    JOB.with_borrow_mut(|job| !std::mem::replace(&mut job.has_warned, true))
}

/// Remembers the object that the prelude's files were called with.
pub(crate) fn set_prelude(native: Persistent<Object<'static>>) {
    PRELUDE.set(Some(native));
}

/// Returns a function of the prelude, which the script cannot have replaced.
pub(crate) fn prelude_function<'js>(ctx: &Ctx<'js>, name: &str) -> Result<Function<'js>> {
    let native = PRELUDE.with_borrow(Clone::clone).ok_or(Error::Unknown)?;
    native.restore(ctx)?.get(name)
}
