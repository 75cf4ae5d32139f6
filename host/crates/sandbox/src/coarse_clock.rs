//! Clocks that show whole milliseconds, so that a guest cannot time what the host and other guests do in the caches of the
//! processor.

use std::time::Duration;

use wasmtime_wasi::clocks::{MonotonicClock, WallClock};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// Common side channels need differences of less than a microsecond. Repeated measurements average less than this out
/// only slowly.
const GRAIN: Duration = Duration::from_millis(1);

const GRAIN_NS: u64 = 1_000_000;

/// The host's clock, rounded down.
#[derive(Default)]
pub(crate) struct CoarseWallClock(WallClock);

/// The monotonic clock of an instance, rounded down. It never goes backwards, either.
#[derive(Default)]
pub(crate) struct CoarseMonotonicClock(MonotonicClock);

impl HostWallClock for CoarseWallClock {
    fn resolution(&self) -> Duration {
        GRAIN
    }

    fn now(&self) -> Duration {
        let now = self.0.now();
        Duration::new(now.as_secs(), now.subsec_millis() * 1_000_000)
    }
}

impl HostMonotonicClock for CoarseMonotonicClock {
    fn resolution(&self) -> u64 {
        GRAIN_NS
    }

    fn now(&self) -> u64 {
        let now = self.0.now();
        now - now % GRAIN_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_show_whole_milliseconds() {
        let (wall, monotonic) = (CoarseWallClock::default(), CoarseMonotonicClock::default());
        let precise = WallClock;
        for _ in 0..1_000 {
            let (before, now, after) = (precise.now(), wall.now(), precise.now());
            assert_eq!(now.subsec_nanos() % 1_000_000, 0);
            assert!(before.saturating_sub(GRAIN) < now && now <= after, "{before:?} {now:?} {after:?}");
            assert_eq!(monotonic.now() % GRAIN_NS, 0);
        }
        assert_eq!((wall.resolution(), monotonic.resolution()), (GRAIN, GRAIN_NS));
    }
}
