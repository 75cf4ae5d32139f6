//! Why an operation failed. Records of attempts contain it, so new variants come last, and none is removed.

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Why an operation failed. Nothing was changed, unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum FileError {
    /// The operating system does not let the host do it.
    #[error("the host has no permission for it")]
    Access,
    /// The handle is closed, of an earlier call, or not open for this.
    #[error("the handle is not open, or not open for this")]
    BadHandle,
    /// Something else uses it.
    #[error("it is in use")]
    Busy,
    /// It would move to another granted directory, or a directory would move out of the one that it is in.
    #[error("it cannot be moved there; copy it")]
    CrossDirectory,
    /// It exists.
    #[error("it exists already")]
    Exists,
    /// The file would be larger than a file can be.
    #[error("the file would be too large")]
    FileTooLarge,
    /// The operation makes no sense for it.
    #[error("invalid operation")]
    Invalid,
    /// The operating system failed.
    #[error("input or output failed")]
    Io,
    /// It is a directory.
    #[error("it is a directory")]
    IsDirectory,
    /// It is a link, or a link is on the way to it. Links are not followed.
    #[error("it is a link, and links are not followed")]
    Link,
    /// A name or a path is too long, or there are too many directories inside each other.
    #[error("the path is too long, or leads too deep")]
    NameTooLong,
    /// It does not exist.
    #[error("it does not exist")]
    NoEntry,
    /// The disk is full.
    #[error("the disk is full")]
    NoSpace,
    /// It is not a directory.
    #[error("it is not a directory")]
    NotDirectory,
    /// The directory has entries.
    #[error("the directory is not empty")]
    NotEmpty,
    /// The task has no directories.
    #[error("no directory is granted")]
    NotGranted,
    /// The path leads out of the directory, or it is neither a file nor a directory.
    #[error("not permitted")]
    NotPermitted,
    /// A bound of the directory is reached: its bytes, or its files and directories.
    #[error("the bound of the directory is reached")]
    Quota,
    /// The directory is granted for reading.
    #[error("the directory is read-only")]
    ReadOnly,
    /// The directory has too many entries to be listed.
    #[error("the directory has too many entries to be listed")]
    TooManyEntries,
    /// The call, or all calls together, have too many files open.
    #[error("too many files are open")]
    TooManyOpen,
}

impl From<Errno> for FileError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ACCESS => Self::Access,
            Errno::PERM => Self::NotPermitted,
            Errno::BUSY | Errno::TXTBSY => Self::Busy,
            Errno::XDEV => Self::CrossDirectory,
            Errno::EXIST => Self::Exists,
            Errno::FBIG => Self::FileTooLarge,
            Errno::INVAL | Errno::ILSEQ => Self::Invalid,
            Errno::ISDIR => Self::IsDirectory,
            Errno::LOOP => Self::Link,
            Errno::NAMETOOLONG => Self::NameTooLong,
            Errno::NOENT => Self::NoEntry,
            Errno::NOSPC | Errno::DQUOT => Self::NoSpace,
            Errno::NOTDIR => Self::NotDirectory,
            Errno::NOTEMPTY => Self::NotEmpty,
            Errno::ROFS => Self::ReadOnly,
            Errno::MFILE | Errno::NFILE => Self::TooManyOpen,
            _ => Self::Io,
        }
    }
}
