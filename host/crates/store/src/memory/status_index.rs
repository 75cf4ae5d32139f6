//! The status index: all jobs of a task in insertion order, with their status, for lists. It has one bit per job and
//! status, in chunks that count their bits: a step changes a few bits, and a list skips hundreds of jobs with another
//! status at a time.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use saggar_job::{JobId, Status, Timestamp};

/// Jobs per chunk: few enough that one chunk is cheap for a small task (4 KiB), enough that a million jobs need some
/// thousand chunks.
const CHUNK: usize = 256;
const WORDS: usize = CHUNK / 64;
/// Lists retained for the next chunks: as many as one pruning step frees.
const SPARE: usize = 16;

#[derive(Default)]
pub(super) struct StatusIndex {
    chunks: VecDeque<Chunk>,
    /// The number of the first chunk, counted since the beginning.
    first_chunk: u64,
    /// Lists of freed chunks, for the next chunks. Otherwise every chunk would be an unusually large allocation, at
    /// which allocators tidy up.
    spare: Vec<Vec<IndexEntry>>,
}

/// A job's position in the index: the number of its chunk times [`CHUNK`], plus its position in the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u64);

/// A job in insertion order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexEntry {
    pub(super) number: u64,
    pub(super) id: JobId,
}

/// Which jobs of the index to visit, and in which order.
pub(super) struct Walk<'a> {
    pub(super) statuses: &'a [Status],
    /// Insertion numbers.
    pub(super) numbers: RangeInclusive<u64>,
    /// When they were added. Other jobs are visited as well, but not whole chunks of them.
    pub(super) added: RangeInclusive<Timestamp>,
    pub(super) newest_first: bool,
}

struct Chunk {
    /// The insertion number of its first job. It does not change when that job is removed, so that chunks can be
    /// searched by it.
    first_number: u64,
    /// The earliest and the latest time at which its jobs were added.
    added: (Timestamp, Timestamp),
    /// Its jobs per status.
    counts: [u16; 4],
    /// Freed when the chunk was full and its last job was removed.
    body: Option<Box<Body>>,
}

struct Body {
    entries: Vec<IndexEntry>,
    bits: [[u64; WORDS]; 4],
}

impl StatusIndex {
    /// Adds a new job, whose number is higher than all before it; returns its slot.
    pub(super) fn enter(&mut self, number: u64, id: JobId, added_at: Timestamp, status: Status) -> Slot {
        let full = |chunk: &Chunk| chunk.body.as_ref().is_none_or(|body| body.entries.len() >= CHUNK);
        if self.chunks.back().is_none_or(full) {
            let entries = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK));
            let body = Box::new(Body { entries, bits: [[0; WORDS]; 4] });
            self.chunks.push_back(Chunk {
                first_number: number,
                added: (added_at, added_at),
                counts: [0; 4],
                body: Some(body),
            });
        }
        let chunk = self.first_chunk + self.chunks.len() as u64 - 1;
        let mut slot = Slot(chunk * CHUNK as u64);
        if let Some(Chunk { added, counts, body: Some(body), .. }) = self.chunks.back_mut() {
            *added = (added.0.min(added_at), added.1.max(added_at));
            slot.0 += body.entries.len() as u64;
            body.entries.push(IndexEntry { number, id });
            counts[status as usize] += 1;
            body.set(slot, status);
        }
        slot
    }

    /// Records that a job went from one status to another.
    pub(super) fn change(&mut self, slot: Slot, from: Status, to: Status) {
        if let Some(Chunk { counts, body: Some(body), .. }) = self.chunk_mut(slot) {
            counts[from as usize] -= 1;
            counts[to as usize] += 1;
            body.clear(slot, from);
            body.set(slot, to);
        }
    }

    /// Removes a job.
    pub(super) fn leave(&mut self, slot: Slot, from: Status) {
        let Some(chunk) = self.chunk_mut(slot) else { return };
        let Some(body) = &mut chunk.body else { return };
        chunk.counts[from as usize] -= 1;
        body.clear(slot, from);
        if chunk.counts == [0; 4] && body.entries.len() >= CHUNK {
            if let Some(mut body) = chunk.body.take()
                && self.spare.len() < SPARE
            {
                body.entries.clear();
                self.spare.push(body.entries);
            }
            while self.chunks.front().is_some_and(|first| first.body.is_none()) {
                self.chunks.pop_front();
                self.first_chunk += 1;
            }
        }
    }

    /// Returns the job in a slot.
    pub(super) fn entry(&self, slot: Slot) -> Option<IndexEntry> {
        let chunk = self.chunks.get(usize::try_from((slot.0 / CHUNK as u64).checked_sub(self.first_chunk)?).ok()?)?;
        chunk.body.as_ref()?.entries.get((slot.0 % CHUNK as u64) as usize).copied()
    }

    /// Calls `visit` with one job after the other, until it returns false.
    pub(super) fn walk(&self, walk: &Walk<'_>, mut visit: impl FnMut(IndexEntry) -> bool) {
        let end = self.chunks.partition_point(|chunk| chunk.first_number <= *walk.numbers.end());
        let first = self.chunks.partition_point(|chunk| chunk.first_number <= *walk.numbers.start()).saturating_sub(1);
        let mut visit_chunk = |chunk: &Chunk| match &chunk.body {
            Some(body) if chunk.may_match(walk) => body.walk(walk, &mut visit),
            _ => true,
        };
        let mut chunks = self.chunks.range(first.min(end)..end);
        if walk.newest_first {
            chunks.rev().all(&mut visit_chunk)
        } else {
            chunks.all(&mut visit_chunk)
        };
    }

    fn chunk_mut(&mut self, slot: Slot) -> Option<&mut Chunk> {
        self.chunks.get_mut((slot.0 / CHUNK as u64 - self.first_chunk) as usize)
    }
}

impl Slot {
    fn word(self) -> usize {
        (self.0 % CHUNK as u64) as usize / 64
    }
}

impl Chunk {
    fn may_match(&self, walk: &Walk<'_>) -> bool {
        self.added.0 <= *walk.added.end()
            && self.added.1 >= *walk.added.start()
            && walk.statuses.iter().any(|status| self.counts[*status as usize] > 0)
    }
}

impl Body {
    fn set(&mut self, slot: Slot, status: Status) {
        self.bits[status as usize][slot.word()] |= 1 << (slot.0 % 64);
    }

    fn clear(&mut self, slot: Slot, status: Status) {
        self.bits[status as usize][slot.word()] &= !(1 << (slot.0 % 64));
    }

    /// Returns false if `visit` did.
    fn walk(&self, walk: &Walk<'_>, visit: &mut impl FnMut(IndexEntry) -> bool) -> bool {
        let Walk { statuses, numbers, newest_first, .. } = walk;
        let newest_first = *newest_first;
        for step in 0..WORDS {
            let word = if newest_first { WORDS - 1 - step } else { step };
            let mut bits = statuses.iter().fold(0, |bits, status| bits | self.bits[*status as usize][word]);
            while bits != 0 {
                let bit = if newest_first { 63 - bits.leading_zeros() } else { bits.trailing_zeros() };
                bits &= !(1 << bit);
                let entry = self.entries[word * 64 + bit as usize];
                if numbers.contains(&entry.number) && !visit(entry) {
                    return false;
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(
        status_index: &StatusIndex,
        statuses: &[Status],
        numbers: RangeInclusive<u64>,
        newest_first: bool,
    ) -> Vec<u64> {
        let mut seen = Vec::new();
        let walk = Walk { statuses, numbers, added: Timestamp(0)..=Timestamp(u64::MAX), newest_first };
        status_index.walk(&walk, |entry| {
            seen.push(entry.number);
            true
        });
        seen
    }

    #[test]
    fn a_walk_visits_matching_jobs_in_order() {
        let mut status_index = StatusIndex::default();
        let numbers: Vec<u64> = (0..5_000).map(|n| n * 3).collect();
        let slots: Vec<Slot> =
            numbers.iter().map(|n| status_index.enter(*n, JobId(*n), Timestamp(1), Status::Waiting)).collect();
        for (at, slot) in slots.iter().enumerate() {
            match at % 4 {
                0 => status_index.change(*slot, Status::Waiting, Status::Running),
                1 => status_index.leave(*slot, Status::Waiting),
                _ => {}
            }
        }
        let of = |wanted: &[usize], range: RangeInclusive<u64>| -> Vec<u64> {
            let wanted = numbers.iter().enumerate().filter(|(at, _)| wanted.contains(&(at % 4)));
            wanted.map(|(_, number)| *number).filter(|number| range.contains(number)).collect()
        };
        for range in [0..=u64::MAX, 0..=0, 700..=9_001, 3_000..=3_000, 14_997..=20_000, 15_000..=20_000] {
            for (statuses, wanted) in [
                (&[Status::Waiting][..], &[2, 3][..]),
                (&[Status::Running], &[0]),
                (&[Status::Success], &[]),
                (&Status::ALL, &[0, 2, 3]),
            ] {
                let mut expected = of(wanted, range.clone());
                assert_eq!(walked(&status_index, statuses, range.clone(), false), expected, "{range:?}");
                expected.reverse();
                assert_eq!(walked(&status_index, statuses, range.clone(), true), expected, "{range:?}");
            }
        }
    }

    #[test]
    fn empty_chunks_are_freed() {
        let mut status_index = StatusIndex::default();
        let slots: Vec<Slot> =
            (0..10_000).map(|n| status_index.enter(n, JobId(n), Timestamp(n), Status::Waiting)).collect();
        for slot in &slots[1..9_999] {
            status_index.leave(*slot, Status::Waiting);
        }
        assert_eq!(status_index.chunks.iter().filter(|chunk| chunk.body.is_some()).count(), 2);
        assert_eq!(walked(&status_index, &Status::ALL, 0..=u64::MAX, true), [9_999, 0]);
        status_index.leave(slots[0], Status::Waiting);
        assert_eq!((status_index.chunks.len(), status_index.first_chunk), (1, 39));
        assert_eq!(status_index.spare.len(), SPARE);
        status_index.change(slots[9_999], Status::Waiting, Status::Failure);
        assert_eq!(walked(&status_index, &[Status::Failure], 9_999..=9_999, false), [9_999]);
    }

    #[test]
    fn a_walk_stops_when_the_visitor_returns_false() {
        let mut status_index = StatusIndex::default();
        for n in 0..3_000 {
            status_index.enter(n, JobId(n), Timestamp(n), Status::Waiting);
        }
        let walk = |added| Walk { statuses: &[Status::Waiting], numbers: 0..=u64::MAX, added, newest_first: true };
        let mut seen = 0;
        status_index.walk(&walk(Timestamp(0)..=Timestamp(u64::MAX)), |_| {
            seen += 1;
            seen < 1_500
        });
        assert_eq!(seen, 1_500);
        let mut seen = Vec::new();
        status_index.walk(&walk(Timestamp(5)..=Timestamp(5)), |entry| {
            seen.push(entry.number);
            true
        });
        assert!(seen.len() <= CHUNK && seen.contains(&5), "whole chunks of another time are skipped");
    }
}
