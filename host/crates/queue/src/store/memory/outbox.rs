//! The outbox: notices in the order in which they are to be told.

use std::collections::{BTreeSet, HashMap};

use saggar_job::{JobId, Timestamp};

use crate::{Left, NoticeNumber};

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
    /// Where it stands among the pending; none while it is taken.
    pending: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Added,
    End,
}

impl Outbox {
    pub(super) fn put(&mut self, id: JobId, about: About) {
        self.last_number += 1;
        let (number, from) = (NoticeNumber(self.last_number), Timestamp(0));
        self.entries.insert(number, Entry { id, about, tries: 0, pending: Some(from) });
        self.pending.insert((from, number));
    }

    /// Takes the first notice whose time has come.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<(NoticeNumber, Entry)> {
        let first = *self.pending.first().filter(|(from, _)| *from <= now)?;
        self.pending.remove(&first);
        let entry = self.entries.get_mut(&first.1)?;
        entry.pending = None;
        Some((first.1, *entry))
    }

    /// Gives back a notice that was taken.
    pub(super) fn put_off(&mut self, number: NoticeNumber, until: Timestamp) {
        if let Some(entry) = self.entries.get_mut(&number).filter(|entry| entry.pending.is_none()) {
            entry.tries = entry.tries.saturating_add(1);
            entry.pending = Some(until);
            self.pending.insert((until, number));
        }
    }

    pub(super) fn remove(&mut self, number: NoticeNumber) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        if let Some(from) = entry.pending {
            self.pending.remove(&(from, number));
        }
        Some(entry)
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
