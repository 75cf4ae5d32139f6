//! Checks that the calls of concurrent clients on one entry of a key-value store could have been made one after the other, each
//! at some time between its begin and its end: the algorithm of Wing and Gong, with states that were seen before left out.

use std::collections::HashSet;

/// What a client asked for. Versions are those that the store gives to values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Reads the entry.
    Get,
    /// Writes a value.
    Set(i64),
    /// Writes a value if the entry has this version, or if there is none.
    Swap(Option<u64>, i64),
    /// Adds to the value; no entry counts as 0.
    Increment(i64),
    /// Removes the entry.
    Remove,
}

/// What it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// To [`Operation::Get`]: the value and its version.
    Entry(Option<(i64, u64)>),
    /// To [`Operation::Set`].
    Version(u64),
    /// To [`Operation::Swap`]; `None` if the entry was another one.
    Swapped(Option<u64>),
    /// To [`Operation::Increment`].
    Sum(i64),
    /// To [`Operation::Remove`].
    Removed(bool),
}

/// A call, with its times by one clock of all clients.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// What was asked for.
    pub operation: Operation,
    /// When the client sent it.
    pub began: u64,
    /// When the client had the answer, and the answer; `None` if it got none. Then the call may have had its effect at any time
    /// since, or never.
    pub answer: Option<(u64, Answer)>,
}

/// An entry: its value, and its version as far as an answer has told it.
type Entry = Option<(i64, Option<u64>)>;

/// Whether an entry has an expected version.
#[derive(PartialEq)]
enum Match {
    Yes,
    No,
    Maybe,
}

fn compare(entry: Entry, expected: Option<u64>) -> Match {
    match (entry, expected) {
        (None, None) => Match::Yes,
        (Some((_, Some(version))), Some(expected)) if version == expected => Match::Yes,
        (Some((_, None)), Some(_)) => Match::Maybe,
        _ => Match::No,
    }
}

/// Returns the entry after a call with this answer; `None` if the call cannot have been answered so.
fn answered(entry: Entry, operation: Operation, answer: Answer) -> Option<Entry> {
    match (operation, answer) {
        (Operation::Get, Answer::Entry(None)) => entry.is_none().then_some(None),
        (Operation::Get, Answer::Entry(Some((value, version)))) => {
            let (own, own_version) = entry?;
            (own == value && own_version.is_none_or(|own| own == version)).then_some(Some((value, Some(version))))
        }
        (Operation::Set(value), Answer::Version(version)) => Some(Some((value, Some(version)))),
        (Operation::Swap(expected, value), Answer::Swapped(Some(version))) => {
            (compare(entry, expected) != Match::No).then_some(Some((value, Some(version))))
        }
        (Operation::Swap(expected, _), Answer::Swapped(None)) => {
            (compare(entry, expected) != Match::Yes).then_some(entry)
        }
        (Operation::Increment(by), Answer::Sum(sum)) => {
            (entry.map_or(0, |(value, _)| value) + by == sum).then_some(Some((sum, None)))
        }
        (Operation::Remove, Answer::Removed(was_removed)) => (entry.is_some() == was_removed).then_some(None),
        _ => None,
    }
}

/// Returns the entry after a call without an answer that has an effect; `None` if it has none.
fn unanswered(entry: Entry, operation: Operation) -> Option<Entry> {
    match operation {
        Operation::Get => None,
        Operation::Set(value) => Some(Some((value, None))),
        Operation::Swap(expected, value) => (compare(entry, expected) != Match::No).then_some(Some((value, None))),
        Operation::Increment(by) => Some(Some((entry.map_or(0, |(value, _)| value) + by, None))),
        Operation::Remove => entry.is_some().then_some(None),
    }
}

/// Some calls in an order that is possible.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Order {
    /// All answered calls before this one are in it.
    next: usize,
    /// The answered calls after `next` that are in it, ascending.
    later: Vec<usize>,
    /// The calls without an answer that are in it, one bit each.
    unanswered: u128,
    entry: Entry,
}

impl Order {
    fn has(&self, call: usize) -> bool {
        call < self.next || self.later.binary_search(&call).is_ok()
    }

    /// Returns the order with one more answered call.
    fn with(&self, call: usize, entry: Entry) -> Self {
        let mut order = Self { entry, ..self.clone() };
        let at = order.later.binary_search(&call).unwrap_or_else(|at| at);
        order.later.insert(at, call);
        let in_order = order.later.iter().zip(order.next..).take_while(|(call, next)| *call == next).count();
        order.later.drain(..in_order);
        order.next += in_order;
        order
    }
}

/// Returns whether there is an order of the calls on one entry, which does not exist at first, that explains all answers.
///
/// # Panics
///
/// If more than 128 calls have no answer.
pub fn is_linearizable(calls: &[Call]) -> bool {
    let mut done: Vec<(u64, u64, Operation, Answer)> = calls
        .iter()
        .filter_map(|call| call.answer.map(|(ended, answer)| (call.began, ended, call.operation, answer)))
        .collect();
    done.sort_by_key(|(began, ..)| *began);
    let without = |call: &&Call| call.answer.is_none() && call.operation != Operation::Get;
    let lost: Vec<&Call> = calls.iter().filter(without).collect();
    assert!(lost.len() <= 128, "{} calls have no answer", lost.len());
    let mut orders = vec![Order { next: 0, later: Vec::new(), unanswered: 0, entry: None }];
    let mut seen = HashSet::new();
    while let Some(order) = orders.pop() {
        if order.next == done.len() {
            return true;
        }
        // A call comes before all that began when it had ended.
        let (mut first_end, mut candidates) = (u64::MAX, Vec::new());
        for (call, (began, ended, ..)) in done.iter().enumerate().skip(order.next) {
            if *began > first_end {
                break;
            }
            if !order.has(call) {
                first_end = first_end.min(*ended);
                candidates.push(call);
            }
        }
        for (bit, call) in lost.iter().enumerate() {
            if order.unanswered & 1 << bit == 0
                && call.began <= first_end
                && let Some(entry) = unanswered(order.entry, call.operation)
            {
                let next = Order { unanswered: order.unanswered | 1 << bit, entry, ..order.clone() };
                if seen.insert(next.clone()) {
                    orders.push(next);
                }
            }
        }
        // Tried first, because they are last here: most histories need few calls without an answer.
        for call in candidates.into_iter().rev() {
            let (began, _, operation, answer) = done[call];
            if began <= first_end
                && let Some(entry) = answered(order.entry, operation, answer)
            {
                let next = order.with(call, entry);
                if seen.insert(next.clone()) {
                    orders.push(next);
                }
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: Operation, began: u64, ended: u64, answer: Answer) -> Call {
        Call { operation, began, answer: Some((ended, answer)) }
    }

    fn lost(operation: Operation, began: u64) -> Call {
        Call { operation, began, answer: None }
    }

    fn get(began: u64, ended: u64, entry: Option<(i64, u64)>) -> Call {
        call(Operation::Get, began, ended, Answer::Entry(entry))
    }

    fn set(began: u64, ended: u64, value: i64, version: u64) -> Call {
        call(Operation::Set(value), began, ended, Answer::Version(version))
    }

    #[test]
    fn calls_one_after_the_other_have_one_order() {
        let calls = [
            get(1, 2, None),
            set(3, 4, 7, 1),
            get(5, 6, Some((7, 1))),
            call(Operation::Swap(Some(1), 8), 7, 8, Answer::Swapped(Some(2))),
            call(Operation::Swap(Some(1), 9), 9, 10, Answer::Swapped(None)),
            call(Operation::Increment(2), 11, 12, Answer::Sum(10)),
            call(Operation::Remove, 13, 14, Answer::Removed(true)),
            call(Operation::Remove, 15, 16, Answer::Removed(false)),
        ];
        assert!(is_linearizable(&calls));
        for wrong in 0..calls.len() {
            // Without an earlier call, its effect is missing later.
            let mut calls = calls.to_vec();
            calls.remove(wrong);
            assert_eq!(is_linearizable(&calls), [0, 2, 4, 5, 7].contains(&wrong), "without call {wrong}");
        }
    }

    #[test]
    fn calls_at_the_same_time_have_any_order() {
        let during = [set(1, 10, 1, 1), set(2, 9, 2, 2), get(3, 4, Some((2, 2))), get(11, 12, Some((1, 1)))];
        assert!(is_linearizable(&during));
        let stale = [set(1, 2, 1, 1), set(3, 4, 2, 2), get(5, 6, Some((1, 1)))];
        assert!(!is_linearizable(&stale), "it read what was overwritten before");
        let back = [set(1, 10, 1, 1), get(2, 3, Some((1, 1))), get(4, 5, None)];
        assert!(!is_linearizable(&back), "what was read is there");
    }

    #[test]
    fn calls_without_an_answer_have_their_effect_later_or_never() {
        let increment = |began, ended, sum| call(Operation::Increment(1), began, ended, Answer::Sum(sum));
        let calls = [increment(1, 2, 1), lost(Operation::Increment(1), 3), increment(5, 6, 2), increment(7, 8, 4)];
        assert!(is_linearizable(&calls));
        assert!(is_linearizable(&calls[..3]));
        let twice = [increment(1, 2, 1), lost(Operation::Increment(1), 3), increment(5, 6, 4)];
        assert!(!is_linearizable(&twice), "it has its effect once");
        let early = [increment(1, 2, 2), lost(Operation::Increment(1), 3)];
        assert!(!is_linearizable(&early), "it has no effect before it began");
        let swapped = [set(1, 2, 1, 1), lost(Operation::Swap(Some(1), 2), 3), get(4, 5, Some((2, 9)))];
        assert!(is_linearizable(&swapped));
        let not_swapped = [set(1, 2, 1, 1), lost(Operation::Swap(Some(5), 2), 3), get(4, 5, Some((2, 9)))];
        assert!(!is_linearizable(&not_swapped));
    }
}
