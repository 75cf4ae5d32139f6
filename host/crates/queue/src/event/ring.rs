//! The last events of one tenant. Each tenant has its own ring, so that a busy one does not evict another's events.
//! Each ring has one lock, held for one push or for reading one bounded chunk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use saggar_job::Timestamp;

use super::armed::{Armed, Mark};
use super::{EventFilter, EventId, Gap, JobEvent, KeptEvent};

/// Events of a tenant that are retained for its followers if retention is not configured: about 10 ms of a busy host's.
const KEPT_FOR_LISTENERS: usize = 4096;
/// Events that are read under one acquisition of the lock: a few microseconds, for which the tenant's jobs wait.
const CHUNK: u64 = 256;

/// The position of a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// After an event that is unknown here.
    Unknown,
    /// Before the event of this number.
    At(u64),
    /// After all events, and armed: its mark has the number of the next event that matches. Other events need not be
    /// read meanwhile, and may be evicted.
    End,
}

#[derive(Debug)]
pub(crate) struct Ring {
    /// Whether events are retained or followed. Outside the lock, because every job checks it.
    is_on: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    epoch: u64,
    events: VecDeque<KeptEvent>,
    /// The number of the next event.
    next: u64,
    /// How many events are retained even without followers.
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

    /// Returns whether events are wanted. One relaxed load.
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

    /// Appends an event, and wakes the followers that wait for it.
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
        // Memory is freed and followers are woken after the lock is released.
        drop(oldest);
        for mark in woken {
            mark.notify.notify_one();
        }
    }

    /// Registers a follower; returns its position.
    pub(super) fn enter(&self, filter: &EventFilter, mark: &Arc<Mark>, after: Option<EventId>) -> Position {
        let mut inner = self.inner.lock();
        inner.followers += 1;
        self.switch(&mut inner);
        match after {
            None => {
                inner.armed.put(filter, mark);
                Position::End
            }
            Some(id) if id.epoch == inner.epoch && id.number < inner.next => Position::At(id.number + 1),
            Some(_) => Position::Unknown,
        }
    }

    pub(super) fn leave(&self, filter: &EventFilter, mark: &Arc<Mark>) {
        let mut inner = self.inner.lock();
        inner.armed.remove(filter, mark);
        inner.followers -= 1;
        self.switch(&mut inner);
    }

    /// Returns up to `most` events after `position` and advances it. Arms the follower and returns an empty list if there
    /// are no more events.
    ///
    /// # Errors
    ///
    /// If the event at `position` has been evicted. The position is then that of the oldest event.
    pub(super) fn read(
        &self,
        filter: &EventFilter,
        mark: &Arc<Mark>,
        position: &mut Position,
        most: usize,
    ) -> Result<Vec<KeptEvent>, Gap> {
        let mut batch = Vec::new();
        while batch.len() < most && *position != Position::End || batch.is_empty() {
            let mut inner = self.inner.lock();
            let from = match *position {
                Position::Unknown => None,
                Position::At(number) => Some(number),
                Position::End => match mark.take() {
                    Some(number) => Some(number),
                    None => break,
                },
            };
            let Some(from) = from.filter(|from| *from >= inner.oldest()) else {
                if !batch.is_empty() {
                    // Overtaken while the lock was released: the events that were read are returned first, and the gap
                    // by the next call.
                    break;
                }
                *position = Position::At(inner.oldest());
                return Err(Gap { events: from.map(|from| inner.oldest() - from) });
            };
            *position = inner.read_chunk(filter, from, most, &mut batch);
            if *position == Position::At(inner.next) {
                inner.armed.put(filter, mark);
                *position = Position::End;
            }
        }
        Ok(batch)
    }

    /// Returns the last event that a follower at `position` knows of, whether it matched or not.
    pub(super) fn reached(&self, mark: &Mark, position: Position) -> Option<EventId> {
        let inner = self.inner.lock();
        let next = match position {
            Position::Unknown => return None,
            Position::At(number) => number,
            Position::End => mark.peek().unwrap_or(inner.next),
        };
        Some(EventId { epoch: inner.epoch, number: next - 1 })
    }

    /// Starts or stops the retention of events, after a change of what decides that.
    fn switch(&self, inner: &mut Inner) {
        let is_wanted = inner.is_wanted();
        if self.is_on.swap(is_wanted, Ordering::SeqCst) && !is_wanted {
            inner.events = VecDeque::new();
            // Events from now on get no number, so a follower that resumes must not conclude that nothing happened.
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

    /// Returns the number of the oldest retained event; the next number if there is none.
    fn oldest(&self) -> u64 {
        self.next - self.events.len() as u64
    }

    fn read_chunk(&self, filter: &EventFilter, from: u64, most: usize, batch: &mut Vec<KeptEvent>) -> Position {
        let end = self.next.min(from + CHUNK);
        let first = usize::try_from(from - self.oldest()).unwrap_or(usize::MAX);
        for (number, event) in (from..end).zip(self.events.range(first..)) {
            if batch.len() == most {
                return Position::At(number);
            }
            if filter.matches(&event.event.key) {
                batch.push(event.clone());
            }
        }
        Position::At(end)
    }
}
