//! Scratch directories: one for each call that asks for it, removed after the call. What a process that died has left is
//! removed by the next one.
//!
//! All are below one directory of the host's user. Each process has a directory of its own there, which it locks as long as
//! it lives; what is not locked belongs to nobody.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rustix::fs::{CWD, Mode, openat};

use crate::resolved_path::{LISTING, PASSING};

/// How the directory of a process begins.
const OF_PROCESS: &str = "host-";

/// How many names are tried for the directory of a process.
const TRIES: u32 = 1000;

/// The scratch directories of a process.
#[derive(Debug)]
pub(crate) struct ScratchDirs {
    base: PathBuf,
    /// The directory of this process, from the first call that asks for a scratch directory.
    own: Mutex<Option<OwnDir>>,
    next: AtomicU64,
}

/// The directory of this process, removed on drop.
#[derive(Debug)]
struct OwnDir {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

/// A scratch directory, removed on drop with all that is in it.
#[derive(Debug)]
pub(crate) struct ScratchDir {
    path: PathBuf,
}

impl ScratchDirs {
    /// Uses the directory `base`, and removes what processes that died have left there.
    pub(crate) fn new(base: PathBuf) -> Self {
        match remove_left(&base) {
            Ok(0) => {}
            Ok(left) => {
                tracing::info!(dir = %base.display(), left, "removed the scratch directories of a host that died")
            }
            Err(error) => tracing::warn!(
                dir = %base.display(),
                %error,
                "scratch directories of a host that died cannot be removed; remove them by hand"
            ),
        }
        Self { base, own: Mutex::default(), next: AtomicU64::new(0) }
    }

    /// Creates a scratch directory; also returns it opened.
    pub(crate) fn create(&self) -> io::Result<(ScratchDir, OwnedFd)> {
        let path = self.own_path()?.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        private().create(&path)?;
        let scratch = ScratchDir { path };
        let opened = openat(CWD, scratch.path.as_path(), PASSING, Mode::empty())?;
        Ok((scratch, opened))
    }

    /// Returns the directory of this process; creates it if necessary.
    fn own_path(&self) -> io::Result<PathBuf> {
        let mut own = self.own.lock();
        if let Some(own) = &*own {
            return Ok(own.path.clone());
        }
        let created = OwnDir::create(&self.base)?;
        Ok(own.insert(created).path.clone())
    }
}

impl OwnDir {
    fn create(base: &Path) -> io::Result<Self> {
        private().recursive(true).create(base)?;
        for number in 0..TRIES {
            let path = base.join(format!("{OF_PROCESS}{}-{number}", std::process::id()));
            match private().create(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            // Another process may have taken it for one that was left, and may be removing it.
            if let Some(lock) = locked(&path)? {
                return Ok(Self { path, _lock: lock });
            }
        }
        Err(io::Error::other("there is no free name for the scratch directories of this process"))
    }
}

impl Drop for OwnDir {
    fn drop(&mut self) {
        // It is empty, unless a call continues in the background; then the next process removes it.
        let _ = fs::remove_dir(&self.path);
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(
                dir = %self.path.display(),
                %error,
                "a scratch directory cannot be removed now; the next start of the host tries again"
            );
        }
    }
}

fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// Locks the directory at `path`. `None` if another process has locked it, or it is not at that path any more.
fn locked(path: &Path) -> io::Result<Option<File>> {
    let file: File = match openat(CWD, path, LISTING, Mode::empty()) {
        Ok(opened) => opened.into(),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let locked = file.metadata()?;
    let is_there =
        path.symlink_metadata().is_ok_and(|there| (there.dev(), there.ino()) == (locked.dev(), locked.ino()));
    Ok(is_there.then_some(file))
}

/// Removes the directories of processes that do not live any more. Returns how many there were.
fn remove_left(base: &Path) -> io::Result<usize> {
    let entries = match base.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    for entry in entries {
        let path = entry?.path();
        let is_of_process = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(OF_PROCESS));
        if !is_of_process {
            continue;
        }
        if let Some(lock) = locked(&path)? {
            fs::remove_dir_all(&path)?;
            drop(lock);
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_has_left_is_removed_and_what_a_living_one_uses_is_not() {
        let base = tempfile::tempdir().unwrap();
        let living = ScratchDirs::new(base.path().to_owned());
        let (scratch, _) = living.create().unwrap();
        let left = base.path().join("host-1-0/7/deep");
        fs::create_dir_all(&left).unwrap();
        fs::write(left.join("file"), "x").unwrap();
        let other = base.path().join("notes");
        fs::create_dir(&other).unwrap();
        let next = ScratchDirs::new(base.path().to_owned());
        assert!(!base.path().join("host-1-0").exists() && other.exists() && scratch.path.exists());
        let (second, _) = next.create().unwrap();
        assert_ne!(scratch.path, second.path, "two hosts of one process have directories of their own");
        drop((scratch, second));
        drop((living, next));
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1, "only the notes are left");
    }

    #[test]
    fn nothing_is_created_before_it_is_needed() {
        let base = tempfile::tempdir().unwrap();
        drop(ScratchDirs::new(base.path().join("scratch")));
        assert!(!base.path().join("scratch").exists());
    }
}
