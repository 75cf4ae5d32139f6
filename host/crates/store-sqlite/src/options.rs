//! How a store is to be opened.

use std::path::PathBuf;

/// What an answered step survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power cut.
    #[default]
    Full,
    /// The death of the process, however it dies. After a power cut the last moments may be missing, whole and in order.
    Normal,
}

/// Where and how a store is to be opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(super) path: PathBuf,
    pub(super) durability: Durability,
    pub(super) most_bytes: Option<u64>,
}

impl SqliteOptions {
    /// The file at `path`, which is made if it is not there (its directory is not), with full durability.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), durability: Durability::Full, most_bytes: None }
    }

    /// The same with another durability.
    #[must_use]
    pub fn with_durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// The same, with a database that grows to no more than `bytes`, as if the disk were full then. The WAL beside it is not
    /// counted.
    #[must_use]
    pub fn with_most_bytes(self, bytes: u64) -> Self {
        Self { most_bytes: Some(bytes), ..self }
    }
}
