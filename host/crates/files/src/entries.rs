//! Lists directories.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, Dir, FileType, Mode, openat, statat};

use crate::bounds::{MAX_ENTRIES, MAX_ENTRY_BYTES};
use crate::error::FileError;
use crate::operation::{FileEntry, FileKind};
use crate::resolved_path::{LISTING, kind, kind_of};

/// Lists a directory by name, so that the order does not depend on the file system. Leaves out names that are not UTF-8,
/// which guests cannot write.
pub(crate) fn list(dir: BorrowedFd<'_>) -> Result<Vec<FileEntry>, FileError> {
    let mut found = Dir::new(openat(dir, ".", LISTING, Mode::empty())?)?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(entry) = found.read() {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if matches!(name, "." | "..") {
            continue;
        }
        bytes += name.len();
        if entries.len() >= MAX_ENTRIES || bytes > MAX_ENTRY_BYTES {
            return Err(FileError::TooManyEntries);
        }
        let kind = match entry.file_type() {
            // Not every file system says it.
            FileType::Unknown => {
                statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_or(FileKind::Other, |stat| kind(&stat))
            }
            known => kind_of(known),
        };
        entries.push(FileEntry { name: name.to_owned(), kind });
    }
    entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}
