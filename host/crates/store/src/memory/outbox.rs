//! The outbox: callbacks in the order in which they are to be told, each lane's by itself.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use saggar_job::{JobId, Problem, Timestamp};

use crate::{CallbackBackoff, CallbackNumber, CallbackPosition, Lane, NextDue};

#[derive(Default)]
pub(super) struct Outbox {
    /// Those that are not taken, by the moment from which they can be, which is 0 until they are put off.
    adds: BTreeSet<(Timestamp, CallbackNumber)>,
    ends: BTreeSet<(Timestamp, CallbackNumber)>,
    entries: HashMap<CallbackNumber, Entry, foldhash::fast::RandomState>,
    last_number: u64,
    /// Entries that are deferred.
    deferred: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: JobId,
    pub(super) lane: Lane,
    pub(super) tries: u32,
    /// Why its handler failed the last time.
    pub(super) problem: Option<Box<Problem>>,
    /// The moment from which it can be taken.
    pub(super) from: Timestamp,
    taken: bool,
}

impl Entry {
    /// Whether nothing waits for it any more.
    fn is_deferred(&self) -> bool {
        self.lane == Lane::Ends && self.tries >= CallbackBackoff::QUICK_TRIES
    }
}

impl Outbox {
    pub(super) fn put(&mut self, id: JobId, lane: Lane) -> CallbackNumber {
        self.last_number += 1;
        let (number, from) = (CallbackNumber(self.last_number), Timestamp(0));
        self.entries.insert(number, Entry { id, lane, tries: 0, problem: None, from, taken: false });
        self.pending(lane).insert((from, number));
        number
    }

    fn pending(&mut self, lane: Lane) -> &mut BTreeSet<(Timestamp, CallbackNumber)> {
        match lane {
            Lane::Adds => &mut self.adds,
            Lane::Ends => &mut self.ends,
        }
    }

    /// Takes the first callback of a lane whose time has come.
    pub(super) fn take(&mut self, lane: Lane, now: Timestamp) -> Option<(CallbackNumber, Entry)> {
        let pending = self.pending(lane);
        let first = *pending.first().filter(|(from, _)| *from <= now)?;
        pending.remove(&first);
        let entry = self.entries.get_mut(&first.1)?;
        entry.taken = true;
        Some((first.1, entry.clone()))
    }

    /// Gives back a callback that was taken. Returns its lane, and its job if the callback is deferred.
    pub(super) fn postpone(
        &mut self,
        number: CallbackNumber,
        until: Timestamp,
        problem: Option<Box<Problem>>,
    ) -> Option<(Lane, Option<JobId>)> {
        let entry = self.entries.get_mut(&number).filter(|entry| entry.taken)?;
        let was_deferred = entry.is_deferred();
        entry.tries = entry.tries.saturating_add(1);
        entry.problem = problem.or(entry.problem.take());
        (entry.from, entry.taken) = (until, false);
        let (id, lane, is_deferred) = (entry.id, entry.lane, entry.is_deferred());
        self.deferred += usize::from(is_deferred && !was_deferred);
        self.pending(lane).insert((until, number));
        Some((lane, is_deferred.then_some(id)))
    }

    /// Whether a callback is deferred and its handler is not called at the moment.
    pub(super) fn can_go(&self, number: CallbackNumber) -> bool {
        self.entries.get(&number).is_some_and(|entry| entry.is_deferred() && !entry.taken)
    }

    pub(super) fn get(&self, number: CallbackNumber) -> Option<&Entry> {
        self.entries.get(&number)
    }

    pub(super) fn remove(&mut self, number: CallbackNumber) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        self.deferred -= usize::from(entry.is_deferred());
        if !entry.taken {
            self.pending(entry.lane).remove(&(entry.from, number));
        }
        Some(entry)
    }

    /// Gives back all that were taken, as the death of the process does.
    #[cfg(any(test, feature = "conformance"))]
    pub(super) fn give_back_all(&mut self) {
        for (number, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.taken) {
            entry.taken = false;
            let pending = if entry.lane == Lane::Adds { &mut self.adds } else { &mut self.ends };
            pending.insert((entry.from, *number));
        }
    }

    /// Gives back one that was taken, as the death of whoever had taken it does.
    #[cfg(any(test, feature = "conformance"))]
    pub(super) fn give_back(&mut self, number: CallbackNumber) {
        let Some(entry) = self.entries.get_mut(&number).filter(|entry| entry.taken) else { return };
        entry.taken = false;
        let (lane, from) = (entry.lane, entry.from);
        self.pending(lane).insert((from, number));
    }

    /// The first `most` callbacks of a lane after `after` that are not taken.
    pub(super) fn pending_after(
        &self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
    ) -> Vec<(CallbackPosition, Entry)> {
        let pending = if lane == Lane::Adds { &self.adds } else { &self.ends };
        let after = (Bound::Excluded((after.from, after.number)), Bound::Unbounded);
        let found = |(from, number): &(Timestamp, CallbackNumber)| {
            Some((CallbackPosition { from: *from, number: *number }, self.entries.get(number)?.clone()))
        };
        pending.range(after).take(most).filter_map(found).collect()
    }

    pub(super) fn next_due(&self, lane: Lane, now: Timestamp) -> NextDue {
        let pending = if lane == Lane::Adds { &self.adds } else { &self.ends };
        pending.first().map_or(NextDue::Nothing, |(from, _)| NextDue::due_at(*from, now))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn deferred(&self) -> usize {
        self.deferred
    }
}
