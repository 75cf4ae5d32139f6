//! The running call: its role, and the position of the next job that it adds.
//!
//! The host repeats a call when an attempt is retried, or when it does not know whether a handler was called. An added
//! job has the same position (job, role, number of the add) each time, so the position serves as its idempotency key.

use std::cell::Cell;

use crate::host;

#[derive(Debug, Clone, Copy)]
struct CurrentCall {
    role: &'static str,
    /// Jobs added so far.
    adds: u64,
}

thread_local! {
    static CURRENT: Cell<Option<CurrentCall>> = const { Cell::new(None) };
}

/// Runs a call of `role`; `None` for roles whose calls are not repeated identically.
pub(crate) fn run<T>(role: Option<&'static str>, call: impl FnOnce() -> T) -> T {
    let outer = CURRENT.replace(role.map(|role| CurrentCall { role, adds: 0 }));
    let result = call();
    CURRENT.set(outer);
    result
}

/// Returns the idempotency key of the next added job, and the index of that job among those that the call adds.
/// `None` if the running job has no id yet, or if the host does not repeat the call identically.
pub(crate) fn next_key() -> Option<(String, u64)> {
    let call = CURRENT.get()?;
    CURRENT.set(Some(CurrentCall { adds: call.adds + 1, ..call }));
    let id = host::id();
    (id > 0).then(|| (format!("{}/{id}/{}/{}", host::task(), call.role, call.adds), call.adds))
}
