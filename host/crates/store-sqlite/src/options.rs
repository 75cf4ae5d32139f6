//! Options for opening a store.

use std::path::PathBuf;

/// The failures that an answered step survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Survives a power cut.
    #[default]
    Full,
    /// Survives the death of the process, in any way. After a power cut the last commits may be missing, each as a
    /// whole and in order.
    Normal,
}

/// The path of a store, and how it is opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(super) path: PathBuf,
    pub(super) durability: Durability,
    pub(super) most_bytes: Option<u64>,
}

impl SqliteOptions {
    /// The file at `path`, with full durability. The file is created if it does not exist; its directory is not.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), durability: Durability::Full, most_bytes: None }
    }

    /// Returns the options with another durability.
    #[must_use]
    pub fn with_durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// Returns the options with a limit of `bytes` for the database, beyond which the disk counts as full. The WAL
    /// beside it is not counted.
    #[must_use]
    pub fn with_most_bytes(self, bytes: u64) -> Self {
        Self { most_bytes: Some(bytes), ..self }
    }
}
