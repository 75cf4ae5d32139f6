//! Memory that the host refuses. A script that gives up because of it ends as every guest that runs out of memory: the host
//! recognizes a trap after a refusal, and reports the numbers.

use std::cell::Cell;
use std::ffi::c_void;
use std::io::Write as _;

use rquickjs::Value;
use rquickjs::allocator::Allocator;

use crate::properties::{is_error, own_text, stack_of, text_of};
use crate::stack;

thread_local! {
    /// Whether the engine asked for memory in this call and got none.
    static WAS_REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// The allocator of the engine: libc's, which the engine would use by itself.
pub(crate) struct EngineAllocator;

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn calloc(count: usize, size: usize) -> *mut c_void;
    fn realloc(start: *mut c_void, size: usize) -> *mut c_void;
    fn free(start: *mut c_void);
}

/// Notes that memory was refused.
fn noted(start: *mut c_void, size: usize) -> *mut u8 {
    if start.is_null() && size > 0 {
        WAS_REFUSED.set(true);
    }
    start.cast()
}

// SAFETY: libc's functions keep the promises of the trait.
unsafe impl Allocator for EngineAllocator {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        // SAFETY: any size is allowed.
        noted(unsafe { malloc(size) }, size)
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        // SAFETY: any size is allowed.
        noted(unsafe { calloc(count, size) }, count.saturating_mul(size))
    }

    unsafe fn dealloc(&mut self, start: *mut u8) {
        // SAFETY: the caller has it from this allocator.
        unsafe { free(start.cast()) }
    }

    unsafe fn realloc(&mut self, start: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: the caller has it from this allocator.
        noted(unsafe { realloc(start.cast(), size) }, size)
    }

    /// 0: unknown, as for the engine itself on a platform that it does not know.
    unsafe fn usable_size(_: *mut u8) -> usize {
        0
    }
}

/// Begins a call.
pub(crate) fn begin_call() {
    WAS_REFUSED.set(false);
}

/// Ends the call by a trap if this value, which the script did not catch, says that memory was refused. Writes where to
/// standard error, which the host shows with the numbers.
pub(crate) fn give_up_if_refused(thrown: &Value<'_>) {
    if !WAS_REFUSED.get() {
        return;
    }
    let Some(error) = thrown.as_object() else {
        // The engine throws `null` if there is no memory for an Error either.
        if thrown.is_null() {
            std::process::abort();
        }
        return;
    };
    let is_refusal = is_error(error)
        && text_of(error, "name").as_deref() == Some("InternalError")
        && own_text(error, "message").as_deref() == Some("out of memory");
    if is_refusal {
        let place = stack::place(&stack_of(error));
        let place = place.map(|place| format!(" ({}:{}:{})", place.file, place.line, place.column));
        let line = format!("out of memory{}\n", place.unwrap_or_default());
        // The trap says what matters, so it does not matter if the line cannot be written.
        let _ = std::io::stderr().write_all(line.as_bytes());
        std::process::abort();
    }
}
