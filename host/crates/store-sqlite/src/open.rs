//! How the store opens, creates and checks its files. Any program that can write to the directory may have created
//! something else under a name that the store uses: a link to another file, which would be truncated or overwritten, a
//! pipe, which would block on opening, or a directory. None of these is ever written to.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Mode of the store's files: other users must not read arguments and responses, and a user who can open a file can
/// also lock it.
const PRIVATE: u32 = 0o600;

/// The files that SQLite creates beside the database.
const OF_SQLITE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Appends a suffix: `saggar.db` and `.lock` make `saggar.db.lock`.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens a file for reading and writing, and creates it if it does not exist; never truncates.
pub(super) fn open(path: &Path) -> Result<File> {
    opened(path, OpenOptions::new().read(true).write(true).create(true))
}

/// Opens an existing file for reading and writing.
pub(super) fn open_existing(path: &Path) -> Result<File> {
    opened(path, OpenOptions::new().read(true).write(true))
}

/// Creates a file. An existing directory entry of that name is removed, not the file that it links to.
pub(super) fn replace(path: &Path) -> Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    opened(path, OpenOptions::new().write(true).create_new(true))
}

fn opened(path: &Path, options: &mut OpenOptions) -> Result<File> {
    // Without NONBLOCK, opening a pipe would block.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = options.mode(PRIVATE).custom_flags(flags.bits().cast_signed()).open(path).map_err(|error| {
        let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        if is_link { refusal(LINK) } else { error }
    })?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Refuses the files that SQLite would open beside `database` if one of them is not a regular file of its own. They are
/// not opened here: closing a file releases the locks of the whole process on it.
pub(super) fn check_beside(database: &Path) -> std::result::Result<(), (std::path::PathBuf, Error)> {
    for path in OF_SQLITE.map(|suffix| beside(database, suffix)) {
        match path.symlink_metadata() {
            Ok(metadata) => check(&metadata).map_err(|error| (path, error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err((path, error)),
        }
    }
    Ok(())
}

/// Refuses a database that is not a regular file with a single name.
pub(super) fn check_database(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) => check(&metadata),
        // It is created, or opening it reports the error.
        Err(_) => Ok(()),
    }
}

const LINK: &str = "it is a symbolic link, which the store does not follow; name the file itself, or remove the link";

fn check(metadata: &Metadata) -> Result<()> {
    if metadata.is_symlink() {
        return Err(refusal(LINK));
    }
    if !metadata.is_file() {
        return Err(refusal("it is not a regular file; move it away"));
    }
    if metadata.nlink() > 1 {
        // Under another name SQLite does not find the WAL, and so misses the last jobs. And a foreign file would be
        // overwritten.
        return Err(refusal("it has a second name (a hard link); remove that name"));
    }
    Ok(())
}

fn refusal(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, why)
}

/// Warns about files of the store that other users may read or lock.
pub(super) fn warn_if_shared(database: &Path) {
    let is_shared = |path: &std::path::PathBuf| {
        path.symlink_metadata().is_ok_and(|metadata| metadata.permissions().mode() & !PRIVATE & 0o777 != 0)
    };
    let shared: Vec<String> = ["", "-wal", "-shm", ".lock"]
        .map(|suffix| beside(database, suffix))
        .iter()
        .filter(|path| is_shared(path))
        .map(|path| path.display().to_string())
        .collect();
    if !shared.is_empty() {
        tracing::warn!(
            files = shared.join(" "),
            "other users may read the job store, or lock it and so stop the host; restrict its files with chmod 600"
        );
    }
}
