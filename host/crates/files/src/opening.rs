//! Opens files and directories.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, fstat, ftruncate, openat};

use crate::error::FileError;
use crate::handles::DirRef;
use crate::operation::{FileKind, OpenMode};
use crate::resolved_path::{Identity, PASSING, ResolvedPath, identity, kind, size};
use crate::usage::Usage;

/// The mode of new files, before the umask.
const FILE_MODE: Mode =
    Mode::RUSR.union(Mode::WUSR).union(Mode::RGRP).union(Mode::WGRP).union(Mode::ROTH).union(Mode::WOTH);

/// How a file is opened: NONBLOCK does not wait for the other end of a pipe that has taken its place, NOCTTY does not make a
/// terminal the controlling one.
const OPENING: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// What was opened.
pub(crate) enum Found {
    Dir {
        dir: OwnedFd,
        depth: u32,
    },
    /// It is counted as open already.
    File {
        file: OwnedFd,
        identity: Identity,
    },
}

/// Opens what is at a path.
pub(crate) fn open(start: DirRef<'_>, path: &str, mode: OpenMode) -> Result<Found, FileError> {
    let changes = mode.create || mode.truncate;
    if mode.directory && changes {
        return Err(FileError::Invalid);
    }
    if changes || mode.write {
        start.writable()?;
    }
    let place = ResolvedPath::resolve(start.dir, start.depth, path)?;
    // Also for files that are only read: one must not be removed before it is counted as open.
    let mut usage = start.usage.lock();
    let file = match place.stat() {
        Ok(_) if mode.create && mode.exclusive => return Err(FileError::Exists),
        Ok(stat) => match kind(&stat) {
            FileKind::Directory if mode.write || changes => return Err(FileError::IsDirectory),
            FileKind::Directory => {
                let dir = openat(place.dir(), place.name.unwrap_or("."), PASSING, Mode::empty())?;
                return Ok(Found::Dir { dir, depth: place.depth });
            }
            FileKind::File if mode.directory => return Err(FileError::NotDirectory),
            FileKind::File => openat(place.dir(), place.named()?, flags(mode), Mode::empty())?,
            FileKind::Link => return Err(FileError::Link),
            FileKind::Other => return Err(FileError::NotPermitted),
        },
        Err(FileError::NoEntry) if mode.create && !place.must_be_dir => {
            let more = Usage::of_file(0);
            usage.take(start.root_dir, more, start.spec.most())?;
            let created = openat(place.dir(), place.named()?, flags(mode) | OFlags::CREATE | OFlags::EXCL, FILE_MODE);
            created.inspect_err(|_| usage.give_back(more))?
        }
        Err(error) => return Err(error),
    };
    let stat = fstat(&file)?;
    // Another program may have replaced it.
    if kind(&stat) != FileKind::File {
        return Err(FileError::NotPermitted);
    }
    let identity = identity(&stat);
    if mode.truncate && size(&stat) > 0 {
        ftruncate(&file, 0)?;
        usage.give_back(Usage::of_bytes(size(&stat)));
        usage.resized(identity, 0);
    }
    usage.opened(identity);
    Ok(Found::File { file, identity })
}

/// Emptying a file is a step of its own, whose bytes are counted.
fn flags(mode: OpenMode) -> OFlags {
    let access = match (mode.read, mode.write || mode.truncate) {
        (_, false) => OFlags::RDONLY,
        (false, true) => OFlags::WRONLY,
        (true, true) => OFlags::RDWR,
    };
    access | OPENING
}
