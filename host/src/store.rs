//! The store of a host: its choice, and opening it.

use std::fs::DirBuilder;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use saggar_api::HostFacts;
use saggar_job::Timestamp;
use saggar_queue::{MemoryStore, Store};
use saggar_store_sqlite::{Durability, SqliteError, SqliteOptions, SqliteStore};

use crate::app::StartError;

/// The choice of a host's store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoreChoice {
    /// Memory: jobs are lost when the process ends.
    #[default]
    Memory,
    /// A SQLite file.
    Sqlite {
        /// The file; by default `.saggar/saggar.db` in the app's directory.
        path: Option<PathBuf>,
        /// What a committed write survives.
        durability: Durability,
    },
}

/// The error for a text that is not a valid store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown store; expected `memory`, `sqlite` or `sqlite:PATH`")]
pub struct UnknownStore;

impl FromStr for StoreChoice {
    type Err = UnknownStore;

    fn from_str(text: &str) -> Result<Self, UnknownStore> {
        let sqlite = |path| Self::Sqlite { path, durability: Durability::Full };
        match (text, text.strip_prefix("sqlite:")) {
            ("memory", _) => Ok(Self::Memory),
            ("sqlite", _) => Ok(sqlite(None)),
            (_, Some(path)) if !path.is_empty() => Ok(sqlite(Some(path.into()))),
            _ => Err(UnknownStore),
        }
    }
}

impl StoreChoice {
    /// Returns the same store with another durability. Has no effect on memory.
    #[must_use]
    pub fn with_durability(self, durability: Durability) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::Sqlite { path, .. } => Self::Sqlite { path, durability },
        }
    }

    /// Returns the file of the store for the app in `app_dir`; `None` for memory.
    pub fn file(&self, app_dir: &Path) -> Option<PathBuf> {
        match self {
            Self::Memory => None,
            Self::Sqlite { path: Some(path), .. } => Some(path.clone()),
            Self::Sqlite { path: None, .. } => Some(app_dir.join(".saggar/saggar.db")),
        }
    }

    /// Returns what clients may know of a process with this store that starts at `now`.
    pub(crate) fn facts(&self, now: Timestamp) -> HostFacts {
        let (store, durability) = match self {
            Self::Memory => ("memory", "none"),
            Self::Sqlite { durability: Durability::Full, .. } => ("sqlite", "full"),
            Self::Sqlite { durability: Durability::Normal, .. } => ("sqlite", "normal"),
        };
        // The hasher has random keys.
        let instance = format!("{:016x}", RandomState::new().hash_one(now.0)).into();
        HostFacts { instance, started_at: now, store, durability }
    }

    pub(crate) async fn open(&self, app_dir: &Path) -> Result<Arc<dyn Store>, StartError> {
        let (Self::Sqlite { durability, .. }, Some(path)) = (self, self.file(app_dir)) else {
            return Ok(Arc::new(MemoryStore::new()));
        };
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            let is_default = matches!(self, Self::Sqlite { path: None, .. });
            make_private_dir(dir, is_default).map_err(|source| StartError::StoreDir { dir: dir.to_owned(), source })?;
        }
        let options = SqliteOptions::new(path).with_durability(*durability);
        // Opening checks the file and recovers the jobs of a crashed process, which can take seconds.
        match tokio::task::spawn_blocking(move || SqliteStore::open(&options)).await {
            Ok(store) => Ok(Arc::new(store?)),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

/// Creates the directory of a store, with access for this user only. If `is_own`, the directory is for the store alone.
/// Then a symbolic link is an error, because it could lead out of the app, and access for other users is a warning.
fn make_private_dir(dir: &Path, is_own: bool) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    if !is_own {
        return Ok(());
    }
    let metadata = dir.symlink_metadata()?;
    if metadata.is_symlink() {
        return Err(std::io::Error::other(
            "it is a symbolic link, which the host does not follow; to store jobs elsewhere, use `--store sqlite:PATH`",
        ));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(
            dir = %dir.display(),
            "other users can enter the directory of the job store; run chmod 700 on it"
        );
    }
    Ok(())
}

/// Copies the SQLite store `from` to the new file `to`, even while a host uses the store. The copy is a consistent
/// snapshot.
pub async fn backup(from: &Path, to: &Path) -> Result<(), SqliteError> {
    let (from, to) = (from.to_owned(), to.to_owned());
    match tokio::task::spawn_blocking(move || SqliteStore::copy(&from, &to)).await {
        Ok(copied) => copied,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_choices_are_parsed() {
        let sqlite =
            |path: Option<&str>| StoreChoice::Sqlite { path: path.map(PathBuf::from), durability: Durability::Full };
        assert_eq!("memory".parse(), Ok(StoreChoice::Memory));
        assert_eq!("sqlite".parse(), Ok(sqlite(None)));
        assert_eq!("sqlite:/a/b.db".parse(), Ok(sqlite(Some("/a/b.db"))));
        for bad in ["", "sqlite:", "postgres", "Memory"] {
            assert_eq!(bad.parse::<StoreChoice>(), Err(UnknownStore), "{bad}");
        }
    }
}
