//! The line: who comes next. Ready jobs by priority and place, delayed ones by their time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use saggar_job::{JobId, Timestamp};

use crate::NextDue;

#[derive(Default)]
pub(super) struct ReadyQueue {
    ready: BTreeMap<(Reverse<i16>, Sequence), Ready>,
    delayed: BTreeMap<(Timestamp, Sequence), Delayed>,
    last_place: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sequence(u64);

struct Ready {
    id: JobId,
    since: Timestamp,
}

struct Delayed {
    id: JobId,
    priority: i16,
}

/// Where a job stood in the line before it was taken, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClaimedFrom {
    place: Sequence,
    pub(super) since: Timestamp,
}

/// Where a job stands in the line. A job that was delayed and became ready is found by its new place only, so the line
/// tells of every promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    Nowhere,
    Ready(Sequence),
    Delayed(Timestamp, Sequence),
}

impl ReadyQueue {
    /// Lets a job take its place, or wait for its time.
    pub(super) fn enter(&mut self, id: JobId, priority: i16, run_at: Timestamp, now: Timestamp) -> Position {
        let place = self.next_place();
        if run_at <= now {
            self.ready.insert((Reverse(priority), place), Ready { id, since: now });
            Position::Ready(place)
        } else {
            self.delayed.insert((run_at, place), Delayed { id, priority });
            Position::Delayed(run_at, place)
        }
    }

    /// Lets a job that was claimed be ready again, at the position that it had.
    pub(super) fn enter_at(
        &mut self,
        id: JobId,
        priority: i16,
        ClaimedFrom { place, .. }: ClaimedFrom,
        now: Timestamp,
    ) -> Position {
        self.push_back(id, priority, ClaimedFrom { place, since: now })
    }

    /// Takes a job out of the line, wherever it stands.
    pub(super) fn leave(&mut self, position: Position, priority: i16) {
        match position {
            Position::Nowhere => {}
            Position::Ready(place) => drop(self.ready.remove(&(Reverse(priority), place))),
            Position::Delayed(run_at, place) => drop(self.delayed.remove(&(run_at, place))),
        }
    }

    /// Lets delayed jobs whose time has come take their places, up to `most`; tells of each, and answers how many did.
    pub(super) fn promote(&mut self, most: usize, now: Timestamp, mut moved: impl FnMut(JobId, Position)) -> usize {
        for promoted in 0..most {
            match self.delayed.first_entry() {
                Some(first) if first.key().0 <= now => {
                    let Delayed { id, priority } = first.remove();
                    moved(id, self.enter(id, priority, now, now));
                }
                _ => return promoted,
            }
        }
        most
    }

    /// Takes the first ready job; answers where it stood, too.
    pub(super) fn pop(&mut self) -> Option<(JobId, ClaimedFrom)> {
        self.ready.pop_first().map(|((_, place), Ready { id, since })| (id, ClaimedFrom { place, since }))
    }

    /// Lets a job that was taken stand where it stood.
    pub(super) fn push_back(
        &mut self,
        id: JobId,
        priority: i16,
        ClaimedFrom { place, since }: ClaimedFrom,
    ) -> Position {
        self.ready.insert((Reverse(priority), place), Ready { id, since });
        Position::Ready(place)
    }

    pub(super) fn next_due(&self) -> NextDue {
        if !self.ready.is_empty() {
            return NextDue::Now;
        }
        self.delayed.first_key_value().map_or(NextDue::Nothing, |((run_at, _), _)| NextDue::At(*run_at))
    }

    pub(super) fn delayed(&self) -> usize {
        self.delayed.len()
    }

    pub(super) fn first_ready_at(&self) -> Option<Timestamp> {
        self.ready.first_key_value().map(|(_, ready)| ready.since)
    }

    fn next_place(&mut self) -> Sequence {
        self.last_place += 1;
        Sequence(self.last_place)
    }
}
