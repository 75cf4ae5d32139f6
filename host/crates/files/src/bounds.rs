//! Bounds of what guests can ask for.

/// Maximum bytes of a path.
pub const MAX_PATH: usize = 4096;

/// Maximum bytes of a name: that of Linux.
pub(crate) const MAX_NAME: usize = 255;

/// Maximum number of directories inside each other. What removes or counts a tree recurses, and opens as many.
pub const MAX_DEPTH: u32 = 64;

/// Maximum files and directories that a call has open at a time.
pub const MAX_OPEN: usize = 64;

/// Maximum bytes of one read or write.
pub const MAX_TRANSFER: usize = 256 << 10;

/// Maximum entries of a directory that is listed.
pub const MAX_ENTRIES: usize = 20_000;

/// Maximum bytes of their names together.
pub(crate) const MAX_ENTRY_BYTES: usize = 1 << 20;

/// Files and directories of a scratch directory.
pub(crate) const MAX_SCRATCH_FILES: u64 = 10_000;
