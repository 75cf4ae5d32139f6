//! Values of `wasi:filesystem` and those of the services.

use saggar_files::{FileError, FileKind, FileStat, MAX_PATH, OpenMode};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, MetadataHashValue, OpenFlags,
};
use wasmtime_wasi::p2::{FsError, FsResult};

/// The trap for services that answer another question than they were asked.
pub(super) fn unexpected() -> FsError {
    FsError::trap(wasmtime::Error::msg("the services did not answer what they were asked about a file"))
}

pub(super) fn bounded(path: String) -> FsResult<String> {
    if path.len() > MAX_PATH { Err(ErrorCode::NameTooLong.into()) } else { Ok(path) }
}

pub(super) fn open_mode(how: OpenFlags, access: DescriptorFlags) -> FsResult<OpenMode> {
    let synchronous = DescriptorFlags::FILE_INTEGRITY_SYNC
        | DescriptorFlags::DATA_INTEGRITY_SYNC
        | DescriptorFlags::REQUESTED_WRITE_SYNC;
    if access.intersects(synchronous) {
        return Err(ErrorCode::Unsupported.into());
    }
    Ok(OpenMode {
        read: access.contains(DescriptorFlags::READ),
        write: access.contains(DescriptorFlags::WRITE),
        create: how.contains(OpenFlags::CREATE),
        exclusive: how.contains(OpenFlags::EXCLUSIVE),
        truncate: how.contains(OpenFlags::TRUNCATE),
        directory: how.contains(OpenFlags::DIRECTORY),
    })
}

pub(super) fn descriptor_type(kind: FileKind) -> DescriptorType {
    match kind {
        FileKind::File => DescriptorType::RegularFile,
        FileKind::Directory => DescriptorType::Directory,
        FileKind::Link => DescriptorType::SymbolicLink,
        FileKind::Other => DescriptorType::Unknown,
    }
}

/// Times of other kinds than the last change are left out: reading would change them.
pub(super) fn descriptor_stat(stat: FileStat) -> DescriptorStat {
    let FileStat { kind, size, modified_ms, .. } = stat;
    let nanoseconds = u32::try_from(modified_ms % 1000).unwrap_or(0) * 1_000_000;
    DescriptorStat {
        type_: descriptor_type(kind),
        link_count: 1,
        size,
        data_access_timestamp: None,
        data_modification_timestamp: Some(Datetime { seconds: modified_ms / 1000, nanoseconds }),
        status_change_timestamp: None,
    }
}

pub(super) fn metadata_hash(stat: FileStat) -> MetadataHashValue {
    let (device, inode) = stat.identity;
    MetadataHashValue { lower: inode, upper: device }
}

pub(super) fn error_code(error: FileError) -> ErrorCode {
    match error {
        FileError::Access | FileError::NotGranted => ErrorCode::Access,
        FileError::BadHandle => ErrorCode::BadDescriptor,
        FileError::Busy => ErrorCode::Busy,
        FileError::CrossDirectory => ErrorCode::CrossDevice,
        FileError::Exists => ErrorCode::Exist,
        FileError::FileTooLarge => ErrorCode::FileTooLarge,
        FileError::Invalid => ErrorCode::Invalid,
        FileError::Io => ErrorCode::Io,
        FileError::IsDirectory => ErrorCode::IsDirectory,
        FileError::Link => ErrorCode::Loop,
        FileError::NameTooLong => ErrorCode::NameTooLong,
        FileError::NoEntry => ErrorCode::NoEntry,
        FileError::NoSpace => ErrorCode::InsufficientSpace,
        FileError::NotDirectory => ErrorCode::NotDirectory,
        FileError::NotEmpty => ErrorCode::NotEmpty,
        FileError::NotPermitted => ErrorCode::NotPermitted,
        FileError::Quota | FileError::TooManyOpen => ErrorCode::Quota,
        FileError::ReadOnly => ErrorCode::ReadOnly,
        FileError::TooManyEntries => ErrorCode::Overflow,
    }
}
