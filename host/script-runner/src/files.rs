//! What the prelude's `Env` and `File` are made of: the variables and the directories that the task has.

use rquickjs::{Array, Ctx, Exception, Object, Result, Value};
use wasip2::cli::environment;
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{self, Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use wasip2::io::streams::StreamError;

use crate::host_function::{argument, define};
use crate::inspect::inspect;
use crate::process::throw_with_code;
use crate::{ffi, state};

/// What the host reads or writes at a time.
const CHUNK: usize = 256 << 10;

/// What a stream takes at a time.
const STREAM_CHUNK: usize = 4 << 10;

/// What a call of the host for a file returns.
type FileResult<T> = std::result::Result<T, ErrorCode>;

/// Adds this module's functions.
pub(crate) fn install(native: &Object<'_>) -> Result<()> {
    define(native, "variable", variable)?;
    define(native, "fileRead", read)?;
    define(native, "fileWrite", write)?;
    define(native, "fileAppend", append)?;
    define(native, "fileList", list)?;
    define(native, "fileExists", exists)?;
    define(native, "fileMakeDir", make_dir)?;
    define(native, "fileRemove", remove)
}

/// Takes a name; returns the value of the variable, or `undefined`.
fn variable<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    state::require_running(ctx, "Env")?;
    let name = ffi::text(&argument(ctx, arguments, 0))?;
    match environment::get_environment().into_iter().find(|(known, _)| *known == name) {
        Some((_, value)) => ffi::string(ctx, &value),
        None => Ok(Value::new_undefined(ctx.clone())),
    }
}

/// Takes a path; returns the bytes of the file.
fn read<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let bytes = at(ctx, arguments, |place| {
        let file = place.open(OpenFlags::empty(), DescriptorFlags::READ)?;
        let mut bytes = Vec::new();
        loop {
            let (more, is_at_end) = file.read(CHUNK as u64, bytes.len() as u64)?;
            bytes.extend_from_slice(&more);
            if is_at_end || more.is_empty() {
                return Ok(bytes);
            }
        }
    })?;
    ffi::byte_array(ctx, &bytes)
}

/// Takes a path and bytes, which become the file.
fn write<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let bytes = bytes(ctx, arguments)?;
    at(ctx, arguments, |place| {
        let file = place.open(OpenFlags::CREATE | OpenFlags::TRUNCATE, DescriptorFlags::WRITE)?;
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            let chunk = &rest[..rest.len().min(CHUNK)];
            match file.write(chunk, written as u64)? {
                0 => return Err(ErrorCode::Io),
                length => written += length as usize,
            }
        }
        Ok(())
    })?;
    Ok(Value::new_undefined(ctx.clone()))
}

/// Takes a path and bytes, and adds them to the end of the file.
fn append<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let bytes = bytes(ctx, arguments)?;
    at(ctx, arguments, |place| {
        let file = place.open(OpenFlags::CREATE, DescriptorFlags::WRITE)?;
        let stream = file.append_via_stream()?;
        bytes.chunks(STREAM_CHUNK).try_for_each(|chunk| stream.blocking_write_and_flush(chunk).map_err(of_stream))
    })?;
    Ok(Value::new_undefined(ctx.clone()))
}

/// Takes a path; returns the names of what the directory has, sorted.
fn list<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let mut names = at(ctx, arguments, |place| {
        let opened;
        let dir = match place.rest.as_str() {
            "" => &place.root,
            _ => {
                opened = place.open(OpenFlags::DIRECTORY, DescriptorFlags::READ)?;
                &opened
            }
        };
        let entries = dir.read_directory()?;
        let mut names = Vec::new();
        while let Some(entry) = entries.read_directory_entry()? {
            names.push(entry.name);
        }
        Ok(names)
    })?;
    names.sort_unstable();
    let array = Array::new(ctx.clone())?;
    for (index, name) in names.iter().enumerate() {
        array.set(index, ffi::string(ctx, name)?)?;
    }
    Ok(array.into_value())
}

/// Takes a path; returns whether there is something.
fn exists<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let exists = at(ctx, arguments, |place| {
        if place.rest.is_empty() {
            return Ok(true);
        }
        match place.root.stat_at(PathFlags::empty(), &place.rest) {
            Ok(_) => Ok(true),
            Err(ErrorCode::NoEntry) => Ok(false),
            Err(error) => Err(error),
        }
    })?;
    Ok(Value::new_bool(ctx.clone(), exists))
}

/// Takes the path of a directory that is made.
fn make_dir<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    at(ctx, arguments, |place| place.root.create_directory_at(&place.rest))?;
    Ok(Value::new_undefined(ctx.clone()))
}

/// Takes the path of a file, or of an empty directory.
fn remove<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    at(ctx, arguments, |place| match place.root.unlink_file_at(&place.rest) {
        Err(ErrorCode::IsDirectory) => place.root.remove_directory_at(&place.rest),
        removed => removed,
    })?;
    Ok(Value::new_undefined(ctx.clone()))
}

/// Where a path leads: to one of the task's directories, and from there on.
struct LocatedFile {
    root: Descriptor,
    rest: String,
}

impl LocatedFile {
    /// Finds the directory that a path begins with.
    fn of(path: &str) -> Option<Self> {
        preopens::get_directories().into_iter().find_map(|(root, name)| {
            let rest = path.strip_prefix(name.as_str())?;
            let is_inside = rest.is_empty() || rest.starts_with('/');
            is_inside.then(|| Self { root, rest: rest.trim_matches('/').to_owned() })
        })
    }

    fn open(&self, how: OpenFlags, access: DescriptorFlags) -> FileResult<Descriptor> {
        self.root.open_at(PathFlags::empty(), &self.rest, how, access)
    }
}

/// Does something at the path in the first argument, and throws what fails.
fn at<'js, T>(ctx: &Ctx<'js>, arguments: &[Value<'js>], act: impl FnOnce(&LocatedFile) -> FileResult<T>) -> Result<T> {
    state::require_running(ctx, "File")?;
    let path = argument(ctx, arguments, 0);
    let Some(text) = path.as_string() else {
        return Err(Exception::throw_type(ctx, &format!("a path of File is a text, not {}", inspect(&path))));
    };
    let path = ffi::text(text.as_value())?;
    let Some(place) = LocatedFile::of(&path) else {
        let message = format!(
            "`{path}` is in no directory that the task has: it requests them in `sandbox.dirs` and `sandbox.scratch`, and the \
             operator grants them"
        );
        return Err(throw_with_code(ctx, "not-granted", &message));
    };
    act(&place).map_err(|error| throw_with_code(ctx, error.name(), &format!("`{path}`: {}", describe(error))))
}

fn bytes<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Vec<u8>> {
    let bytes = ffi::bytes(&argument(ctx, arguments, 1));
    bytes.ok_or_else(|| Exception::throw_type(ctx, "File writes a text, a typed array or an ArrayBuffer"))
}

fn of_stream(error: StreamError) -> ErrorCode {
    match error {
        StreamError::LastOperationFailed(error) => types::filesystem_error_code(&error).unwrap_or(ErrorCode::Io),
        StreamError::Closed => ErrorCode::Io,
    }
}

fn describe(error: ErrorCode) -> &'static str {
    match error {
        ErrorCode::NoEntry => "there is no such file or directory",
        ErrorCode::Exist => "there is already something",
        ErrorCode::IsDirectory => "it is a directory",
        ErrorCode::NotDirectory => "it is not a directory",
        ErrorCode::NotEmpty => "the directory is not empty",
        ErrorCode::ReadOnly => "the task may only read this directory",
        ErrorCode::InsufficientSpace => "there is no space left",
        ErrorCode::Quota => "the directory may have no more bytes or files, or too many are open",
        ErrorCode::NotPermitted | ErrorCode::Access => "this is not permitted",
        ErrorCode::Invalid => "this is not a path that can be used",
        other => other.name(),
    }
}
