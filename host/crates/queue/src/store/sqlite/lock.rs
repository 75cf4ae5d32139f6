//! One host per database: a lock file beside it, held as long as the store is open. The operating system lets go of the
//! lock when the process dies, however it dies; what is written in the file only says who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use saggar_job::{Clock, SystemClock};

use super::error::SqliteError;
use super::probe::is_no_room;

/// The right to be the one host that works on a database.
#[derive(Debug)]
pub(super) struct HostLock {
    /// Closing it lets go of the lock. The file itself stays: removing it could take it from under another host that has
    /// just locked it.
    _file: File,
}

impl HostLock {
    pub(super) fn take(database: &Path) -> Result<Self, SqliteError> {
        let path = beside(database, ".lock");
        let broken = |source| SqliteError::Path { path: path.clone(), source: Arc::new(source) };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(broken)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                return Err(SqliteError::InUse { path: database.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(broken(source)),
        }
        match sign(&mut file) {
            // What stands there is a courtesy. Whether a full disk is in the way, the database knows better.
            Err(error) if is_no_room(error.kind()) => {}
            signed => signed.map_err(broken)?,
        }
        Ok(Self { _file: file })
    }
}

/// `saggar.db` and `.lock` make `saggar.db.lock`.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn sign(file: &mut File) -> std::io::Result<()> {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = if machine.trim().is_empty() { "this machine" } else { machine.trim() };
    let since = UNIX_EPOCH + Duration::from_millis(SystemClock.now().0);
    let since = humantime::format_rfc3339_seconds(since);
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    write!(file, "process {} on {machine}, since {since}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // The name of the other one is a courtesy; that there is one is what counts.
    match file.take(256).read_to_string(&mut text) {
        Ok(1..) => text,
        _ => "it does not say which".to_owned(),
    }
}
