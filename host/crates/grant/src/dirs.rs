//! Directories of the host that guests see.

use std::path::PathBuf;

use crate::access::Access;

/// Maximum length of a name.
const MAX_NAME: usize = 64;

/// Names that guests see for something else.
const RESERVED: [&str; 1] = ["scratch"];

/// A directory that an operator grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirGrant {
    /// The name by which tasks request it; guests see it as `/NAME`.
    pub name: String,
    /// Where it is on the host.
    pub path: PathBuf,
    /// The most that a task may request.
    pub access: Access,
    /// Bytes of all files in it, if tasks may write.
    pub max_bytes: u64,
    /// Files and directories in it, if tasks may write.
    pub max_files: u64,
}

/// A directory that a task has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirGranted {
    /// Its name; guests see it as `/NAME`.
    pub name: String,
    /// Where it is on the host.
    pub path: PathBuf,
    /// Whether the task may change it.
    pub write: bool,
    /// Bytes of all files in it; only writing is refused beyond it.
    pub max_bytes: u64,
    /// Files and directories in it; only creating is refused beyond it.
    pub max_files: u64,
}

impl DirGrant {
    /// The default of `max_bytes`.
    pub const DEFAULT_BYTES: u64 = 1 << 30;

    /// The default of `max_files`.
    pub const DEFAULT_FILES: u64 = 10_000;
}

/// Returns whether a text can be the name of a directory for guests: lower-case letters, digits, `-` and `_`, and not
/// `scratch`.
pub fn is_dir_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= MAX_NAME
        && name.bytes().next().is_some_and(is_plain)
        && name.bytes().all(|byte| is_plain(byte) || byte == b'-' || byte == b'_')
        && !RESERVED.contains(&name)
}
