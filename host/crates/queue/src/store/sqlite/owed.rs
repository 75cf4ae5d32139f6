//! One sync for a job that comes alone. Its adding and its end are two commits, and waiting for the disk is most of what such a job
//! costs. Where its attempt began as it was added and is short, the writer holds the answers to the adding back for a moment, and
//! lets the sync of the end serve both. It waits for no longer than a sync takes, begins nothing else meanwhile that may take long,
//! and waits seldom where that was in vain.

use std::time::{Duration, Instant};

use super::sync::Answer;

/// The longest wait, however slow the disk is.
const LONGEST: Duration = Duration::from_micros(200);
/// How many waits are left out at most after many that were in vain, as the power of two.
const MOST_LEFT_OUT: u32 = 8;

/// The answers to a commit that is not synced yet.
pub(super) struct Owed {
    pub(super) seq: u64,
    pub(super) answers: Vec<Answer>,
    pub(super) until: Instant,
}

/// Whether it is worth while to wait: twice as many waits are left out after each one that was in vain.
#[derive(Debug, Default)]
pub(super) struct Patience {
    in_vain: u32,
    left_out: u32,
}

impl Patience {
    /// How long to wait, if at all, when the last sync took `sync`.
    pub(super) fn wait(&mut self, sync: Duration) -> Option<Duration> {
        if self.left_out > 0 {
            self.left_out -= 1;
            return None;
        }
        Some(sync.min(LONGEST))
    }

    /// What was waited for came, or did not.
    pub(super) fn waited(&mut self, came: bool) {
        self.in_vain = if came { 0 } else { (self.in_vain + 1).min(MOST_LEFT_OUT) };
        self.left_out = (1 << self.in_vain) - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_micros(100);

    /// How many of `asked` waits are made when all are in vain.
    fn waits_in_vain(patience: &mut Patience, asked: u32) -> usize {
        let mut wait = || {
            let waits = patience.wait(SYNC).is_some();
            if waits {
                patience.waited(false);
            }
            waits
        };
        (0..asked).filter(|_| wait()).count()
    }

    #[test]
    fn whoever_waits_in_vain_waits_ever_less_often() {
        let mut patience = Patience::default();
        // At 0, 2, 6, 14, …, 510, and every 256th after that.
        assert_eq!(waits_in_vain(&mut patience, 511), 9);
        assert_eq!(waits_in_vain(&mut patience, 2_560), 10);
        while patience.wait(SYNC).is_none() {}
        patience.waited(true);
        assert_eq!(patience.wait(SYNC), Some(SYNC), "one that was worth while makes good for all");
    }

    #[test]
    fn nobody_waits_longer_than_a_sync_takes_nor_for_a_slow_disk() {
        assert_eq!(Patience::default().wait(SYNC), Some(SYNC));
        assert_eq!(Patience::default().wait(Duration::from_secs(3)), Some(LONGEST));
    }
}
