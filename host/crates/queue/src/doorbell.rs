//! How those who wait for work learn that there is some, without a wake-up lost and without waking everybody.
//!
//! An idle claimer registers, then looks, then sleeps; whoever leaves work behind looks for idle claimers afterwards and
//! rings for one. Both looks are on either side of the store's atomic step, so one of the two sees the other. For work
//! whose time has not come, one of the idle holds an alarm; whoever takes work and leaves other work behind rings for
//! another one, who then holds it.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use saggar_job::Timestamp;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::NextDue;

/// The longest sleep before an alarm is compared with the clock again, because somebody may have set the clock.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// No alarm is set.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Doorbell {
    bell: Notify,
    idle: AtomicUsize,
    /// The earliest moment for which an idle claimer holds an alarm.
    alarm_at: AtomicU64,
}

impl Doorbell {
    pub(crate) fn new() -> Self {
        Self { bell: Notify::new(), idle: AtomicUsize::new(0), alarm_at: AtomicU64::new(NEVER) }
    }

    /// Registers an idle claimer, until the guard is dropped. Do this before you look for work.
    pub(crate) fn attend(&self) -> Attendant<'_> {
        self.idle.fetch_add(1, Ordering::SeqCst);
        Attendant(self)
    }

    /// Wakes one idle claimer if there is one, after work was left that can be taken now.
    pub(crate) fn ring(&self) {
        if self.idle.load(Ordering::SeqCst) > 0 {
            self.bell.notify_one();
        }
    }

    /// Wakes one idle claimer if there is one and `left` needs it.
    pub(crate) fn ring_for(&self, next_due: NextDue) {
        match next_due {
            NextDue::Nothing => {}
            NextDue::Now => self.ring(),
            NextDue::At(at) if at.0 < self.alarm_at.load(Ordering::SeqCst) => self.ring(),
            NextDue::At(_) => {}
        }
    }

    /// Wakes every idle claimer, to look again.
    pub(crate) fn ring_all(&self) {
        self.bell.notify_waiters();
    }
}

/// An idle claimer.
pub(crate) struct Attendant<'a>(&'a Doorbell);

impl<'a> Attendant<'a> {
    /// The next ring. Enable it before you look for work.
    pub(crate) fn next_ring(&self) -> Notified<'a> {
        self.0.bell.notified()
    }

    /// Sleeps until `ring`, or until the moment that `left` names if nobody else holds an alarm for it. Cancel-safe: an
    /// alarm that is dropped goes to another idle claimer.
    pub(crate) async fn sleep(&self, ring: Pin<&mut Notified<'_>>, next_due: NextDue, now: Timestamp) {
        match next_due {
            NextDue::Now => {}
            NextDue::Nothing => ring.await,
            NextDue::At(at) => match self.set_alarm(at) {
                None => ring.await,
                Some(alarm) => {
                    tokio::select! {
                        () = ring => {}
                        () = tokio::time::sleep(at.since(now).min(LONGEST_NAP)) => {}
                    }
                    alarm.switch_off();
                }
            },
        }
    }

    fn set_alarm(&self, at: Timestamp) -> Option<Alarm<'a>> {
        let earlier = self.0.alarm_at.fetch_min(at.0, Ordering::SeqCst);
        // Made only if it is one: an alarm that is dropped rings.
        (at.0 < earlier).then(|| Alarm { door: self.0, at: at.0 })
    }
}

impl Drop for Attendant<'_> {
    fn drop(&mut self) {
        self.0.idle.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The duty to look again at a moment.
struct Alarm<'a> {
    door: &'a Doorbell,
    at: u64,
}

impl Alarm<'_> {
    /// For one who looks for work at once, and sets the alarm again or rings for another.
    fn switch_off(self) {
        self.clear();
        std::mem::forget(self);
    }

    fn clear(&self) {
        // An earlier alarm that was set since is another's.
        let _ = self.door.alarm_at.compare_exchange(self.at, NEVER, Ordering::SeqCst, Ordering::SeqCst);
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.clear();
        self.door.ring();
    }
}
