//! The outbox: callbacks in the order of their delivery, separate for each lane.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use saggar_job::{JobId, Problem, Timestamp};

use crate::{CallbackBackoff, CallbackNumber, CallbackPosition, Lane, NextDue};

#[derive(Default)]
pub(super) struct Outbox {
    /// Callbacks that are not claimed, by the time from which they can be claimed, which is 0 until they are postponed.
    adds: BTreeSet<(Timestamp, CallbackNumber)>,
    ends: BTreeSet<(Timestamp, CallbackNumber)>,
    entries: HashMap<CallbackNumber, Entry, foldhash::fast::RandomState>,
    last_number: u64,
    /// The number of deferred entries.
    deferred: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: JobId,
    pub(super) lane: Lane,
    pub(super) tries: u32,
    /// Why its handler failed the last time.
    pub(super) problem: Option<Box<Problem>>,
    /// The time from which it can be claimed.
    pub(super) from: Timestamp,
    claimed: bool,
}

impl Entry {
    /// Returns whether it is deferred: nothing waits for it any more.
    fn is_deferred(&self) -> bool {
        self.lane == Lane::Ends && self.tries >= CallbackBackoff::QUICK_TRIES
    }
}

impl Outbox {
    pub(super) fn put(&mut self, id: JobId, lane: Lane) -> CallbackNumber {
        self.last_number += 1;
        let (number, from) = (CallbackNumber(self.last_number), Timestamp(0));
        self.entries.insert(number, Entry { id, lane, tries: 0, problem: None, from, claimed: false });
        self.pending(lane).insert((from, number));
        number
    }

    fn pending(&mut self, lane: Lane) -> &mut BTreeSet<(Timestamp, CallbackNumber)> {
        match lane {
            Lane::Adds => &mut self.adds,
            Lane::Ends => &mut self.ends,
        }
    }

    /// Claims the first due callback of a lane.
    pub(super) fn claim(&mut self, lane: Lane, now: Timestamp) -> Option<(CallbackNumber, Entry)> {
        let pending = self.pending(lane);
        let first = *pending.first().filter(|(from, _)| *from <= now)?;
        pending.remove(&first);
        let entry = self.entries.get_mut(&first.1)?;
        entry.claimed = true;
        Some((first.1, entry.clone()))
    }

    /// Makes a claimed callback claimable again. Returns its lane, and its job if the callback is deferred.
    pub(super) fn postpone(
        &mut self,
        number: CallbackNumber,
        until: Timestamp,
        problem: Option<Box<Problem>>,
    ) -> Option<(Lane, Option<JobId>)> {
        let entry = self.entries.get_mut(&number).filter(|entry| entry.claimed)?;
        let was_deferred = entry.is_deferred();
        entry.tries = entry.tries.saturating_add(1);
        entry.problem = problem.or(entry.problem.take());
        (entry.from, entry.claimed) = (until, false);
        let (id, lane, is_deferred) = (entry.id, entry.lane, entry.is_deferred());
        self.deferred += usize::from(is_deferred && !was_deferred);
        self.pending(lane).insert((until, number));
        Some((lane, is_deferred.then_some(id)))
    }

    /// Returns whether a callback is deferred and its handler is not being called.
    pub(super) fn is_removable(&self, number: CallbackNumber) -> bool {
        self.entries.get(&number).is_some_and(|entry| entry.is_deferred() && !entry.claimed)
    }

    pub(super) fn get(&self, number: CallbackNumber) -> Option<&Entry> {
        self.entries.get(&number)
    }

    pub(super) fn remove(&mut self, number: CallbackNumber) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        self.deferred -= usize::from(entry.is_deferred());
        if !entry.claimed {
            self.pending(entry.lane).remove(&(entry.from, number));
        }
        Some(entry)
    }

    /// Makes all claimed callbacks claimable again, as the death of the process does.
    #[cfg(any(test, feature = "conformance"))]
    pub(super) fn requeue_all(&mut self) {
        for (number, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.claimed) {
            entry.claimed = false;
            let pending = if entry.lane == Lane::Adds { &mut self.adds } else { &mut self.ends };
            pending.insert((entry.from, *number));
        }
    }

    /// Makes a claimed callback claimable again, as the death of the host that claimed it does.
    #[cfg(any(test, feature = "conformance"))]
    pub(super) fn requeue(&mut self, number: CallbackNumber) {
        let Some(entry) = self.entries.get_mut(&number).filter(|entry| entry.claimed) else { return };
        entry.claimed = false;
        let (lane, from) = (entry.lane, entry.from);
        self.pending(lane).insert((from, number));
    }

    /// Returns the first `most` callbacks of a lane after `after` that are not claimed.
    pub(super) fn pending_after(
        &self,
        lane: Lane,
        after: CallbackPosition,
        most: usize,
    ) -> Vec<(CallbackPosition, Entry)> {
        let pending = if lane == Lane::Adds { &self.adds } else { &self.ends };
        let after = (Bound::Excluded((after.from, after.number)), Bound::Unbounded);
        let with_entry = |(from, number): &(Timestamp, CallbackNumber)| {
            Some((CallbackPosition { from: *from, number: *number }, self.entries.get(number)?.clone()))
        };
        pending.range(after).take(most).filter_map(with_entry).collect()
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
