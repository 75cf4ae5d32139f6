//! The last events of one tenant. A ring per tenant, so that a busy one does not push out another's events; one lock each,
//! held for a push or for reading a bounded piece.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use saggar_job::Timestamp;

use super::armed::{Armed, Mark};
use super::{EventFilter, EventId, Gap, JobEvent, KeptEvent};

/// Events of a tenant that are kept for those who listen when nobody asked for any to be kept: about 10 ms of a busy
/// host's.
const KEPT_FOR_LISTENERS: usize = 4096;
/// Events that are looked at in one holding of the lock: a few microseconds, for which the tenant's jobs wait.
const PIECE: u64 = 256;

/// Where a follower stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind an event that is not known here.
    Unknown,
    /// In front of the event of this number.
    At(u64),
    /// Behind all events, and armed: its mark says where the next one is that is for it. Whatever else happens meanwhile
    /// need not be read, and may leave the ring.
    End,
}

#[derive(Debug)]
pub(crate) struct Ring {
    /// Events are kept, or somebody listens. Beside the lock, because every job asks.
    is_on: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    epoch: u64,
    events: VecDeque<KeptEvent>,
    /// The number of the next event.
    next: u64,
    /// How many are to be kept though nobody listens.
    kept: usize,
    followers: usize,
    armed: Armed,
}

impl Ring {
    pub(crate) fn new(kept: usize) -> Self {
        let events = VecDeque::new();
        let inner = Inner { epoch: fastrand::u64(..), events, next: 1, kept, followers: 0, armed: Armed::default() };
        Self { is_on: AtomicBool::new(kept > 0), inner: Mutex::new(inner) }
    }

    /// Whether events are wanted. One relaxed load.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    pub(crate) fn followers(&self) -> usize {
        self.inner.lock().followers
    }

    pub(crate) fn keep(&self, most: usize) {
        let mut inner = self.inner.lock();
        inner.kept = most;
        self.switch(&mut inner);
        let most = inner.most();
        let surplus = inner.events.len().saturating_sub(most);
        inner.events.drain(..surplus);
    }

    /// Adds an event, and wakes those who wait for it.
    pub(crate) fn push(&self, event: JobEvent, at: Timestamp) {
        let event = Arc::new(event);
        let mut inner = self.inner.lock();
        if !inner.is_wanted() {
            return;
        }
        let number = inner.next;
        inner.next += 1;
        let oldest = if inner.events.len() >= inner.most() { inner.events.pop_front() } else { None };
        let woken = inner.armed.take(&event.key, number);
        let id = EventId { epoch: inner.epoch, number };
        inner.events.push_back(KeptEvent { id, at, event });
        drop(inner);
        // Neither memory is freed nor anybody woken under the lock.
        drop(oldest);
        for mark in woken {
            mark.told.notify_one();
        }
    }

    /// Registers a follower.
    pub(super) fn enter(&self, filter: &EventFilter, mark: &Arc<Mark>, after: Option<EventId>) -> Place {
        let mut inner = self.inner.lock();
        inner.followers += 1;
        self.switch(&mut inner);
        match after {
            None => {
                inner.armed.put(filter, mark);
                Place::End
            }
            Some(id) if id.epoch == inner.epoch && id.number < inner.next => Place::At(id.number + 1),
            Some(_) => Place::Unknown,
        }
    }

    pub(super) fn leave(&self, filter: &EventFilter, mark: &Arc<Mark>) {
        let mut inner = self.inner.lock();
        inner.armed.remove(filter, mark);
        inner.followers -= 1;
        self.switch(&mut inner);
    }

    /// The next events for the follower at `place`, up to `most`, and moves it on; none if nothing is left, and then it is
    /// armed.
    ///
    /// # Errors
    ///
    /// If what stood at `place` is not there any more. The place is the oldest event's then.
    pub(super) fn read(
        &self,
        filter: &EventFilter,
        mark: &Arc<Mark>,
        place: &mut Place,
        most: usize,
    ) -> Result<Vec<KeptEvent>, Gap> {
        let mut batch = Vec::new();
        while batch.len() < most && *place != Place::End || batch.is_empty() {
            let mut inner = self.inner.lock();
            let from = match *place {
                Place::Unknown => None,
                Place::At(number) => Some(number),
                Place::End => match mark.take() {
                    Some(number) => Some(number),
                    None => break,
                },
            };
            let Some(from) = from.filter(|from| *from >= inner.oldest()) else {
                if !batch.is_empty() {
                    // Overtaken while the lock was free: what was read is told first, and the gap then.
                    break;
                }
                *place = Place::At(inner.oldest());
                return Err(Gap { events: from.map(|from| inner.oldest() - from) });
            };
            *place = inner.read_piece(filter, from, most, &mut batch);
            if *place == Place::At(inner.next) {
                inner.armed.put(filter, mark);
                *place = Place::End;
            }
        }
        Ok(batch)
    }

    /// The last event of which a follower at `place` knows, whether it was for it or not.
    pub(super) fn reached(&self, mark: &Mark, place: Place) -> Option<EventId> {
        let inner = self.inner.lock();
        let next = match place {
            Place::Unknown => return None,
            Place::At(number) => number,
            Place::End => mark.look().unwrap_or(inner.next),
        };
        Some(EventId { epoch: inner.epoch, number: next - 1 })
    }

    /// Begins or ends the keeping of events after what decides that has changed.
    fn switch(&self, inner: &mut Inner) {
        let is_wanted = inner.is_wanted();
        if self.is_on.swap(is_wanted, Ordering::SeqCst) && !is_wanted {
            inner.events = VecDeque::new();
            // What happens from now on gets no number, so whoever comes back must not believe that nothing happened.
            inner.epoch = fastrand::u64(..);
        }
    }
}

impl Inner {
    fn is_wanted(&self) -> bool {
        self.kept > 0 || self.followers > 0
    }

    fn most(&self) -> usize {
        if self.kept > 0 { self.kept } else { KEPT_FOR_LISTENERS }
    }

    /// The number of the oldest event that is kept; the next one's if there is none.
    fn oldest(&self) -> u64 {
        self.next - self.events.len() as u64
    }

    fn read_piece(&self, filter: &EventFilter, from: u64, most: usize, batch: &mut Vec<KeptEvent>) -> Place {
        let end = self.next.min(from + PIECE);
        let first = usize::try_from(from - self.oldest()).unwrap_or(usize::MAX);
        for (number, event) in (from..end).zip(self.events.range(first..)) {
            if batch.len() == most {
                return Place::At(number);
            }
            if filter.matches(&event.event.key) {
                batch.push(event.clone());
            }
        }
        Place::At(end)
    }
}
