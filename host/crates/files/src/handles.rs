//! What a session has open.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use crate::dir_usage::DirUsage;
use crate::error::FileError;
use crate::open_files::OpenPermit;
use crate::operation::FileHandle;
use crate::resolved_path::Identity;
use crate::shared::{OpenRoot, RootDir};

/// The directories and files of a session.
#[derive(Debug)]
pub(crate) struct Handles {
    pub(crate) roots: Vec<Root>,
    open: HashMap<u32, Opened>,
    /// The number of the next file or directory that is opened.
    next: u32,
}

/// A directory that the session was made with.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) dir: RootDir,
    /// Opened by the first operation that uses it.
    pub(crate) opened: Option<(OpenRoot, OpenPermit)>,
}

/// What a guest has opened.
#[derive(Debug)]
pub(crate) enum Opened {
    Dir(OpenedDir),
    File(OpenedFile),
}

/// A directory that a guest has opened.
#[derive(Debug)]
pub(crate) struct OpenedDir {
    pub(crate) root: usize,
    pub(crate) dir: OwnedFd,
    pub(crate) depth: u32,
    pub(crate) _permit: OpenPermit,
}

/// A file that a guest has opened. The usage of its directory counts it as open as long as this exists.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    pub(crate) root: usize,
    pub(crate) file: OwnedFd,
    pub(crate) identity: Identity,
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) usage: Arc<DirUsage>,
    pub(crate) _permit: OpenPermit,
}

/// A directory that a path begins at.
#[derive(Clone, Copy)]
pub(crate) struct DirRef<'h> {
    pub(crate) dir: BorrowedFd<'h>,
    pub(crate) depth: u32,
    /// The root that it is in.
    pub(crate) root: usize,
    pub(crate) root_dir: BorrowedFd<'h>,
    pub(crate) spec: &'h RootDir,
    pub(crate) usage: &'h Arc<DirUsage>,
}

impl DirRef<'_> {
    /// Fails unless the guest may change the directory.
    pub(crate) fn writable(&self) -> Result<(), FileError> {
        if self.spec.write { Ok(()) } else { Err(FileError::ReadOnly) }
    }
}

impl Drop for OpenedFile {
    fn drop(&mut self) {
        self.usage.lock().closed(self.identity);
    }
}

impl Handles {
    pub(crate) fn new(roots: Vec<RootDir>) -> Self {
        let next = u32::try_from(roots.len()).unwrap_or(u32::MAX);
        let roots = roots.into_iter().map(|dir| Root { dir, opened: None }).collect();
        Self { roots, open: HashMap::new(), next }
    }

    /// Returns how many files and directories the guest has open.
    pub(crate) fn count(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn insert(&mut self, opened: Opened) -> FileHandle {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.open.insert(number, opened);
        FileHandle(number)
    }

    pub(crate) fn close(&mut self, handle: FileHandle) {
        self.open.remove(&handle.0);
    }

    pub(crate) fn close_all(&mut self) {
        self.open.clear();
        self.roots.clear();
    }

    /// Returns the number of the root that a handle is, or is in.
    pub(crate) fn root_of(&self, handle: FileHandle) -> Result<usize, FileError> {
        let number = handle.0 as usize;
        if number < self.roots.len() {
            return Ok(number);
        }
        match self.open.get(&handle.0).ok_or(FileError::BadHandle)? {
            Opened::Dir(dir) => Ok(dir.root),
            Opened::File(file) => Ok(file.root),
        }
    }

    /// Returns a directory. Its root must have been opened.
    pub(crate) fn dir(&self, handle: FileHandle) -> Result<DirRef<'_>, FileError> {
        let root = self.root_of(handle)?;
        let (spec, opened) = self.opened_root(root)?;
        let root_dir = opened.dir.as_fd();
        let (dir, depth) = match self.open.get(&handle.0) {
            Some(Opened::Dir(dir)) => (dir.dir.as_fd(), dir.depth),
            Some(Opened::File(_)) => return Err(FileError::NotDirectory),
            None => (root_dir, 0),
        };
        Ok(DirRef { dir, depth, root, root_dir, spec, usage: &opened.usage })
    }

    /// Returns a file with its root.
    pub(crate) fn file(&self, handle: FileHandle) -> Result<(&OpenedFile, &RootDir, BorrowedFd<'_>), FileError> {
        match self.open.get(&handle.0) {
            Some(Opened::File(file)) => {
                let (spec, opened) = self.opened_root(file.root)?;
                Ok((file, spec, opened.dir.as_fd()))
            }
            Some(Opened::Dir(_)) => Err(FileError::IsDirectory),
            None if (handle.0 as usize) < self.roots.len() => Err(FileError::IsDirectory),
            None => Err(FileError::BadHandle),
        }
    }

    fn opened_root(&self, root: usize) -> Result<(&RootDir, &OpenRoot), FileError> {
        let Root { dir, opened } = self.roots.get(root).ok_or(FileError::BadHandle)?;
        let (opened, _) = opened.as_ref().ok_or(FileError::BadHandle)?;
        Ok((dir, opened))
    }
}
