//! The operations of a key-value store and their answers, as plain values: they can be recorded and compared. Records of
//! attempts contain them, so new variants and fields come last, and none is removed or changed.

use serde::{Deserialize, Serialize};

use crate::{EXAMINED, KvEntry, KvRefusal, MAX_KEY, MAX_TTL_MS, MAX_VALUE, PAGE};

/// An operation of a guest on its tenant's key-value store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KvOperation {
    /// Reads an entry.
    Get {
        /// Its key.
        key: String,
    },
    /// Lists keys in the order of their bytes.
    Keys {
        /// What the keys begin with; may be empty.
        prefix: String,
        /// Only keys after this one.
        after: Option<String>,
        /// The most keys; 0 is taken as 1, and more than [`PAGE`] as `PAGE`.
        limit: u32,
    },
    /// Changes an entry.
    Change {
        /// Its key.
        key: String,
        /// The change.
        change: KvChange,
    },
}

/// A change of one entry. All of it happens in one atomic step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KvChange {
    /// Writes a value, whether or not there is one.
    Set {
        /// The value.
        value: Vec<u8>,
        /// When the entry expires; `None` if it does not.
        ttl_ms: Option<u64>,
    },
    /// Writes a value if the entry is as the caller knows it.
    Swap {
        /// The version that the entry must have; `None` if there must be no entry.
        expected: Option<u64>,
        /// The value.
        value: Vec<u8>,
        /// When the entry expires; `None` if it does not.
        ttl_ms: Option<u64>,
    },
    /// Adds to a number, which is 0 if there is no entry.
    Increment {
        /// What is added.
        by: i64,
        /// When the entry expires if this call creates it; an existing entry keeps its time.
        ttl_ms: Option<u64>,
    },
    /// Deletes the entry.
    Delete {
        /// The version that the entry must have; `None` if any may be deleted.
        expected: Option<u64>,
    },
}

/// The answer to an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KvAnswer {
    /// To [`KvOperation::Get`]: the entry, if there is one.
    Entry(Option<KvEntry>),
    /// To [`KvOperation::Keys`].
    Keys(KvKeys),
    /// To [`KvChange::Set`]: the new version.
    Version(u64),
    /// To [`KvChange::Swap`]: the new version; `None` if the entry was not as expected.
    Swapped(Option<u64>),
    /// To [`KvChange::Increment`]: the new number.
    Number(i64),
    /// To [`KvChange::Delete`]: whether an entry was deleted.
    Deleted(bool),
}

/// Some keys of a key-value store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvKeys {
    /// The keys, in the order of their bytes.
    pub keys: Vec<String>,
    /// After which key to continue; `None` if there are no more keys.
    pub next: Option<String>,
}

impl KvOperation {
    /// Returns the key, or the prefix of the keys, that the operation is about.
    pub fn about(&self) -> &str {
        match self {
            Self::Get { key } | Self::Change { key, .. } => key,
            Self::Keys { prefix, .. } => prefix,
        }
    }

    /// Returns whether it only reads.
    pub fn is_read(&self) -> bool {
        !matches!(self, Self::Change { .. })
    }

    /// Checks the lengths of keys and values.
    ///
    /// # Errors
    ///
    /// [`KvRefusal::InvalidKey`], [`KvRefusal::ValueTooLarge`].
    pub fn check(&self) -> Result<(), KvRefusal> {
        match self {
            Self::Get { key } => check_key(key),
            Self::Keys { prefix, after, .. } => {
                let longest = prefix.len().max(after.as_ref().map_or(0, String::len));
                if longest > MAX_KEY { Err(KvRefusal::InvalidKey { bytes: longest }) } else { Ok(()) }
            }
            Self::Change { key, change } => check_key(key).and_then(|()| check_value(change.value_bytes())),
        }
    }

    /// Returns how many keys a listing returns at most, from the `limit` that the guest asked for.
    pub fn bounded_limit(limit: u32) -> usize {
        usize::try_from(limit).unwrap_or(PAGE).clamp(1, PAGE)
    }
}

fn check_key(key: &str) -> Result<(), KvRefusal> {
    let bytes = key.len();
    if bytes == 0 || bytes > MAX_KEY { Err(KvRefusal::InvalidKey { bytes }) } else { Ok(()) }
}

fn check_value(bytes: usize) -> Result<(), KvRefusal> {
    if bytes > MAX_VALUE { Err(KvRefusal::ValueTooLarge { bytes }) } else { Ok(()) }
}

impl KvChange {
    /// Returns the bytes of the value that it brings.
    pub fn value_bytes(&self) -> usize {
        match self {
            Self::Set { value, .. } | Self::Swap { value, .. } => value.len(),
            Self::Increment { .. } | Self::Delete { .. } => 0,
        }
    }
}

impl KvKeys {
    /// Makes the answer of the entries at and after the place where a search begins, in the order of their keys. `is_live`
    /// returns whether an entry has not expired. Takes entries while their key begins with `prefix`, and examines at
    /// most [`EXAMINED`] of them.
    ///
    /// # Errors
    ///
    /// Those of `entries`.
    pub fn of<E>(
        entries: impl IntoIterator<Item = Result<(String, bool), E>>,
        prefix: &str,
        limit: u32,
    ) -> Result<Self, E> {
        let (most, mut examined, mut found) = (KvOperation::bounded_limit(limit), 0, Self::default());
        for entry in entries {
            let (key, is_live) = entry?;
            if !key.starts_with(prefix) {
                break;
            }
            if found.keys.len() == most || examined == EXAMINED {
                return Ok(found);
            }
            examined += 1;
            found.next = Some(key.clone());
            if is_live {
                found.keys.push(key);
            }
        }
        found.next = None;
        Ok(found)
    }
}

/// Returns the time to live within its bounds.
pub(crate) fn bounded_ttl(ttl_ms: u64) -> u64 {
    ttl_ms.clamp(1, MAX_TTL_MS)
}
