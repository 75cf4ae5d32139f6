//! Finds what a guest's path names, below a directory that it has.
//!
//! Each part is opened relative to the directory before it, and must be a directory itself, not a link. So no path, and no
//! change that is made to the tree meanwhile, leads out.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, statat};

use crate::bounds::{MAX_DEPTH, MAX_NAME, MAX_PATH};
use crate::error::FileError;
use crate::operation::{FileKind, FileStat};

/// How a directory is opened to use what is in it. Together with DIRECTORY, NOFOLLOW rejects a link.
pub(crate) const PASSING: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// How a directory is opened to list or to sync it.
pub(crate) const LISTING: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A file or directory of the operating system.
pub(crate) type Identity = (u64, u64);

/// A place in a tree, whether or not something is there.
pub(crate) struct ResolvedPath<'p> {
    base: BorrowedFd<'p>,
    /// The directory that the place is in, if it is not `base`.
    passed: Option<OwnedFd>,
    /// The name in that directory; `None` if the path names that directory itself.
    pub(crate) name: Option<&'p str>,
    /// Whether the path says that it is a directory.
    pub(crate) must_be_dir: bool,
    /// How many directories it is inside of, counted from the root: 1 for what is in the root.
    pub(crate) depth: u32,
}

impl<'p> ResolvedPath<'p> {
    /// Finds a place below `base`, which is itself at `base_depth`.
    pub(crate) fn resolve(base: BorrowedFd<'p>, base_depth: u32, path: &'p str) -> Result<Self, FileError> {
        let mut parts = parts(path)?;
        let depth = base_depth.saturating_add(u32::try_from(parts.len()).unwrap_or(u32::MAX));
        if depth > MAX_DEPTH {
            return Err(FileError::NameTooLong);
        }
        let must_be_dir = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
        let name = parts.pop();
        let mut passed: Option<OwnedFd> = None;
        for part in parts {
            let dir = passed.as_ref().map_or(base, |dir| dir.as_fd());
            let next =
                openat(dir, part, PASSING, Mode::empty()).map_err(|errno| not_passed(dir, part, errno.into()))?;
            passed = Some(next);
        }
        Ok(Self { base, passed, name, must_be_dir, depth })
    }

    /// Returns the directory that the place is in.
    pub(crate) fn dir(&self) -> BorrowedFd<'_> {
        self.passed.as_ref().map_or(self.base, |dir| dir.as_fd())
    }

    /// Returns the name; an error if the path names the directory that the guest has.
    pub(crate) fn named(&self) -> Result<&'p str, FileError> {
        self.name.ok_or(FileError::Invalid)
    }

    /// Looks at what is there, without following a link.
    pub(crate) fn stat(&self) -> Result<Stat, FileError> {
        let stat = match self.name {
            Some(name) => statat(self.dir(), name, AtFlags::SYMLINK_NOFOLLOW)?,
            None => fstat(self.dir())?,
        };
        if self.must_be_dir && kind(&stat) != FileKind::Directory {
            return Err(FileError::NotDirectory);
        }
        Ok(stat)
    }
}

/// Returns the parts of a path. `..` removes the part before it, which is what the operating system would do, because no
/// part is a link.
fn parts(path: &str) -> Result<Vec<&str>, FileError> {
    if path.is_empty() {
        return Err(FileError::NoEntry);
    }
    if path.len() > MAX_PATH {
        return Err(FileError::NameTooLong);
    }
    if path.contains('\0') {
        return Err(FileError::Invalid);
    }
    if path.starts_with('/') {
        return Err(FileError::NotPermitted);
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or(FileError::NotPermitted)?),
            part if part.len() > MAX_NAME => return Err(FileError::NameTooLong),
            part => parts.push(part),
        }
    }
    Ok(parts)
}

/// Returns why a part is not passed. The operating system says that a link is not a directory.
fn not_passed(dir: BorrowedFd<'_>, part: &str, error: FileError) -> FileError {
    let is_link = || statat(dir, part, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| kind(&stat) == FileKind::Link);
    if error == FileError::NotDirectory && is_link() { FileError::Link } else { error }
}

pub(crate) fn kind(stat: &Stat) -> FileKind {
    kind_of(FileType::from_raw_mode(stat.st_mode))
}

pub(crate) fn kind_of(file_type: FileType) -> FileKind {
    match file_type {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    }
}

pub(crate) fn identity(stat: &Stat) -> Identity {
    (stat.st_dev, stat.st_ino)
}

/// Returns the size of a file; 0 for anything else.
pub(crate) fn size(stat: &Stat) -> u64 {
    match kind(stat) {
        FileKind::File => u64::try_from(stat.st_size).unwrap_or(0),
        FileKind::Directory | FileKind::Link | FileKind::Other => 0,
    }
}

pub(crate) fn stat_answer(stat: &Stat) -> FileStat {
    let (seconds, nanos) = (u64::try_from(stat.st_mtime).unwrap_or(0), stat.st_mtime_nsec);
    FileStat {
        kind: kind(stat),
        size: size(stat),
        modified_ms: seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000),
        identity: identity(stat),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_their_directory() {
        assert_eq!(parts("a//b/./c"), Ok(vec!["a", "b", "c"]));
        assert_eq!(parts("a/../b"), Ok(vec!["b"]));
        assert_eq!(parts("a/.."), Ok(vec![]));
        assert_eq!(parts("./"), Ok(vec![]));
        for path in ["..", "a/../..", "../a", "a/../../a", "/", "/etc", "//a"] {
            assert_eq!(parts(path), Err(FileError::NotPermitted), "{path}");
        }
        assert_eq!(parts(""), Err(FileError::NoEntry));
        assert_eq!(parts("a\0b"), Err(FileError::Invalid));
        assert_eq!(parts(&"a".repeat(256)), Err(FileError::NameTooLong));
        assert_eq!(parts(&"a/".repeat(3000)), Err(FileError::NameTooLong));
    }
}
