//! The files of one call: performs its operations, one at a time.

use std::io;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, fdatasync, fstat, openat, statat};
use rustix::io::{pread, retry_on_intr};

use crate::bounds::{MAX_OPEN, MAX_TRANSFER};
use crate::entries;
use crate::error::FileError;
use crate::handles::{Handles, Opened, OpenedDir, OpenedFile};
use crate::open_files::TenantFiles;
use crate::opening::{self, Found};
use crate::operation::{FileAnswer, FileHandle, FileKind, FileOperation, FileRoot, OpenMode};
use crate::resolved_path::{LISTING, ResolvedPath, stat_answer};
use crate::shared::{Files, RootDir, RootSource};
use crate::writing;

/// The files of one call. Closed on drop, which may block: the scratch directory is removed.
#[derive(Debug)]
pub struct Session {
    files: Arc<Files>,
    tenant: TenantFiles,
    handles: Handles,
    is_closed: bool,
    /// Why an operation was refused, for people.
    notice: Explanation,
}

/// Why an operation was refused. One sentence is enough of a guest that tries it again and again.
#[derive(Debug)]
enum Explanation {
    None,
    Waiting(String),
    Taken,
}

impl Explanation {
    fn set(&mut self, notice: String) {
        if matches!(self, Self::None) {
            *self = Self::Waiting(notice);
        }
    }
}

impl Session {
    /// Creates the session of a call of a tenant's guest. Nothing is opened before it is used.
    pub fn new(files: Arc<Files>, tenant: TenantFiles, roots: Vec<RootDir>) -> Self {
        Self { files, tenant, handles: Handles::new(roots), is_closed: false, notice: Explanation::None }
    }

    /// Returns how guests see these directories.
    pub fn roots(roots: &[RootDir]) -> Vec<FileRoot> {
        roots.iter().map(|root| FileRoot { path: guest_path(root), write: root.write }).collect()
    }

    /// Performs an operation. Blocks.
    pub fn perform(&mut self, operation: FileOperation) -> Result<FileAnswer, FileError> {
        if self.is_closed {
            return Err(FileError::BadHandle);
        }
        let answer = self.do_perform(&operation);
        if answer == Err(FileError::Quota) {
            self.note_full(&operation);
        }
        answer
    }

    /// Closes what the guest does not use any more.
    pub fn close_handles(&mut self, handles: impl IntoIterator<Item = FileHandle>) {
        handles.into_iter().for_each(|handle| self.handles.close(handle));
    }

    /// Closes everything, and removes the scratch directory. Operations after it fail. Blocks.
    pub fn close(&mut self) {
        self.is_closed = true;
        self.handles.close_all();
    }

    /// Returns whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Takes the sentence that says why an operation was refused. There is one for each session at most.
    pub fn take_notice(&mut self) -> Option<String> {
        match &mut self.notice {
            Explanation::Waiting(notice) => {
                let notice = std::mem::take(notice);
                self.notice = Explanation::Taken;
                Some(notice)
            }
            Explanation::None | Explanation::Taken => None,
        }
    }

    fn do_perform(&mut self, operation: &FileOperation) -> Result<FileAnswer, FileError> {
        let handle = operation.handle();
        self.open_root_of(handle)?;
        match operation {
            FileOperation::Open { path, mode, .. } => return self.open(handle, path, *mode),
            FileOperation::Read { offset, length, .. } => return self.read(handle, *offset, *length),
            FileOperation::Write { offset, bytes, .. } => return self.write(handle, *offset, bytes),
            FileOperation::Stat { .. } => return self.stat(handle),
            FileOperation::StatAt { path, .. } => {
                let start = self.handles.dir(handle)?;
                let place = ResolvedPath::resolve(start.dir, start.depth, path)?;
                return Ok(FileAnswer::Stat(stat_answer(&place.stat()?)));
            }
            FileOperation::List { .. } => {
                return Ok(FileAnswer::Entries(entries::list(self.handles.dir(handle)?.dir)?));
            }
            FileOperation::SetSize { size, .. } => {
                let (file, spec, root_dir) = self.handles.file(handle)?;
                if !file.write {
                    return Err(FileError::BadHandle);
                }
                writing::set_size(file, (spec, root_dir), *size)?;
            }
            FileOperation::Sync { .. } => self.sync(handle)?,
            FileOperation::CreateDir { path, .. } => writing::create_dir(self.handles.dir(handle)?, path)?,
            FileOperation::RemoveDir { path, .. } => writing::remove_dir(self.handles.dir(handle)?, path)?,
            FileOperation::RemoveFile { path, .. } => writing::remove_file(self.handles.dir(handle)?, path)?,
            FileOperation::Rename { path, to_dir, to_path, .. } => {
                self.open_root_of(*to_dir)?;
                writing::rename(self.handles.dir(handle)?, path, self.handles.dir(*to_dir)?, to_path)?;
            }
        }
        Ok(FileAnswer::Done)
    }

    /// Opens the root that a handle is, or is in, unless it is open.
    fn open_root_of(&mut self, handle: FileHandle) -> Result<(), FileError> {
        let number = self.handles.root_of(handle)?;
        let root = self.handles.roots.get_mut(number).ok_or(FileError::BadHandle)?;
        if root.opened.is_some() {
            return Ok(());
        }
        let permit = self.files.open.acquire(&self.tenant)?;
        match self.files.open_root(&root.dir) {
            Ok(opened) => {
                root.opened = Some((opened, permit));
                Ok(())
            }
            Err(error) => {
                warn_of_root(&root.dir, &error);
                let notice = format!("the directory `{}` cannot be used: {error}", guest_path(&root.dir));
                self.notice.set(notice);
                Err(FileError::Io)
            }
        }
    }

    fn open(&mut self, handle: FileHandle, path: &str, mode: OpenMode) -> Result<FileAnswer, FileError> {
        if self.handles.count() >= MAX_OPEN {
            self.notice.set(format!("a call can have {MAX_OPEN} files and directories open at a time"));
            return Err(FileError::TooManyOpen);
        }
        let permit = self.files.open.acquire(&self.tenant)?;
        let start = self.handles.dir(handle)?;
        let (root, usage) = (start.root, Arc::clone(start.usage));
        let (opened, kind) = match opening::open(start, path, mode)? {
            Found::Dir { dir, depth } => {
                (Opened::Dir(OpenedDir { root, dir, depth, _permit: permit }), FileKind::Directory)
            }
            Found::File { file, identity } => {
                let OpenMode { write, .. } = mode;
                // As with a shell, a file that is opened for nothing can be read.
                let read = mode.read || !write;
                let file = OpenedFile { root, file, identity, read, write, usage, _permit: permit };
                (Opened::File(file), FileKind::File)
            }
        };
        Ok(FileAnswer::Opened { handle: self.handles.insert(opened), kind })
    }

    fn read(&self, handle: FileHandle, offset: u64, length: u32) -> Result<FileAnswer, FileError> {
        let (file, ..) = self.handles.file(handle)?;
        if !file.read {
            return Err(FileError::BadHandle);
        }
        if i64::try_from(offset).is_err() {
            return Err(FileError::Invalid);
        }
        let mut bytes = vec![0; (length as usize).min(MAX_TRANSFER)];
        let read = retry_on_intr(|| pread(&file.file, &mut bytes[..], offset))?;
        bytes.truncate(read);
        Ok(FileAnswer::Bytes(bytes))
    }

    fn write(&self, handle: FileHandle, offset: Option<u64>, bytes: &[u8]) -> Result<FileAnswer, FileError> {
        let (file, spec, root_dir) = self.handles.file(handle)?;
        if !file.write {
            return Err(FileError::BadHandle);
        }
        let bytes = bytes.get(..MAX_TRANSFER).unwrap_or(bytes);
        Ok(FileAnswer::Written(writing::write(file, (spec, root_dir), offset, bytes)?))
    }

    fn stat(&self, handle: FileHandle) -> Result<FileAnswer, FileError> {
        let stat = match self.handles.file(handle) {
            Ok((file, ..)) => fstat(&file.file)?,
            Err(FileError::IsDirectory) => statat(self.handles.dir(handle)?.dir, ".", AtFlags::empty())?,
            Err(error) => return Err(error),
        };
        Ok(FileAnswer::Stat(stat_answer(&stat)))
    }

    /// Waits for the disk. Not for a scratch directory, which does not outlive the call.
    fn sync(&self, handle: FileHandle) -> Result<(), FileError> {
        let root = self.handles.roots.get(self.handles.root_of(handle)?).ok_or(FileError::BadHandle)?;
        if root.dir.source == RootSource::Scratch {
            return Ok(());
        }
        match self.handles.file(handle) {
            Ok((file, ..)) => fdatasync(&file.file)?,
            Err(FileError::IsDirectory) => {
                fdatasync(openat(self.handles.dir(handle)?.dir, ".", LISTING, Mode::empty())?)?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn note_full(&mut self, operation: &FileOperation) {
        let root = self.handles.root_of(operation.handle()).ok().and_then(|root| self.handles.roots.get(root));
        let Some(root) = root else { return };
        let usage = root.opened.as_ref().and_then(|(opened, _)| opened.usage.lock().usage()).unwrap_or_default();
        let RootDir { max_bytes, max_files, source, .. } = &root.dir;
        let help = match source {
            RootSource::Scratch => "request a larger `scratch`",
            RootSource::Host(_) => "remove files, or ask the operator for larger bounds",
        };
        let notice = format!(
            "the directory `{}` is full: it has {} of {max_bytes} bytes and {} of {max_files} files; {help}",
            guest_path(&root.dir),
            usage.bytes,
            usage.files
        );
        self.notice.set(notice);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

fn guest_path(root: &RootDir) -> String {
    format!("/{}", root.name)
}

/// Tells the operator, who knows the path.
fn warn_of_root(root: &RootDir, error: &io::Error) {
    let path = match &root.source {
        RootSource::Host(path) => path.display().to_string(),
        RootSource::Scratch => "a scratch directory".to_owned(),
    };
    tracing::warn!(name = root.name, path, %error, "a granted directory cannot be used: correct its path, or its permissions");
}
