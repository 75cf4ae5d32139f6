//! `wasi:filesystem`: files and directories of the guest, by the call's services.
//!
//! The library's interface is used with handles of our own: a `Descriptor` of the library is never made, its type only names
//! places in the table.

mod convert;

use saggar_files::{
    FileAnswer, FileEntry, FileError, FileHandle, FileKind, FileOperation, FileRoot, FileStat, MAX_TRANSFER,
};
use wasmtime::component::{Linker, Resource, ResourceTableError};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream,
    ErrorCode, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use crate::file_resources::{FileDescriptor, Listing};
use crate::file_streams::{FileInput, FileOutput, StreamedFile};
use crate::guest::{Guest, HasGuest};
use convert::{bounded, descriptor_stat, descriptor_type, error_code, metadata_hash, open_mode, unexpected};

/// Links the interfaces over the library's.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasGuest>(linker, |guest| guest)?;
    preopens::add_to_linker::<_, HasGuest>(linker, |guest| guest)
}

impl Guest {
    fn descriptor(&mut self, of: &Resource<Descriptor>) -> Result<FileDescriptor, ResourceTableError> {
        self.table().get(&Resource::<FileDescriptor>::new_borrow(of.rep())).copied()
    }

    fn handle(&mut self, of: &Resource<Descriptor>) -> Result<FileHandle, ResourceTableError> {
        self.descriptor(of).map(|descriptor| descriptor.handle)
    }

    /// Adds a descriptor to the resources of the guest.
    fn push_descriptor(&mut self, descriptor: FileDescriptor) -> wasmtime::Result<Resource<Descriptor>> {
        let given = self.table().push(descriptor)?;
        self.count_resources()?;
        Ok(Resource::new_own(given.rep()))
    }

    async fn perform(&mut self, operation: FileOperation) -> FsResult<FileAnswer> {
        let services = self.services().map_err(FsError::trap)?;
        services.file(operation).await.map_err(|error| error_code(error).into())
    }

    /// Performs an operation whose only answer is that it is done.
    async fn perform_change(&mut self, operation: FileOperation) -> FsResult<()> {
        match self.perform(operation).await? {
            FileAnswer::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }

    async fn perform_stat(&mut self, operation: FileOperation) -> FsResult<FileStat> {
        match self.perform(operation).await? {
            FileAnswer::Stat(stat) => Ok(stat),
            _ => Err(unexpected()),
        }
    }

    async fn stat_path(&mut self, dir: FileHandle, flags: PathFlags, path: String) -> FsResult<FileStat> {
        let stat = self.perform_stat(FileOperation::StatAt { dir, path: bounded(path)? }).await?;
        // Links are not followed.
        let follows = flags.contains(PathFlags::SYMLINK_FOLLOW);
        if follows && stat.kind == FileKind::Link { Err(ErrorCode::Loop.into()) } else { Ok(stat) }
    }

    /// Returns the file of a new stream.
    fn streamed(&mut self, of: &Resource<Descriptor>) -> FsResult<(FileDescriptor, StreamedFile)> {
        let descriptor = self.descriptor(of)?;
        if descriptor.kind == FileKind::Directory {
            return Err(ErrorCode::IsDirectory.into());
        }
        let services = self.services().map_err(FsError::trap)?;
        Ok((descriptor, StreamedFile { services, handle: descriptor.handle, _counted: self.file_streams.clone() }))
    }

    fn push_output(&mut self, of: &Resource<Descriptor>, offset: Option<u64>) -> FsResult<Resource<DynOutputStream>> {
        let (descriptor, file) = self.streamed(of)?;
        if !descriptor.write {
            return Err(ErrorCode::BadDescriptor.into());
        }
        let stream: DynOutputStream = Box::new(FileOutput::new(file, offset));
        let given = self.continued().table().push(stream)?;
        self.count_resources().map_err(FsError::trap)?;
        Ok(given)
    }
}

impl preopens::Host for Guest {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mut given = Vec::new();
        for (number, FileRoot { path, write }) in (0..).zip(self.services()?.roots()) {
            let (handle, kind) = (FileHandle(number), FileKind::Directory);
            given
                .push((self.push_descriptor(FileDescriptor { handle, kind, read: true, write, is_root: true })?, path));
        }
        Ok(given)
    }
}

impl types::Host for Guest {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(self.table().get(&error)?.downcast_ref::<FileError>().map(|error| error_code(*error)))
    }
}

impl HostDescriptor for Guest {
    fn read_via_stream(&mut self, of: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynInputStream>> {
        let (descriptor, file) = self.streamed(&of)?;
        if !descriptor.read {
            return Err(ErrorCode::BadDescriptor.into());
        }
        let stream: DynInputStream = Box::new(FileInput::new(file, offset));
        let given = self.table().push(stream)?;
        self.count_resources().map_err(FsError::trap)?;
        Ok(given)
    }

    fn write_via_stream(&mut self, of: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynOutputStream>> {
        self.push_output(&of, Some(offset))
    }

    fn append_via_stream(&mut self, of: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        self.push_output(&of, None)
    }

    async fn advise(&mut self, of: Resource<Descriptor>, _from: u64, _length: u64, _advice: Advice) -> FsResult<()> {
        self.descriptor(&of)?;
        Ok(())
    }

    async fn sync_data(&mut self, of: Resource<Descriptor>) -> FsResult<()> {
        let file = self.handle(&of)?;
        self.perform_change(FileOperation::Sync { file }).await
    }

    async fn get_flags(&mut self, of: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        let FileDescriptor { kind, read, write, .. } = self.descriptor(&of)?;
        let writes = match kind {
            FileKind::Directory => DescriptorFlags::MUTATE_DIRECTORY,
            FileKind::File | FileKind::Link | FileKind::Other => DescriptorFlags::WRITE,
        };
        let flag = |is_set, flag| if is_set { flag } else { DescriptorFlags::empty() };
        Ok(flag(read, DescriptorFlags::READ) | flag(write, writes))
    }

    async fn get_type(&mut self, of: Resource<Descriptor>) -> FsResult<DescriptorType> {
        Ok(descriptor_type(self.descriptor(&of)?.kind))
    }

    async fn set_size(&mut self, of: Resource<Descriptor>, size: u64) -> FsResult<()> {
        let file = self.handle(&of)?;
        self.perform_change(FileOperation::SetSize { file, size }).await
    }

    async fn set_times(&mut self, of: Resource<Descriptor>, _: NewTimestamp, _: NewTimestamp) -> FsResult<()> {
        self.descriptor(&of)?;
        Err(ErrorCode::NotPermitted.into())
    }

    async fn read(&mut self, of: Resource<Descriptor>, length: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        let file = self.handle(&of)?;
        let length = u32::try_from(length.min(MAX_TRANSFER as u64)).unwrap_or(u32::MAX);
        match self.perform(FileOperation::Read { file, offset, length }).await? {
            FileAnswer::Bytes(bytes) => {
                let is_at_end = bytes.is_empty();
                Ok((bytes, is_at_end))
            }
            _ => Err(unexpected()),
        }
    }

    async fn write(&mut self, of: Resource<Descriptor>, mut bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        let file = self.continued().handle(&of)?;
        bytes.truncate(MAX_TRANSFER);
        match self.perform(FileOperation::Write { file, offset: Some(offset), bytes }).await? {
            FileAnswer::Written(length) => Ok(length),
            _ => Err(unexpected()),
        }
    }

    async fn read_directory(&mut self, of: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        let dir = self.handle(&of)?;
        let FileAnswer::Entries(entries) = self.perform(FileOperation::List { dir }).await? else {
            return Err(unexpected());
        };
        let given = self.table().push(Listing(entries.into_iter()))?;
        self.count_resources().map_err(FsError::trap)?;
        Ok(Resource::new_own(given.rep()))
    }

    async fn sync(&mut self, of: Resource<Descriptor>) -> FsResult<()> {
        self.sync_data(of).await
    }

    async fn create_directory_at(&mut self, of: Resource<Descriptor>, path: String) -> FsResult<()> {
        let dir = self.handle(&of)?;
        self.perform_change(FileOperation::CreateDir { dir, path: bounded(path)? }).await
    }

    async fn stat(&mut self, of: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        let file = self.handle(&of)?;
        Ok(descriptor_stat(self.perform_stat(FileOperation::Stat { file }).await?))
    }

    async fn stat_at(&mut self, of: Resource<Descriptor>, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        let dir = self.handle(&of)?;
        Ok(descriptor_stat(self.stat_path(dir, flags, path).await?))
    }

    async fn set_times_at(
        &mut self,
        of: Resource<Descriptor>,
        _flags: PathFlags,
        _path: String,
        _accessed: NewTimestamp,
        _modified: NewTimestamp,
    ) -> FsResult<()> {
        self.descriptor(&of)?;
        Err(ErrorCode::NotPermitted.into())
    }

    async fn link_at(
        &mut self,
        of: Resource<Descriptor>,
        _flags: PathFlags,
        _path: String,
        _to: Resource<Descriptor>,
        _to_path: String,
    ) -> FsResult<()> {
        self.descriptor(&of)?;
        Err(ErrorCode::NotPermitted.into())
    }

    async fn open_at(
        &mut self,
        of: Resource<Descriptor>,
        _flags: PathFlags,
        path: String,
        how: OpenFlags,
        access: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let parent = self.descriptor(&of)?;
        let mode = open_mode(how, access)?;
        let operation = FileOperation::Open { dir: parent.handle, path: bounded(path)?, mode };
        let FileAnswer::Opened { handle, kind } = self.perform(operation).await? else { return Err(unexpected()) };
        let (read, write) = match kind {
            FileKind::Directory => (true, parent.write),
            FileKind::File | FileKind::Link | FileKind::Other => (mode.read || !mode.write, mode.write),
        };
        self.push_descriptor(FileDescriptor { handle, kind, read, write, is_root: false }).map_err(FsError::trap)
    }

    async fn readlink_at(&mut self, of: Resource<Descriptor>, _path: String) -> FsResult<String> {
        self.descriptor(&of)?;
        Err(ErrorCode::NotPermitted.into())
    }

    async fn remove_directory_at(&mut self, of: Resource<Descriptor>, path: String) -> FsResult<()> {
        let dir = self.handle(&of)?;
        self.perform_change(FileOperation::RemoveDir { dir, path: bounded(path)? }).await
    }

    async fn rename_at(
        &mut self,
        of: Resource<Descriptor>,
        path: String,
        to: Resource<Descriptor>,
        to_path: String,
    ) -> FsResult<()> {
        let (dir, to_dir) = (self.handle(&of)?, self.handle(&to)?);
        let (path, to_path) = (bounded(path)?, bounded(to_path)?);
        self.perform_change(FileOperation::Rename { dir, path, to_dir, to_path }).await
    }

    async fn symlink_at(&mut self, of: Resource<Descriptor>, _to: String, _path: String) -> FsResult<()> {
        self.descriptor(&of)?;
        Err(ErrorCode::NotPermitted.into())
    }

    async fn unlink_file_at(&mut self, of: Resource<Descriptor>, path: String) -> FsResult<()> {
        let dir = self.handle(&of)?;
        self.perform_change(FileOperation::RemoveFile { dir, path: bounded(path)? }).await
    }

    async fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> wasmtime::Result<bool> {
        let handles = [self.handle(&a)?, self.handle(&b)?];
        let mut identities = Vec::new();
        for file in handles {
            match self.perform_stat(FileOperation::Stat { file }).await {
                Ok(stat) => identities.push(stat.identity),
                Err(error) => {
                    error.downcast()?;
                    return Ok(false);
                }
            }
        }
        Ok(identities.first() == identities.last())
    }

    async fn metadata_hash(&mut self, of: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        let file = self.handle(&of)?;
        Ok(metadata_hash(self.perform_stat(FileOperation::Stat { file }).await?))
    }

    async fn metadata_hash_at(
        &mut self,
        of: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let dir = self.handle(&of)?;
        Ok(metadata_hash(self.stat_path(dir, flags, path).await?))
    }

    fn drop(&mut self, of: Resource<Descriptor>) -> wasmtime::Result<()> {
        let descriptor = self.table().delete(Resource::<FileDescriptor>::new_own(of.rep()))?;
        if !descriptor.is_root
            && let Ok(services) = self.services()
        {
            services.close_file(descriptor.handle);
        }
        Ok(())
    }
}

impl HostDirectoryEntryStream for Guest {
    async fn read_directory_entry(&mut self, of: Resource<DirectoryEntryStream>) -> FsResult<Option<DirectoryEntry>> {
        let listing = self.table().get_mut(&Resource::<Listing>::new_borrow(of.rep()))?;
        let entry = |FileEntry { name, kind }| DirectoryEntry { type_: descriptor_type(kind), name };
        Ok(listing.0.next().map(entry))
    }

    fn drop(&mut self, of: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table().delete(Resource::<Listing>::new_own(of.rep()))?;
        Ok(())
    }
}
