//! The time of one slice of a guest. A guest may call others through the host, whose slices then run inside of its own; what
//! they take is theirs alone.

use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    /// The time of all slices that have ended on this thread.
    static ENDED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// A slice that runs on this thread.
pub(crate) struct Slice {
    began: Instant,
    ended_before: Duration,
}

impl Slice {
    /// Begins a slice; `began` is now.
    pub(crate) fn begin(began: Instant) -> Self {
        Self { began, ended_before: ENDED.get() }
    }

    /// Ends it; `ended` is now. Returns its time, without that of the slices inside of it.
    pub(crate) fn end(self, ended: Instant) -> Duration {
        let inside = ENDED.get() - self.ended_before;
        let took = (ended - self.began).saturating_sub(inside);
        ENDED.set(ENDED.get() + took);
        took
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slices_inside_of_another_do_not_count_twice() {
        let at = Instant::now();
        let after = |ms| at + Duration::from_millis(ms);
        let outer = Slice::begin(at);
        for [began, ended] in [[1, 3], [4, 9]] {
            let inner = Slice::begin(after(began));
            let innermost = Slice::begin(after(began));
            assert_eq!(innermost.end(after(began + 1)), Duration::from_millis(1));
            assert_eq!(inner.end(after(ended)), Duration::from_millis(ended - began - 1));
        }
        assert_eq!(outer.end(after(10)), Duration::from_millis(3));
    }
}
