//! What a guest holds of files, beyond its own memory: descriptors, listings of directories, and streams.

use std::sync::Arc;

use saggar_files::{FileEntry, FileHandle, FileKind};

/// Bytes that a stream buffers at a time.
pub(crate) const STREAM_BYTES: usize = 64 << 10;

/// A file or directory that a guest has. In the library's interface it is a `Descriptor`, whose type only names the place in
/// the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileDescriptor {
    pub(crate) handle: FileHandle,
    pub(crate) kind: FileKind,
    pub(crate) read: bool,
    /// Of a directory, whether what is in it may be changed.
    pub(crate) write: bool,
    /// Whether the guest has found it at its start. Such a directory is the same in each call, so an instance may keep it.
    pub(crate) is_root: bool,
}

/// The rest of the entries of a directory, as the library's `DirectoryEntryStream`.
pub(crate) struct Listing(pub(crate) std::vec::IntoIter<FileEntry>);

impl Listing {
    /// Returns the bytes of the entries.
    pub(crate) fn bytes(&self) -> usize {
        let names: usize = self.0.as_slice().iter().map(|entry| entry.name.len()).sum();
        names + std::mem::size_of_val(self.0.as_slice())
    }
}

/// Counts the streams of files of a sandbox, because the table does not tell them from others. Each has a clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileStreams(Arc<()>);

impl FileStreams {
    /// Returns how many streams there are.
    pub(crate) fn open(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}
