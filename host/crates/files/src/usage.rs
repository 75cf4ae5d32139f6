//! What a tree takes: bytes of its files, and how many files and directories there are.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, Mode, openat, statat};
use rustix::io::Errno;

use crate::bounds::MAX_DEPTH;
use crate::error::FileError;
use crate::operation::FileKind;
use crate::resolved_path::{LISTING, PASSING, kind, size};

/// What a tree takes, or may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// The sizes of all files together.
    pub(crate) bytes: u64,
    /// How many entries all directories have together.
    pub(crate) files: u64,
}

impl Usage {
    pub(crate) fn of_bytes(bytes: u64) -> Self {
        Self { bytes, files: 0 }
    }

    pub(crate) fn of_file(bytes: u64) -> Self {
        Self { bytes, files: 1 }
    }

    pub(crate) fn plus(self, more: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(more.bytes), files: self.files.saturating_add(more.files) }
    }

    pub(crate) fn minus(self, less: Self) -> Self {
        Self { bytes: self.bytes.saturating_sub(less.bytes), files: self.files.saturating_sub(less.files) }
    }

    pub(crate) fn is_within(self, most: Self) -> bool {
        self.bytes <= most.bytes && self.files <= most.files
    }
}

/// Counts what is below a directory. `None` if there are more than `most_files`, which are not all counted.
pub(crate) fn count(dir: BorrowedFd<'_>, most_files: u64) -> Result<Option<Usage>, FileError> {
    let mut usage = Usage::default();
    count_below(dir, 0, most_files, &mut usage)?;
    Ok((usage.files <= most_files).then_some(usage))
}

fn count_below(dir: BorrowedFd<'_>, depth: u32, most_files: u64, usage: &mut Usage) -> Result<(), FileError> {
    if depth > MAX_DEPTH {
        return Err(FileError::NameTooLong);
    }
    let mut entries = Dir::new(openat(dir, ".", LISTING, Mode::empty())?)?;
    while let Some(entry) = entries.read() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // Another program has removed it.
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(errno.into()),
        };
        *usage = usage.plus(Usage::of_file(size(&stat)));
        if usage.files > most_files {
            return Ok(());
        }
        if kind(&stat) == FileKind::Directory {
            match openat(dir, name, PASSING, Mode::empty()) {
                Ok(below) => count_below(below.as_fd(), depth + 1, most_files, usage)?,
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
    Ok(())
}
