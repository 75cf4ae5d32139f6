//! The outbox: notices in the order in which they are to be told.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use saggar_job::{JobId, Timestamp};

use crate::{Left, NoticeNumber, NoticePosition};

#[derive(Default)]
pub(super) struct Outbox {
    /// Those that are not taken, by the moment from which they can be, which is 0 until they are put off.
    pending: BTreeSet<(Timestamp, NoticeNumber)>,
    entries: HashMap<NoticeNumber, Entry, foldhash::fast::RandomState>,
    last_number: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) id: JobId,
    pub(super) about: About,
    pub(super) tries: u32,
    /// The moment from which it can be taken.
    from: Timestamp,
    taken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Added,
    End,
}

impl Outbox {
    pub(super) fn put(&mut self, id: JobId, about: About) -> NoticeNumber {
        self.last_number += 1;
        let (number, from) = (NoticeNumber(self.last_number), Timestamp(0));
        self.entries.insert(number, Entry { id, about, tries: 0, from, taken: false });
        self.pending.insert((from, number));
        number
    }

    /// Takes the first notice whose time has come.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<(NoticeNumber, Entry)> {
        let first = *self.pending.first().filter(|(from, _)| *from <= now)?;
        self.pending.remove(&first);
        let entry = self.entries.get_mut(&first.1)?;
        entry.taken = true;
        Some((first.1, *entry))
    }

    /// Gives back a notice that was taken.
    pub(super) fn put_off(&mut self, number: NoticeNumber, until: Timestamp) {
        if let Some(entry) = self.entries.get_mut(&number).filter(|entry| entry.taken) {
            entry.tries = entry.tries.saturating_add(1);
            (entry.from, entry.taken) = (until, false);
            self.pending.insert((until, number));
        }
    }

    pub(super) fn remove(&mut self, number: NoticeNumber) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        if !entry.taken {
            self.pending.remove(&(entry.from, number));
        }
        Some(entry)
    }

    /// Gives back all that were taken, as the death of the process does.
    #[cfg(any(test, feature = "conformance"))]
    pub(super) fn give_back_all(&mut self) {
        for (number, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.taken) {
            entry.taken = false;
            self.pending.insert((entry.from, *number));
        }
    }

    /// The first `most` notices after `after` that are not taken.
    pub(super) fn pending_after(&self, after: NoticePosition, most: usize) -> Vec<(NoticePosition, Entry)> {
        let after = (Bound::Excluded((after.from, after.number)), Bound::Unbounded);
        let pending = self.pending.range(after).take(most);
        let found = |(from, number): &(Timestamp, NoticeNumber)| {
            Some((NoticePosition { from: *from, number: *number }, *self.entries.get(number)?))
        };
        pending.filter_map(found).collect()
    }

    pub(super) fn left(&self, now: Timestamp) -> Left {
        match self.pending.first() {
            None => Left::Nothing,
            Some((from, _)) if *from <= now => Left::Ready,
            Some((from, _)) => Left::From(*from),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
