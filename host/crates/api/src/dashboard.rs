//! Where the files of the dashboard come from. Module `routes::dashboard` serves them.

use std::path::PathBuf;

/// Where the files of the dashboard come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dashboard {
    /// From this program.
    Embedded,
    /// From a folder, each time that they are asked for.
    Folder(PathBuf),
}
