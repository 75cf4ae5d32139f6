//! What a guest can observe of its surroundings: clocks, random numbers, what is ready, the time that is left. All of it
//! passes the call's services, so that a call can be recorded, and shown the same again.

use serde::{Deserialize, Serialize};

/// A kind of observation. Records contain these values, so new ones come last, and none is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observation {
    /// The milliseconds until the deadline, a number.
    RemainingTime,
    /// Whether the job is cancelled, a flag.
    Cancellation,
    /// Seconds and nanoseconds since 1970, a pair.
    WallClock,
    /// A pair.
    WallClockResolution,
    /// Nanoseconds, a number.
    MonotonicClock,
    /// A number.
    MonotonicClockResolution,
    /// So many random bytes.
    RandomBytes(u64),
    /// A number.
    RandomNumber,
    /// So many bytes that may be guessed.
    InsecureBytes(u64),
    /// A number.
    InsecureNumber,
    /// A pair.
    InsecureSeed,
    /// Which of so many pollables are ready, by their positions. The guest waits until one is.
    Poll(u32),
    /// Whether one pollable is ready, a flag.
    Readiness,
    /// Nothing: the guest waits until a pollable is ready.
    Wait,
    /// Whether the growth with this number in the call, from 1, of memories, tables or resources is allowed by the
    /// quotas of the tenant, a flag. Only refusals are recorded; everything else that limits memory is the same whenever
    /// the call is made.
    Growth(u64),
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed {
    /// That something has happened.
    Nothing,
    /// Whether something is so.
    Flag(bool),
    /// A number.
    Number(u64),
    /// Two numbers.
    Pair(u64, u64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Positions.
    Indices(Vec<u32>),
}

/// Why the host stops a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Its deadline has passed.
    Timeout,
    /// Its job was cancelled.
    Cancelled,
}

/// What a call that is made again observes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// The same as before.
    Observed(Observed),
    /// The call was stopped here before.
    Stop(Stop),
}

/// An observation has a value of the wrong kind: a record is damaged.
#[derive(Debug, thiserror::Error)]
#[error("the record of the call has a value of another kind than the guest asked for")]
pub(crate) struct OtherKind;

impl Observed {
    pub(crate) fn flag(self) -> Result<bool, OtherKind> {
        if let Self::Flag(flag) = self { Ok(flag) } else { Err(OtherKind) }
    }

    pub(crate) fn number(self) -> Result<u64, OtherKind> {
        if let Self::Number(number) = self { Ok(number) } else { Err(OtherKind) }
    }

    pub(crate) fn pair(self) -> Result<(u64, u64), OtherKind> {
        if let Self::Pair(first, second) = self { Ok((first, second)) } else { Err(OtherKind) }
    }

    pub(crate) fn bytes(self) -> Result<Vec<u8>, OtherKind> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(OtherKind) }
    }

    pub(crate) fn indices(self) -> Result<Vec<u32>, OtherKind> {
        if let Self::Indices(indices) = self { Ok(indices) } else { Err(OtherKind) }
    }
}
