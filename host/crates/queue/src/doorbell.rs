//! Wakes idle claimers when there is work, without lost wake-ups and without waking all of them.
//!
//! An idle claimer registers, then looks for work, then sleeps. A caller that leaves work behind checks for idle
//! claimers afterwards and rings for one. The two checks are on either side of the store's atomic step, so one of the
//! two sees the other. For work that is not due yet, one of the idle claimers sets an alarm. A claimer that takes work
//! and leaves other work behind rings for another claimer, which then sets the alarm.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use saggar_job::Timestamp;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::NextDue;

/// The longest sleep before an alarm is compared with the clock again, because the clock may have been set.
const MAX_SLEEP: Duration = Duration::from_secs(30);

/// No alarm is set.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Doorbell {
    bell: Notify,
    idle: AtomicUsize,
    /// The earliest time for which an idle claimer has set an alarm.
    alarm_at: AtomicU64,
}

impl Doorbell {
    pub(crate) fn new() -> Self {
        Self { bell: Notify::new(), idle: AtomicUsize::new(0), alarm_at: AtomicU64::new(NEVER) }
    }

    /// Registers an idle claimer, until the guard is dropped. Call it before looking for work.
    pub(crate) fn register_idle(&self) -> IdleClaimer<'_> {
        self.idle.fetch_add(1, Ordering::SeqCst);
        IdleClaimer(self)
    }

    /// Wakes one idle claimer, if any. Call it after leaving work that can be claimed now.
    pub(crate) fn ring(&self) {
        if self.idle.load(Ordering::SeqCst) > 0 {
            self.bell.notify_one();
        }
    }

    /// Wakes one idle claimer, if any, if work is due now or before the alarm.
    pub(crate) fn ring_for(&self, next_due: NextDue) {
        match next_due {
            NextDue::Nothing => {}
            NextDue::Now => self.ring(),
            NextDue::At(at) if at.0 < self.alarm_at.load(Ordering::SeqCst) => self.ring(),
            NextDue::At(_) => {}
        }
    }

    /// Wakes all idle claimers, which look for work again.
    pub(crate) fn ring_all(&self) {
        self.bell.notify_waiters();
    }
}

/// An idle claimer.
pub(crate) struct IdleClaimer<'a>(&'a Doorbell);

impl<'a> IdleClaimer<'a> {
    /// Returns the next ring. Enable it before looking for work.
    pub(crate) fn next_ring(&self) -> Notified<'a> {
        self.0.bell.notified()
    }

    /// Sleeps until `ring`, or until the time in `next_due` unless another claimer has set an alarm for it.
    /// Cancel-safe: when an alarm is dropped, another idle claimer is woken and sets it.
    pub(crate) async fn sleep(&self, ring: Pin<&mut Notified<'_>>, next_due: NextDue, now: Timestamp) {
        match next_due {
            NextDue::Now => {}
            NextDue::Nothing => ring.await,
            NextDue::At(at) => match self.set_alarm(at) {
                None => ring.await,
                Some(alarm) => {
                    tokio::select! {
                        () = ring => {}
                        () = tokio::time::sleep(at.since(now).min(MAX_SLEEP)) => {}
                    }
                    alarm.disarm();
                }
            },
        }
    }

    fn set_alarm(&self, at: Timestamp) -> Option<Alarm<'a>> {
        let earlier = self.0.alarm_at.fetch_min(at.0, Ordering::SeqCst);
        // Created only if it was set, because an alarm that is dropped rings.
        (at.0 < earlier).then(|| Alarm { doorbell: self.0, at: at.0 })
    }
}

impl Drop for IdleClaimer<'_> {
    fn drop(&mut self) {
        self.0.idle.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The duty to look for work again at a given time.
struct Alarm<'a> {
    doorbell: &'a Doorbell,
    at: u64,
}

impl Alarm<'_> {
    /// Disarms the alarm without ringing. The caller checks for work next, and then sets the alarm again or wakes another
    /// claimer.
    fn disarm(self) {
        self.clear();
        std::mem::forget(self);
    }

    fn clear(&self) {
        // An earlier alarm that was set meanwhile is another claimer's.
        let _ = self.doorbell.alarm_at.compare_exchange(self.at, NEVER, Ordering::SeqCst, Ordering::SeqCst);
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.clear();
        self.doorbell.ring();
    }
}
