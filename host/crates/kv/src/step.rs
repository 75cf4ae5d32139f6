//! What a change does to an entry.

use saggar_job::Timestamp;

use crate::operation::bounded_ttl;
use crate::{KvAnswer, KvChange, KvRefusal, KvStored};

/// What a store does for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvEffect {
    /// Nothing.
    None,
    /// Writes the entry.
    Put(KvStored),
    /// Removes the entry.
    Remove,
}

/// The effect of a change, and its answer if the effect is within the bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvPlan {
    /// The effect.
    pub effect: KvEffect,
    /// The answer.
    pub answer: KvAnswer,
}

/// Returns what `change` does to the entry that is stored now. An entry that has expired at `now` is the same as none.
/// `version` is the version of a value that is written: greater than every one that the tenant has had.
///
/// # Errors
///
/// [`KvRefusal::NotANumber`] and [`KvRefusal::Overflow`]. A store checks the bounds itself, with
/// [`KvUsage::replacing`](crate::KvUsage::replacing).
pub fn plan(change: KvChange, stored: Option<&KvStored>, version: u64, now: Timestamp) -> Result<KvPlan, KvRefusal> {
    let stored = stored.filter(|stored| stored.is_live(now));
    let put = |value: Vec<u8>, expires_at| KvEffect::Put(KvStored { value, version, expires_at });
    let is_as = |expected: Option<u64>| stored.map(|stored| stored.version) == expected;
    let (effect, answer) = match change {
        KvChange::Set { value, ttl_ms } => (put(value, expiry(ttl_ms, now)), KvAnswer::Version(version)),
        KvChange::Swap { expected, value, ttl_ms } if is_as(expected) => {
            (put(value, expiry(ttl_ms, now)), KvAnswer::Swapped(Some(version)))
        }
        KvChange::Swap { .. } => (KvEffect::None, KvAnswer::Swapped(None)),
        KvChange::Increment { by, ttl_ms } => {
            let number = stored.map_or(Ok(0), number)?;
            let sum = number.checked_add(by).ok_or(KvRefusal::Overflow { number, by })?;
            let expires_at = stored.map_or_else(|| expiry(ttl_ms, now), |stored| stored.expires_at);
            (put(sum.to_string().into_bytes(), expires_at), KvAnswer::Number(sum))
        }
        KvChange::Delete { expected } if stored.is_some() && (expected.is_none() || is_as(expected)) => {
            (KvEffect::Remove, KvAnswer::Deleted(true))
        }
        KvChange::Delete { .. } => (KvEffect::None, KvAnswer::Deleted(false)),
    };
    Ok(KvPlan { effect, answer })
}

fn expiry(ttl_ms: Option<u64>, now: Timestamp) -> Option<Timestamp> {
    ttl_ms.map(|ttl_ms| now.plus_ms(bounded_ttl(ttl_ms)))
}

/// Reads a number as [`KvChange::Increment`] writes it, so that it is JSON as well: no plus sign, no zeros in front.
fn number(stored: &KvStored) -> Result<i64, KvRefusal> {
    let text = std::str::from_utf8(&stored.value).map_err(|_| KvRefusal::NotANumber)?;
    let number: i64 = text.parse().map_err(|_| KvRefusal::NotANumber)?;
    if number.to_string() == text { Ok(number) } else { Err(KvRefusal::NotANumber) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KvKeys, KvLimits, KvOperation, KvUsage, MAX_KEY, MAX_TTL_MS, MAX_VALUE};

    const NOW: Timestamp = Timestamp(1_000);

    fn stored(value: &str) -> KvStored {
        KvStored { value: value.into(), version: 7, expires_at: Some(Timestamp(2_000)) }
    }

    fn done(change: KvChange, stored: Option<&KvStored>) -> (KvEffect, KvAnswer) {
        let KvPlan { effect, answer } = plan(change, stored, 8, NOW).unwrap();
        (effect, answer)
    }

    #[test]
    fn only_the_expected_version_is_swapped_or_deleted() {
        let swap = |expected| KvChange::Swap { expected, value: b"b".to_vec(), ttl_ms: None };
        let put = KvEffect::Put(KvStored { value: b"b".to_vec(), version: 8, expires_at: None });
        let entry = stored("a");
        assert_eq!(done(swap(Some(7)), Some(&entry)), (put.clone(), KvAnswer::Swapped(Some(8))));
        assert_eq!(done(swap(None), None), (put, KvAnswer::Swapped(Some(8))));
        for (expected, entry) in [(Some(6), Some(&entry)), (None, Some(&entry)), (Some(7), None)] {
            assert_eq!(done(swap(expected), entry), (KvEffect::None, KvAnswer::Swapped(None)));
        }
        let delete = |expected| KvChange::Delete { expected };
        for expected in [None, Some(7)] {
            assert_eq!(done(delete(expected), Some(&entry)), (KvEffect::Remove, KvAnswer::Deleted(true)));
        }
        for (expected, entry) in [(Some(6), Some(&entry)), (None, None), (Some(7), None)] {
            assert_eq!(done(delete(expected), entry), (KvEffect::None, KvAnswer::Deleted(false)));
        }
    }

    #[test]
    fn an_expired_entry_is_the_same_as_none() {
        let expired = KvStored { expires_at: Some(NOW), ..stored("5") };
        let increment = KvChange::Increment { by: 2, ttl_ms: Some(u64::MAX) };
        let (effect, answer) = done(increment, Some(&expired));
        let expires_at = Some(NOW.plus_ms(MAX_TTL_MS));
        assert_eq!(effect, KvEffect::Put(KvStored { value: b"2".to_vec(), version: 8, expires_at }));
        assert_eq!(answer, KvAnswer::Number(2));
        assert_eq!(expired.seen(NOW), None);
        assert_eq!(stored("5").seen(NOW).unwrap().expires_in_ms, Some(1_000));
    }

    #[test]
    fn numbers_are_incremented_and_nothing_else() {
        let increment = |by| KvChange::Increment { by, ttl_ms: Some(5) };
        let entry = stored("-41");
        let put = KvEffect::Put(KvStored { value: b"1".to_vec(), version: 8, expires_at: entry.expires_at });
        assert_eq!(done(increment(42), Some(&entry)), (put, KvAnswer::Number(1)), "it keeps its time");
        for text in ["", "+1", "01", " 1", "1.0", "9223372036854775808", "\"1\""] {
            assert_eq!(plan(increment(1), Some(&stored(text)), 8, NOW), Err(KvRefusal::NotANumber), "{text}");
        }
        let most = stored(&i64::MAX.to_string());
        let overflow = KvRefusal::Overflow { number: i64::MAX, by: 1 };
        assert_eq!(plan(increment(1), Some(&most), 8, NOW), Err(overflow));
    }

    #[test]
    fn bounds_are_exact() {
        let one = KvStored::bytes("key", 10);
        let limits = KvLimits { keys: 2, bytes: 2 * one };
        let first = KvUsage::default().replacing("key", None, 10, &limits).unwrap();
        let full = first.replacing("yek", None, 10, &limits).unwrap();
        assert_eq!(full, KvUsage { keys: 2, bytes: 2 * one });
        let bytes = KvRefusal::TooManyBytes { bytes: 2 * one + 1, limit: 2 * one };
        assert_eq!(full.replacing("key", Some(10), 11, &limits), Err(bytes));
        assert_eq!(full.replacing("key", Some(10), 9, &limits).unwrap().bytes, 2 * one - 1);
        let few = KvLimits { keys: 1, bytes: u64::MAX };
        assert_eq!(first.replacing("yek", None, 0, &few), Err(KvRefusal::TooManyKeys { keys: 1, limit: 1 }));
        let lowered = KvLimits { keys: 0, bytes: 0 };
        assert_eq!(full.replacing("key", Some(10), 10, &lowered).unwrap(), full, "what does not grow is allowed");
        assert_eq!(full.without("key", 10), first);
    }

    #[test]
    fn keys_and_values_have_lengths() {
        let get = |key: &str| KvOperation::Get { key: key.to_owned() }.check();
        assert_eq!(get(""), Err(KvRefusal::InvalidKey { bytes: 0 }));
        assert_eq!(get(&"k".repeat(MAX_KEY)), Ok(()));
        assert_eq!(get(&"k".repeat(MAX_KEY + 1)), Err(KvRefusal::InvalidKey { bytes: MAX_KEY + 1 }));
        let set = |bytes| {
            let change = KvChange::Set { value: vec![0; bytes], ttl_ms: None };
            KvOperation::Change { key: "k".to_owned(), change }.check()
        };
        assert_eq!(set(MAX_VALUE), Ok(()));
        assert_eq!(set(MAX_VALUE + 1), Err(KvRefusal::ValueTooLarge { bytes: MAX_VALUE + 1 }));
    }

    #[test]
    fn listings_are_bounded_and_say_where_to_continue() {
        let entries = || ["a1", "a2", "a3", "b"].into_iter().map(|key| Ok::<_, ()>((key.to_owned(), key != "a2")));
        let listed = |limit| KvKeys::of(entries(), "a", limit).unwrap();
        let keys = |keys: &[&str], next: Option<&str>| KvKeys {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            next: next.map(str::to_owned),
        };
        assert_eq!(listed(9), keys(&["a1", "a3"], None));
        assert_eq!(listed(2), keys(&["a1", "a3"], None));
        assert_eq!(listed(0), keys(&["a1"], Some("a1")));
        let many = (0..10_000).map(|number| Ok::<_, ()>((format!("{number:05}"), false)));
        assert_eq!(KvKeys::of(many, "", 1).unwrap(), keys(&[], Some("03999")));
    }
}
