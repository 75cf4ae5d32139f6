//! Promises that were rejected and that nothing handles.

use std::cell::RefCell;

use rquickjs::{Ctx, Persistent, Value};

use crate::ffi;

/// Rejected promises that are remembered until the end of the call.
const MAX_REJECTIONS: usize = 16;

/// A promise without a handler, and what it was rejected with.
type Rejection = (Persistent<Value<'static>>, Persistent<Value<'static>>);

thread_local! {
    static REJECTIONS: RefCell<Vec<Rejection>> = const { RefCell::new(Vec::new()) };
}

/// Remembers rejections that nothing handles: the engine calls this when a promise is rejected without a handler, and again when
/// it gets one.
pub(crate) fn track<'js>(ctx: Ctx<'js>, promise: Value<'js>, reason: Value<'js>, is_handled: bool) {
    if is_handled {
        remove(&promise);
        return;
    }
    let rejection = (Persistent::save(&ctx, promise), Persistent::save(&ctx, reason));
    REJECTIONS.with_borrow_mut(|rejections| {
        if rejections.len() < MAX_REJECTIONS {
            rejections.push(rejection);
        }
    });
}

/// Forgets the rejection of a promise that the runner itself handles, now and later.
pub(crate) fn forget(promise: &Value<'_>) {
    // The engine calls `track` from here if the promise was rejected already.
    ffi::mark_handled(promise);
    remove(promise);
}

fn remove(promise: &Value<'_>) {
    let same = |saved: &Persistent<Value<'static>>| saved.clone().restore(promise.ctx()).is_ok_and(|it| it == *promise);
    REJECTIONS.with_borrow_mut(|rejections| rejections.retain(|(saved, _)| !same(saved)));
}

/// Returns what the remembered promises were rejected with, and forgets them.
pub(crate) fn take() -> Vec<Persistent<Value<'static>>> {
    REJECTIONS.take().into_iter().map(|(_, reason)| reason).collect()
}
