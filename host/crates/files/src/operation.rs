//! What a guest asks about files, and what it is answered, as plain values that can be recorded and replayed. Records of
//! attempts contain them, so new variants and fields come last, and none is removed or changed.

use serde::{Deserialize, Serialize};

/// A file or directory that a guest can use. The first numbers are the roots, in their order; what the guest opens gets
/// the numbers after them, each once in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileHandle(pub u32);

/// A directory that a guest finds when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRoot {
    /// Where the guest sees it, such as `/data`.
    pub path: String,
    /// Whether the guest may change it.
    pub write: bool,
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OpenMode {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// Creates the file if it does not exist.
    pub create: bool,
    /// With `create`, fails if it exists.
    pub exclusive: bool,
    /// Empties the file.
    pub truncate: bool,
    /// Fails unless it is a directory.
    pub directory: bool,
}

/// What a guest asks. Paths are relative to a directory that the guest has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileOperation {
    /// Opens a file or a directory.
    Open {
        /// Where the path begins.
        dir: FileHandle,
        /// The path.
        path: String,
        /// What for.
        mode: OpenMode,
    },
    /// Reads at most `length` bytes at a position.
    Read {
        /// A file.
        file: FileHandle,
        /// The position.
        offset: u64,
        /// At most [`MAX_TRANSFER`](crate::MAX_TRANSFER).
        length: u32,
    },
    /// Writes at a position, or at the end of the file.
    Write {
        /// A file.
        file: FileHandle,
        /// The position; `None` for the end of the file.
        offset: Option<u64>,
        /// At most [`MAX_TRANSFER`](crate::MAX_TRANSFER).
        bytes: Vec<u8>,
    },
    /// Cuts a file, or extends it by zeros.
    SetSize {
        /// A file.
        file: FileHandle,
        /// Its new size.
        size: u64,
    },
    /// Waits until a file or a directory is on the disk.
    Sync {
        /// A file or a directory.
        file: FileHandle,
    },
    /// Looks at an open file or directory.
    Stat {
        /// The file or directory.
        file: FileHandle,
    },
    /// Looks at what is at a path.
    StatAt {
        /// Where the path begins.
        dir: FileHandle,
        /// The path.
        path: String,
    },
    /// Lists a directory, by name.
    List {
        /// The directory.
        dir: FileHandle,
    },
    /// Creates a directory.
    CreateDir {
        /// Where the path begins.
        dir: FileHandle,
        /// The path.
        path: String,
    },
    /// Removes an empty directory.
    RemoveDir {
        /// Where the path begins.
        dir: FileHandle,
        /// The path.
        path: String,
    },
    /// Removes a file.
    RemoveFile {
        /// Where the path begins.
        dir: FileHandle,
        /// The path.
        path: String,
    },
    /// Renames a file or directory; replaces a file, or an empty directory by a directory.
    Rename {
        /// Where the old path begins.
        dir: FileHandle,
        /// The old path.
        path: String,
        /// Where the new path begins.
        to_dir: FileHandle,
        /// The new path.
        to_path: String,
    },
}

impl FileOperation {
    /// Returns the handle that it begins with.
    pub fn handle(&self) -> FileHandle {
        match self {
            Self::Open { dir, .. }
            | Self::StatAt { dir, .. }
            | Self::List { dir }
            | Self::CreateDir { dir, .. }
            | Self::RemoveDir { dir, .. }
            | Self::RemoveFile { dir, .. }
            | Self::Rename { dir, .. } => *dir,
            Self::Read { file, .. }
            | Self::Write { file, .. }
            | Self::SetSize { file, .. }
            | Self::Sync { file }
            | Self::Stat { file } => *file,
        }
    }
}

/// What a guest is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileAnswer {
    /// It is done.
    Done,
    /// It is open.
    Opened {
        /// Its handle.
        handle: FileHandle,
        /// What it is: a file or a directory.
        kind: FileKind,
    },
    /// What was read; nothing at the end of the file.
    Bytes(Vec<u8>),
    /// How many bytes were written.
    Written(u64),
    /// What is known of it.
    Stat(FileStat),
    /// The entries of a directory.
    Entries(Vec<FileEntry>),
}

/// What something in a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A link, which is not followed.
    Link,
    /// A pipe, a socket or a device, which cannot be opened.
    Other,
}

/// What is known of a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    /// What it is.
    pub kind: FileKind,
    /// Its size in bytes; 0 unless it is a file.
    pub size: u64,
    /// Milliseconds since 1970 at its last change. Not more precisely, because it would be a clock.
    pub modified_ms: u64,
    /// The device and the inode, which are the same for two handles of one file.
    pub identity: (u64, u64),
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_survive_being_stored() {
        let mode = OpenMode { read: true, ..OpenMode::default() };
        let question = FileOperation::Open { dir: FileHandle(0), path: "a/b".to_owned(), mode };
        let text = serde_json::to_string(&question).unwrap();
        assert!(text.starts_with(r#"{"open":{"dir":0,"path":"a/b""#), "{text}");
        assert_eq!(serde_json::from_str::<FileOperation>(&text).unwrap(), question);
        let stat = FileStat { kind: FileKind::File, size: 7, modified_ms: 1, identity: (2, 3) };
        for answer in [FileAnswer::Done, FileAnswer::Bytes(vec![0, 255]), FileAnswer::Stat(stat)] {
            let text = serde_json::to_string(&answer).unwrap();
            assert_eq!(serde_json::from_str::<FileAnswer>(&text).unwrap(), answer);
        }
        let text = serde_json::to_string(&crate::FileError::NoEntry).unwrap();
        assert_eq!(text, r#""no-entry""#);
    }
}
