//! Changes files and directories. What a change takes is taken from the bounds first, and what it did not use is given back.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Mode, fstat, ftruncate, mkdirat, renameat, unlinkat};
use rustix::io::{Errno, pwrite};

use crate::error::FileError;
use crate::handles::{DirRef, OpenedFile};
use crate::operation::FileKind;
use crate::resolved_path::{ResolvedPath, identity, kind, size};
use crate::shared::RootDir;
use crate::usage::Usage;

/// The largest size of a file.
const MAX_SIZE: u64 = i64::MAX as u64;

/// The mode of new directories, before the umask.
const DIR_MODE: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// Writes at a position, or at the end. Returns how many bytes were written: fewer if the disk is full.
pub(crate) fn write(
    file: &OpenedFile,
    (spec, root_dir): (&RootDir, BorrowedFd<'_>),
    offset: Option<u64>,
    bytes: &[u8],
) -> Result<u64, FileError> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let mut usage = file.usage.lock();
    let before = size_of(file)?;
    let start = offset.unwrap_or(before);
    let end = start.checked_add(bytes.len() as u64).filter(|end| *end <= MAX_SIZE).ok_or(FileError::FileTooLarge)?;
    let most_growth = end.saturating_sub(before);
    if most_growth > 0 {
        usage.take(root_dir, Usage::of_bytes(most_growth), spec.most())?;
    }
    let (written, failed) = write_all(file.file.as_fd(), bytes, start);
    let after = if failed.is_none() { before.max(end) } else { size_of(file).unwrap_or(end) };
    usage.give_back(Usage::of_bytes(most_growth.saturating_sub(after.saturating_sub(before))));
    usage.resized(file.identity, after);
    match failed {
        Some(errno) if written == 0 => Err(errno.into()),
        _ => Ok(written),
    }
}

fn write_all(file: BorrowedFd<'_>, bytes: &[u8], start: u64) -> (u64, Option<Errno>) {
    let mut rest = bytes;
    let written = |rest: &[u8]| (bytes.len() - rest.len()) as u64;
    while !rest.is_empty() {
        match pwrite(file, rest, start + written(rest)) {
            Ok(0) => return (written(rest), Some(Errno::IO)),
            Ok(length) => rest = rest.get(length..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(errno) => return (written(rest), Some(errno)),
        }
    }
    (written(rest), None)
}

/// Cuts a file, or extends it by zeros, which count like other bytes.
pub(crate) fn set_size(
    file: &OpenedFile,
    (spec, root_dir): (&RootDir, BorrowedFd<'_>),
    new: u64,
) -> Result<(), FileError> {
    if new > MAX_SIZE {
        return Err(FileError::FileTooLarge);
    }
    let mut usage = file.usage.lock();
    let before = size_of(file)?;
    let growth = Usage::of_bytes(new.saturating_sub(before));
    if new > before {
        usage.take(root_dir, growth, spec.most())?;
    }
    ftruncate(&file.file, new).inspect_err(|_| usage.give_back(growth))?;
    usage.give_back(Usage::of_bytes(before.saturating_sub(new)));
    usage.resized(file.identity, new);
    Ok(())
}

fn size_of(file: &OpenedFile) -> Result<u64, FileError> {
    Ok(size(&fstat(&file.file)?))
}

/// Creates a directory.
pub(crate) fn create_dir(start: DirRef<'_>, path: &str) -> Result<(), FileError> {
    start.writable()?;
    let place = ResolvedPath::resolve(start.dir, start.depth, path)?;
    let name = place.name.ok_or(FileError::Exists)?;
    let mut usage = start.usage.lock();
    // Programs create a directory to be sure that it exists, which a full one must not refuse.
    match place.stat() {
        Ok(_) | Err(FileError::NotDirectory) => return Err(FileError::Exists),
        Err(FileError::NoEntry) => {}
        Err(error) => return Err(error),
    }
    let more = Usage::of_file(0);
    usage.take(start.root_dir, more, start.spec.most())?;
    mkdirat(place.dir(), name, DIR_MODE).inspect_err(|_| usage.give_back(more))?;
    Ok(())
}

/// Removes an empty directory.
pub(crate) fn remove_dir(start: DirRef<'_>, path: &str) -> Result<(), FileError> {
    start.writable()?;
    let place = ResolvedPath::resolve(start.dir, start.depth, path)?;
    let name = place.named()?;
    let mut usage = start.usage.lock();
    unlinkat(place.dir(), name, AtFlags::REMOVEDIR)?;
    usage.give_back(Usage::of_file(0));
    Ok(())
}

/// Removes a file, or a link or pipe of another program.
pub(crate) fn remove_file(start: DirRef<'_>, path: &str) -> Result<(), FileError> {
    start.writable()?;
    let place = ResolvedPath::resolve(start.dir, start.depth, path)?;
    let name = place.named()?;
    let mut usage = start.usage.lock();
    let stat = place.stat()?;
    if kind(&stat) == FileKind::Directory {
        return Err(FileError::IsDirectory);
    }
    unlinkat(place.dir(), name, AtFlags::empty())?;
    usage.removed(identity(&stat), size(&stat));
    Ok(())
}

/// Renames a file or directory. A directory stays in the directory that it is in, so that the depth of what is below it,
/// and of what is open there, does not change.
pub(crate) fn rename(from: DirRef<'_>, path: &str, to: DirRef<'_>, to_path: &str) -> Result<(), FileError> {
    from.writable()?;
    to.writable()?;
    if from.root != to.root {
        return Err(FileError::CrossDirectory);
    }
    let old = ResolvedPath::resolve(from.dir, from.depth, path)?;
    let new = ResolvedPath::resolve(to.dir, to.depth, to_path)?;
    let mut usage = from.usage.lock();
    let moved = old.stat()?;
    let is_dir = kind(&moved) == FileKind::Directory;
    if is_dir && identity(&fstat(old.dir())?) != identity(&fstat(new.dir())?) {
        return Err(FileError::CrossDirectory);
    }
    if !is_dir && new.must_be_dir {
        return Err(FileError::NotDirectory);
    }
    let replaced = match new.stat() {
        Ok(stat) => Some(stat),
        Err(FileError::NoEntry) => None,
        Err(error) => return Err(error),
    };
    renameat(old.dir(), old.named()?, new.dir(), new.named()?)?;
    // Two names of one file stay.
    if let Some(replaced) = replaced.filter(|replaced| identity(replaced) != identity(&moved)) {
        usage.removed(identity(&replaced), size(&replaced));
    }
    Ok(())
}
