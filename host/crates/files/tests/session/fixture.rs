//! A session on a directory.

use std::path::Path;
use std::sync::Arc;

use saggar_files::{
    FileAnswer, FileError, FileHandle, FileKind, FileOperation, FileStat, Files, OpenMode, RootDir, RootSource,
    Session, TenantFiles,
};

/// The only root of a session.
pub(super) const ROOT: FileHandle = FileHandle(0);

/// Opens for reading.
pub(super) const READ: OpenMode =
    OpenMode { read: true, write: false, create: false, exclusive: false, truncate: false, directory: false };

/// Opens for reading and writing; creates.
pub(super) const CREATE: OpenMode = OpenMode { write: true, create: true, ..READ };

/// A session with one root, and its directory.
pub(super) struct Fixture {
    pub(super) dir: tempfile::TempDir,
    pub(super) files: Arc<Files>,
    pub(super) session: Session,
    root: RootDir,
}

impl Fixture {
    pub(super) fn new(write: bool, max_bytes: u64, max_files: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = RootSource::Host(dir.path().to_owned());
        let root = RootDir { name: "data".to_owned(), source, write, max_bytes, max_files };
        let files = Arc::new(Files::new(None));
        let session = Session::new(Arc::clone(&files), TenantFiles::default(), vec![root.clone()]);
        Self { dir, files, session, root }
    }

    pub(super) fn writable() -> Self {
        Self::new(true, 1 << 20, 1000)
    }

    /// Creates another session on the same directory.
    pub(super) fn other_session(&self) -> Session {
        Session::new(Arc::clone(&self.files), TenantFiles::default(), vec![self.root.clone()])
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// What the tests ask of a session.
pub(super) trait FileUser {
    fn ask(&mut self, operation: FileOperation) -> Result<FileAnswer, FileError>;

    fn open(&mut self, dir: FileHandle, path: &str, mode: OpenMode) -> Result<FileHandle, FileError> {
        match self.ask(FileOperation::Open { dir, path: path.to_owned(), mode })? {
            FileAnswer::Opened { handle, .. } => Ok(handle),
            other => panic!("{other:?}"),
        }
    }

    fn write(&mut self, file: FileHandle, offset: Option<u64>, bytes: &[u8]) -> Result<u64, FileError> {
        match self.ask(FileOperation::Write { file, offset, bytes: bytes.to_vec() })? {
            FileAnswer::Written(length) => Ok(length),
            other => panic!("{other:?}"),
        }
    }

    fn read(&mut self, file: FileHandle, offset: u64, length: u32) -> Result<Vec<u8>, FileError> {
        match self.ask(FileOperation::Read { file, offset, length })? {
            FileAnswer::Bytes(bytes) => Ok(bytes),
            other => panic!("{other:?}"),
        }
    }

    fn set_size(&mut self, file: FileHandle, size: u64) -> Result<(), FileError> {
        self.ask(FileOperation::SetSize { file, size }).map(drop)
    }

    fn create_dir(&mut self, path: &str) -> Result<(), FileError> {
        self.ask(FileOperation::CreateDir { dir: ROOT, path: path.to_owned() }).map(drop)
    }

    fn remove_dir(&mut self, path: &str) -> Result<(), FileError> {
        self.ask(FileOperation::RemoveDir { dir: ROOT, path: path.to_owned() }).map(drop)
    }

    fn remove_file(&mut self, path: &str) -> Result<(), FileError> {
        self.ask(FileOperation::RemoveFile { dir: ROOT, path: path.to_owned() }).map(drop)
    }

    fn rename(&mut self, path: &str, to: &str) -> Result<(), FileError> {
        let (path, to_path) = (path.to_owned(), to.to_owned());
        self.ask(FileOperation::Rename { dir: ROOT, path, to_dir: ROOT, to_path }).map(drop)
    }

    fn stat_at(&mut self, path: &str) -> Result<FileStat, FileError> {
        match self.ask(FileOperation::StatAt { dir: ROOT, path: path.to_owned() })? {
            FileAnswer::Stat(stat) => Ok(stat),
            other => panic!("{other:?}"),
        }
    }

    fn list(&mut self, dir: FileHandle) -> Result<Vec<(String, FileKind)>, FileError> {
        match self.ask(FileOperation::List { dir })? {
            FileAnswer::Entries(entries) => Ok(entries.into_iter().map(|entry| (entry.name, entry.kind)).collect()),
            other => panic!("{other:?}"),
        }
    }

    /// Creates a file of so many bytes, and leaves it open.
    fn fill(&mut self, path: &str, bytes: usize) -> Result<FileHandle, FileError> {
        let file = self.open(ROOT, path, CREATE)?;
        self.write(file, None, &vec![b'x'; bytes])?;
        Ok(file)
    }
}

impl FileUser for Session {
    fn ask(&mut self, operation: FileOperation) -> Result<FileAnswer, FileError> {
        self.perform(operation)
    }
}
