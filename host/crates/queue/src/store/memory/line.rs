//! The line: who comes next. Ready jobs by priority and place, delayed ones by their time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use saggar_job::{JobId, Timestamp};

use crate::Left;

#[derive(Default)]
pub(super) struct Line {
    ready: BTreeMap<(Reverse<i16>, Place), Ready>,
    delayed: BTreeMap<(Timestamp, Place), Delayed>,
    last_place: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

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
pub(super) struct Stood {
    place: Place,
    pub(super) since: Timestamp,
}

/// Where a job stands in the line. A job that was delayed and became ready is found by its new place only, so the line
/// tells of every promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    Nowhere,
    Ready(Place),
    Delayed(Timestamp, Place),
}

impl Line {
    /// Lets a job take its place, or wait for its time.
    pub(super) fn enter(&mut self, id: JobId, priority: i16, run_at: Timestamp, now: Timestamp) -> Spot {
        let place = self.next_place();
        if run_at <= now {
            self.ready.insert((Reverse(priority), place), Ready { id, since: now });
            Spot::Ready(place)
        } else {
            self.delayed.insert((run_at, place), Delayed { id, priority });
            Spot::Delayed(run_at, place)
        }
    }

    /// Lets a job that was claimed be ready again, at the position that it had.
    pub(super) fn enter_at(&mut self, id: JobId, priority: i16, Stood { place, .. }: Stood, now: Timestamp) -> Spot {
        self.push_back(id, priority, Stood { place, since: now })
    }

    /// Takes a job out of the line, wherever it stands.
    pub(super) fn leave(&mut self, spot: Spot, priority: i16) {
        match spot {
            Spot::Nowhere => {}
            Spot::Ready(place) => drop(self.ready.remove(&(Reverse(priority), place))),
            Spot::Delayed(run_at, place) => drop(self.delayed.remove(&(run_at, place))),
        }
    }

    /// Lets delayed jobs whose time has come take their places, up to `most`; tells of each, and answers how many did.
    pub(super) fn promote(&mut self, most: usize, now: Timestamp, mut moved: impl FnMut(JobId, Spot)) -> usize {
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
    pub(super) fn pop(&mut self) -> Option<(JobId, Stood)> {
        self.ready.pop_first().map(|((_, place), Ready { id, since })| (id, Stood { place, since }))
    }

    /// Lets a job that was taken stand where it stood.
    pub(super) fn push_back(&mut self, id: JobId, priority: i16, Stood { place, since }: Stood) -> Spot {
        self.ready.insert((Reverse(priority), place), Ready { id, since });
        Spot::Ready(place)
    }

    pub(super) fn left(&self) -> Left {
        if !self.ready.is_empty() {
            return Left::Ready;
        }
        self.delayed.first_key_value().map_or(Left::Nothing, |((run_at, _), _)| Left::From(*run_at))
    }

    pub(super) fn delayed(&self) -> usize {
        self.delayed.len()
    }

    pub(super) fn first_ready_at(&self) -> Option<Timestamp> {
        self.ready.first_key_value().map(|(_, ready)| ready.since)
    }

    fn next_place(&mut self) -> Place {
        self.last_place += 1;
        Place(self.last_place)
    }
}
