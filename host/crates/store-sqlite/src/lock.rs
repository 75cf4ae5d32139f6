//! One host per database, as long as the store is open. It is enforced by a lock file beside the database, which names
//! the holder, and by a lock on the database itself, which also covers every other name of that file (a link, a bind
//! mount). The operating system releases both when the process dies, in any way.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use parking_lot::Mutex;
use saggar_job::{Clock, SystemClock};

use super::error::SqliteError;
use super::identity::FileId;
use super::open::{self, beside};
use super::probe::is_no_room;

/// The first bytes of a lock file.
const SIGNATURE: &str = "process ";

/// The databases that this process has open. Another file descriptor of one of them must not be closed: that would
/// release all of SQLite's locks of the process on the file.
static OPEN_DATABASES: Mutex<Vec<FileId>> = Mutex::new(Vec::new());

/// The exclusive right to open a database as its host.
#[derive(Debug)]
pub(super) struct HostLock {
    id: FileId,
    /// The file itself is not removed: another host may just have locked it.
    file: File,
    /// The database. SQLite's own locks are of another kind (`fcntl`) and do not interact with this one (`flock`).
    database: File,
}

impl HostLock {
    /// Takes both locks; creates an empty database if there is none.
    pub(super) fn take(database: &Path) -> Result<Self, SqliteError> {
        let path = beside(database, ".lock");
        let broken = |source| SqliteError::of_path(&path, source);
        let mut file = open::open(&path).map_err(broken)?;
        if !try_lock(&file).map_err(broken)? {
            return Err(SqliteError::InUse { path: database.to_owned(), holder: holder(&mut file) });
        }
        if !is_signed_or_empty(&mut file).map_err(broken)? {
            return Err(broken(std::io::Error::other("it is not a lock file of a host; move it away")));
        }
        open::check_beside(database).map_err(|(path, source)| SqliteError::of_path(&path, source))?;
        let (database, id) = lock_database(database)?;
        // From here on, an early return releases the locks.
        let lock = Self { id, file, database };
        match sign(&lock.file) {
            // The text is informative only. On a full disk, the database itself decides whether it can be opened.
            Err(error) if is_no_room(error.kind()) => {}
            signed => signed.map_err(broken)?,
        }
        Ok(lock)
    }
}

impl Drop for HostLock {
    /// Releases both locks explicitly. Closing the files is not enough: a process that this one starts has them open as
    /// well until it executes its program, and would hold the locks until then.
    fn drop(&mut self) {
        // Locked until the end, so that an opening does not find one of them released and the other one not.
        let mut open_databases = OPEN_DATABASES.lock();
        open_databases.retain(|id| *id != self.id);
        for file in [&self.database, &self.file] {
            if let Err(error) = file.unlock() {
                tracing::warn!(%error, "a lock of the job store could not be released before its file was closed");
            }
        }
    }
}

fn try_lock(file: &File) -> std::io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn lock_database(path: &Path) -> Result<(File, FileId), SqliteError> {
    let broken = |source| SqliteError::of_path(path, source);
    let in_use = |holder| SqliteError::InUse { path: path.to_owned(), holder };
    // Locked until the end of the function, so that two openings in one process do not interleave.
    let mut open_databases = OPEN_DATABASES.lock();
    if let Ok(metadata) = path.symlink_metadata()
        && open_databases.contains(&FileId::of(&metadata))
    {
        return Err(in_use(format!("{SIGNATURE}{}, under another name", std::process::id())));
    }
    let file = open::open(path).map_err(broken)?;
    if !try_lock(&file).map_err(broken)? {
        return Err(in_use(holder_by_inode(&file)));
    }
    let id = FileId::of(&file.metadata().map_err(broken)?);
    open_databases.push(id);
    Ok((file, id))
}

/// Returns whether a host may overwrite the file: it is new, or another host has signed it, perhaps only in part on a
/// full disk.
fn is_signed_or_empty(file: &mut File) -> std::io::Result<bool> {
    let mut begin = Vec::new();
    file.take(SIGNATURE.len() as u64).read_to_end(&mut begin)?;
    Ok(SIGNATURE.as_bytes().starts_with(&begin))
}

fn sign(mut file: &File) -> std::io::Result<()> {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = if machine.trim().is_empty() { "this machine" } else { machine.trim() };
    let since = UNIX_EPOCH + Duration::from_millis(SystemClock.now().0);
    let since = humantime::format_rfc3339_seconds(since);
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    write!(file, "{SIGNATURE}{} on {machine}, since {since}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // The holder's name is informative only; the refusal does not depend on it.
    match file.take(256).read_to_string(&mut text) {
        Ok(1..) => text,
        _ => UNKNOWN.to_owned(),
    }
}

const UNKNOWN: &str = "unknown process";

/// Returns the process that has a lock on a file whose lock file is elsewhere, from the kernel's list.
fn holder_by_inode(file: &File) -> String {
    let Ok(metadata) = file.metadata() else { return UNKNOWN.to_owned() };
    let (major, minor) = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
    let file = format!("{major:02x}:{minor:02x}:{}", metadata.ino());
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    // `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF`
    let mut lines = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let holder = lines.find_map(|words| match words.as_slice() {
        [_, "FLOCK", _, _, process, inode, ..] if *inode == file => process.parse::<u32>().ok(),
        _ => None,
    });
    holder.map_or_else(|| UNKNOWN.to_owned(), |process| format!("{SIGNATURE}{process}, under another name of the file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_being_started_does_not_hold_the_locks_of_a_closed_store() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().canonicalize().unwrap().join("saggar.db");
        let lock = HostLock::take(&database).unwrap();
        // The files that another process has between `fork` and `exec`.
        let inherited = [lock.file.try_clone().unwrap(), lock.database.try_clone().unwrap()];
        assert!(matches!(HostLock::take(&database), Err(SqliteError::InUse { .. })));
        drop(lock);
        let next = HostLock::take(&database).unwrap();
        drop(inherited);
        assert!(matches!(HostLock::take(&database), Err(SqliteError::InUse { .. })), "the next host keeps its locks");
        drop(next);
    }
}
