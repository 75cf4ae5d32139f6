//! The ready queue: ready jobs by priority and position, delayed jobs by their due time.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use saggar_job::{JobId, Timestamp};

use crate::NextDue;

#[derive(Default)]
pub(super) struct ReadyQueue {
    ready: BTreeMap<(Reverse<i16>, Sequence), Ready>,
    delayed: BTreeMap<(Timestamp, Sequence), Delayed>,
    last_sequence: u64,
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

/// A job's position in the queue before it was claimed, and since when it was ready.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClaimedFrom {
    sequence: Sequence,
    pub(super) since: Timestamp,
}

/// A job's position in the queue. A delayed job that became ready is found by its new position only, so the queue
/// reports every promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    Nowhere,
    Ready(Sequence),
    Delayed(Timestamp, Sequence),
}

impl ReadyQueue {
    /// Adds a job, either ready or delayed until `run_at`.
    pub(super) fn enter(&mut self, id: JobId, priority: i16, run_at: Timestamp, now: Timestamp) -> Position {
        let sequence = self.next_sequence();
        if run_at <= now {
            self.ready.insert((Reverse(priority), sequence), Ready { id, since: now });
            Position::Ready(sequence)
        } else {
            self.delayed.insert((run_at, sequence), Delayed { id, priority });
            Position::Delayed(run_at, sequence)
        }
    }

    /// Makes a claimed job ready again, at its old position.
    pub(super) fn enter_at(
        &mut self,
        id: JobId,
        priority: i16,
        ClaimedFrom { sequence, .. }: ClaimedFrom,
        now: Timestamp,
    ) -> Position {
        self.push_back(id, priority, ClaimedFrom { sequence, since: now })
    }

    /// Removes a job from the queue, wherever it is.
    pub(super) fn leave(&mut self, position: Position, priority: i16) {
        match position {
            Position::Nowhere => {}
            Position::Ready(sequence) => drop(self.ready.remove(&(Reverse(priority), sequence))),
            Position::Delayed(run_at, sequence) => drop(self.delayed.remove(&(run_at, sequence))),
        }
    }

    /// Promotes up to `most` delayed jobs that are due; calls `moved` for each, and returns how many there were.
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

    /// Removes and returns the first ready job, with its position.
    pub(super) fn pop(&mut self) -> Option<(JobId, ClaimedFrom)> {
        self.ready.pop_first().map(|((_, sequence), Ready { id, since })| (id, ClaimedFrom { sequence, since }))
    }

    /// Makes a claimed job ready again, at its old position and since the same time.
    pub(super) fn push_back(
        &mut self,
        id: JobId,
        priority: i16,
        ClaimedFrom { sequence, since }: ClaimedFrom,
    ) -> Position {
        self.ready.insert((Reverse(priority), sequence), Ready { id, since });
        Position::Ready(sequence)
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

    fn next_sequence(&mut self) -> Sequence {
        self.last_sequence += 1;
        Sequence(self.last_sequence)
    }
}
