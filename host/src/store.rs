//! Where jobs live: which store a host is to use, and opening it.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use saggar_queue::{Durability, MemoryStore, SqliteError, SqliteOptions, SqliteStore, Store};

use crate::app::StartError;

/// Which store a host uses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoreChoice {
    /// Jobs end with the process.
    #[default]
    Memory,
    /// Jobs live in a SQLite file.
    Sqlite {
        /// The file; `.saggar/saggar.db` in the app's directory if none is named.
        path: Option<PathBuf>,
        /// What an answered step survives.
        durability: Durability,
    },
}

/// A text names no store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no store: write `memory`, `sqlite`, or `sqlite:` and a path")]
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
    /// The same store with another durability; memory has none.
    #[must_use]
    pub fn with_durability(self, durability: Durability) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::Sqlite { path, .. } => Self::Sqlite { path, durability },
        }
    }

    /// The file of the store for the app in `app_dir`; none for memory.
    pub fn file(&self, app_dir: &Path) -> Option<PathBuf> {
        match self {
            Self::Memory => None,
            Self::Sqlite { path: Some(path), .. } => Some(path.clone()),
            Self::Sqlite { path: None, .. } => Some(app_dir.join(".saggar/saggar.db")),
        }
    }

    pub(crate) async fn open(&self, app_dir: &Path) -> Result<OpenStore, StartError> {
        let (Self::Sqlite { durability, .. }, Some(path)) = (self, self.file(app_dir)) else {
            return Ok(OpenStore::Memory(Arc::new(MemoryStore::new())));
        };
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            let is_default = matches!(self, Self::Sqlite { path: None, .. });
            make_private_dir(dir, is_default).map_err(|source| StartError::StoreDir { dir: dir.to_owned(), source })?;
        }
        let options = SqliteOptions::new(path).with_durability(*durability);
        // Opening checks the file and finds what a dead process left, which takes up to seconds.
        match tokio::task::spawn_blocking(move || SqliteStore::open(&options)).await {
            Ok(store) => Ok(OpenStore::Sqlite(Arc::new(store?))),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

/// Makes the directory of a store, for this user only. `is_own`: nothing else is in it, so it must not be a link, which would lead
/// out of the app, and other users have nothing to look for in it.
fn make_private_dir(dir: &Path, is_own: bool) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    if !is_own {
        return Ok(());
    }
    let metadata = dir.symlink_metadata()?;
    if metadata.is_symlink() {
        return Err(std::io::Error::other(
            "it is a symbolic link, which the host does not follow; to keep jobs elsewhere, use `--store sqlite:PATH`",
        ));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(
            dir = %dir.display(),
            "other users may enter the directory of the job store; take the permission from them: chmod 700"
        );
    }
    Ok(())
}

/// Copies the SQLite store `from` to the file `to`, which must not be there; a host may work on it meanwhile. The copy is the
/// store as it was at one moment.
pub async fn backup(from: &Path, to: &Path) -> Result<(), SqliteError> {
    let (from, to) = (from.to_owned(), to.to_owned());
    match tokio::task::spawn_blocking(move || SqliteStore::copy(&from, &to)).await {
        Ok(copied) => copied,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// The store of a host at work.
#[derive(Clone)]
pub(crate) enum OpenStore {
    Memory(Arc<MemoryStore>),
    Sqlite(Arc<SqliteStore>),
}

impl OpenStore {
    pub(crate) fn for_queue(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => store.clone(),
            Self::Sqlite(store) => store.clone(),
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Sqlite(store) => store.has_failed(),
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Sqlite(store) => store.is_full(),
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Sqlite(store) => store.is_busy(),
        }
    }

    pub(crate) async fn failed(&self) -> SqliteError {
        match self {
            Self::Memory(_) => std::future::pending().await,
            Self::Sqlite(store) => store.failed().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_read_from_text() {
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
