//! The key-value store of a tenant, as pure functions: the operations ([`KvOperation`]) and their answers
//! ([`KvAnswer`]), what a change does to an entry ([`plan`]), and the bounds ([`KvLimits`], [`KvUsage`]).
//!
//! Stores persist entries and apply what [`plan`] returns; so all of them answer the same.

mod entry;
mod operation;
mod refusal;
mod step;
mod usage;

pub use entry::{KvEntry, KvStored};
pub use operation::{KvAnswer, KvChange, KvKeys, KvOperation};
pub use refusal::KvRefusal;
pub use step::{KvEffect, KvPlan, plan};
pub use usage::{KvLimits, KvUsage};

/// The most bytes of a key.
pub const MAX_KEY: usize = 512;
/// The most bytes of a value.
pub const MAX_VALUE: usize = 1 << 20;
/// The most keys of an answer.
pub const PAGE: usize = 1_000;
/// The most entries that a search for keys examines, expired ones included, so that no search takes long.
pub const EXAMINED: usize = 4_000;
/// The most expired entries that one change removes to make room. A value of the greatest length needs fewer, unless the
/// limits were lowered below what is stored.
pub const MOST_EXPIRED: usize = 16_384;
/// The longest time until an entry expires: one hundred years in milliseconds.
pub const MAX_TTL_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;
