//! What the sessions of a process share: the usage of each directory, the scratch directories, and how many files may be
//! open.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};

use crate::bounds::MAX_SCRATCH_FILES;
use crate::dir_usage::DirUsage;
use crate::open_files::OpenFiles;
use crate::resolved_path::{Identity, PASSING, identity};
use crate::scratch::{ScratchDir, ScratchDirs};
use crate::usage::Usage;

/// A directory that a task has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootDir {
    /// Its name; guests see it as `/NAME`.
    pub name: String,
    /// Where it comes from.
    pub source: RootSource,
    /// Whether guests may change it.
    pub write: bool,
    /// Bytes of all files in it; only growth is refused beyond it.
    pub max_bytes: u64,
    /// Files and directories in it; only creating is refused beyond it.
    pub max_files: u64,
}

/// Where a directory comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootSource {
    /// It is on the host.
    Host(PathBuf),
    /// It is made for one call.
    Scratch,
}

impl RootDir {
    /// Returns the scratch directory of a call.
    pub fn scratch(max_bytes: u64) -> Self {
        let (name, source) = ("scratch".to_owned(), RootSource::Scratch);
        Self { name, source, write: true, max_bytes, max_files: MAX_SCRATCH_FILES }
    }

    pub(crate) fn most(&self) -> Usage {
        Usage { bytes: self.max_bytes, files: self.max_files }
    }
}

/// What the sessions of a process share.
#[derive(Debug)]
pub struct Files {
    scratch: Option<ScratchDirs>,
    usage: Mutex<HashMap<Identity, Arc<DirUsage>>>,
    pub(crate) open: OpenFiles,
}

/// A directory of a session, opened.
#[derive(Debug)]
pub(crate) struct OpenRoot {
    pub(crate) dir: OwnedFd,
    pub(crate) usage: Arc<DirUsage>,
    /// Removes the directory when the session is closed.
    _scratch: Option<ScratchDir>,
}

impl Files {
    /// Uses `scratch` for scratch directories, which is created when it is needed; without it, there are none. Removes
    /// what processes that died have left there. Blocks.
    pub fn new(scratch: Option<PathBuf>) -> Self {
        let scratch = scratch.map(ScratchDirs::new);
        Self { scratch, usage: Mutex::default(), open: OpenFiles::of_process() }
    }

    pub(crate) fn open_root(&self, root: &RootDir) -> io::Result<OpenRoot> {
        match &root.source {
            RootSource::Scratch => {
                let no_place =
                    || io::Error::other("this host has no state directory, so it has no scratch directories");
                let (scratch, dir) = self.scratch.as_ref().ok_or_else(no_place)?.create()?;
                Ok(OpenRoot { dir, usage: Arc::new(DirUsage::of_empty()), _scratch: Some(scratch) })
            }
            RootSource::Host(path) => {
                // The operator's own path may be a link.
                let dir = openat(CWD, path.as_path(), PASSING.difference(OFlags::NOFOLLOW), Mode::empty())?;
                let id = identity(&fstat(&dir)?);
                let usage = Arc::clone(self.usage.lock().entry(id).or_default());
                Ok(OpenRoot { dir, usage, _scratch: None })
            }
        }
    }
}
