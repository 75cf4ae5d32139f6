//! Files of guests: directories that an operator grants, and a scratch directory that is gone after the call.
//!
//! In reading order: a [`FileOperation`] is what a guest asks, and a [`FileAnswer`] what it gets, both plain values; a
//! [`Session`] performs the operations of one call; [`Files`] is what the sessions of a process share. All of it may block.
//!
//! No path leads out of a directory: every part of a path is opened below the one before it, and links are not followed,
//! whoever made them. Guests cannot make links, devices, pipes or sockets, and cannot open any.

mod bounds;
mod error;
mod operation;

mod open_files;
mod resolved_path;
mod usage;

mod dir_usage;
mod scratch;
mod shared;

mod entries;
mod handles;
mod opening;
mod session;
mod writing;

pub use bounds::{MAX_DEPTH, MAX_ENTRIES, MAX_OPEN, MAX_PATH, MAX_TRANSFER};
pub use error::FileError;
pub use open_files::TenantFiles;
pub use operation::{FileAnswer, FileEntry, FileHandle, FileKind, FileOperation, FileRoot, FileStat, OpenMode};
pub use session::Session;
pub use shared::{Files, RootDir, RootSource};
