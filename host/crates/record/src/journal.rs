//! The journal of an instance: the entries of all calls that it has served, in the format of records.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::entry::{CallEnd, CallHeader, Entry, Header};
use crate::record;

/// Maximum bytes that are recorded of one call. Beyond it the call is not recorded.
const MAX_CALL_BYTES: usize = 4 << 20;

/// Maximum bytes of all journals of this process that idle instances keep. Beyond it, instances are replaced after a call,
/// so that their journals can be dropped.
const MAX_TOTAL_BYTES: usize = 256 << 20;

/// A journal that needs no more than this keeps its room for the next calls.
const KEPT_ROOM: usize = 64 << 10;

/// The bytes of all journals between calls.
static TOTAL_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The entries of the calls of an instance, in the order of the calls. The last call may be running.
#[derive(Debug, Default)]
pub struct Journal {
    bytes: Vec<u8>,
    /// Where the last call begins.
    last_call: usize,
    /// Whether the last call was too large, so that it is not recorded.
    is_too_large: bool,
    /// What is counted in the total.
    counted: usize,
}

impl Journal {
    /// Begins a call.
    pub(crate) fn begin(&mut self, header: CallHeader<'_>) {
        self.last_call = self.bytes.len();
        self.is_too_large = false;
        self.push(&Entry::Call(header));
    }

    /// Appends an entry.
    pub(crate) fn push(&mut self, entry: &Entry<'_>) {
        if self.is_too_large {
            return;
        }
        // Extending a vector never fails; if it does, the call counts as one that cannot be recorded.
        match postcard::to_extend(entry, std::mem::take(&mut self.bytes)) {
            Ok(bytes) => self.bytes = bytes,
            Err(_) => self.is_too_large = true,
        }
        if self.is_too_large || self.bytes.len() - self.last_call > MAX_CALL_BYTES {
            self.is_too_large = true;
            self.bytes.truncate(self.last_call);
            // Nothing is written until the call ends, however long that takes.
            self.bytes.shrink_to(KEPT_ROOM);
        }
    }

    /// Forgets the calls before the last one, because a new instance was made for it.
    pub fn forget_earlier_calls(&mut self) {
        self.bytes.drain(..self.last_call.min(self.bytes.len()));
        self.last_call = 0;
    }

    /// Returns the record of the last call, which has ended. `None` if the call was too large.
    pub fn record(&self, header: &Header<'_>, end: CallEnd<'_>) -> Option<Vec<u8>> {
        if self.is_too_large {
            return None;
        }
        record::write(header, &self.bytes, end)
    }

    /// Returns how many bytes it has.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Returns whether the last call was too large to be recorded.
    pub fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    /// Ends the last call. Returns whether the instance can serve another one: its journal has at most `most` bytes, and is
    /// complete. If not, the instance has to be replaced, and the journal is empty.
    pub fn end_call(&mut self, most: usize) -> bool {
        self.push(&Entry::Returned);
        let is_complete = !self.is_too_large && self.bytes.len() <= most;
        if !is_complete || self.count(self.bytes.capacity()) > MAX_TOTAL_BYTES {
            self.clear();
            return false;
        }
        true
    }

    /// Forgets all calls, because their instance is gone.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_ROOM);
        (self.last_call, self.is_too_large) = (0, false);
        self.count(self.bytes.capacity());
    }

    /// Counts the bytes in the total; returns that.
    fn count(&mut self, bytes: usize) -> usize {
        let before = std::mem::replace(&mut self.counted, bytes);
        if before == bytes {
            return TOTAL_BYTES.load(Ordering::Relaxed);
        }
        // Wraps around if the count decreases.
        let change = bytes.wrapping_sub(before);
        TOTAL_BYTES.fetch_add(change, Ordering::Relaxed).wrapping_add(change)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.count(0);
    }
}
