//! The secret that authenticates compiled code on disk: 32 random bytes in a file of the user's state directory.
//! Creates that file once, and refuses a file of another user.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::OFlags;

/// Bytes of the key: as many as the digest has; more would add no security.
const LENGTH: usize = 32;

const NAME: &str = "cache.key";

/// Another process may create or replace the file at the same time. After this many tries, something else is wrong.
const MAX_TRIES: usize = 4;

/// The secret. It has no `Debug`, so it cannot get into a log.
pub(crate) struct Key([u8; LENGTH]);

/// Why the key is not available.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("cannot create or read {}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} {what}: remove it, or name another state directory", .path.display())]
    NotOwned { path: PathBuf, what: &'static str },
}

enum Stored {
    Key(Key),
    Absent,
    /// Damaged, or readable by other users, who may know it.
    Unusable(&'static str),
}

impl Key {
    /// Reads the key in the directory `dir`; creates both if they do not exist.
    pub(crate) fn open(dir: &Path) -> Result<Self, KeyError> {
        let path = dir.join(NAME);
        let io_error = |source| KeyError::Io { path: path.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error)?;
        for _ in 0..MAX_TRIES {
            match read(&path)? {
                Stored::Key(key) => return Ok(key),
                Stored::Absent => {}
                Stored::Unusable(why) => {
                    tracing::warn!(path = %path.display(), why, "replacing the cache key; plugins are compiled again");
                    fs::remove_file(&path).map_err(io_error)?;
                }
            }
            create(dir, &path).map_err(io_error)?;
        }
        Err(io_error(io::Error::other("other processes keep replacing it")))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn of(byte: u8) -> Self {
        Self([byte; LENGTH])
    }
}

fn read(path: &Path) -> Result<Stored, KeyError> {
    let not_owned = |what| Err(KeyError::NotOwned { path: path.to_owned(), what });
    let io_error = |source| KeyError::Io { path: path.to_owned(), source };
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Stored::Absent),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return not_owned("is a symbolic link");
        }
        Err(error) => return Err(io_error(error)),
    };
    let metadata = file.metadata().map_err(io_error)?;
    if !metadata.is_file() {
        return not_owned("is not a regular file");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return not_owned("belongs to another user");
    }
    if metadata.mode() & 0o077 != 0 {
        return Ok(Stored::Unusable("other users could read it"));
    }
    let mut stored = Vec::with_capacity(LENGTH + 1);
    file.take(LENGTH as u64 + 1).read_to_end(&mut stored).map_err(io_error)?;
    Ok(stored.try_into().map_or(Stored::Unusable("it is damaged"), |bytes| Stored::Key(Key(bytes))))
}

/// Opens the file without following a link or blocking on a pipe.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Writes a new key to a temporary file and links it to the final path. Keeps the key of another process that was
/// faster.
fn create(dir: &Path, path: &Path) -> io::Result<()> {
    let (bytes, name) = (random::<LENGTH>()?, random::<8>()?);
    let unfinished = dir.join(format!("{NAME}.{:016x}", u64::from_ne_bytes(name)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let linked = file.write_all(&bytes).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&unfinished, path));
    let removed = fs::remove_file(&unfinished);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => removed,
        linked => linked.and(removed),
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("the system's random number generator failed"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn the_key_is_created_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state/saggar");
        let first = Key::open(&state).unwrap();
        assert_eq!((mode(&state), mode(&state.join(NAME))), (0o700, 0o600));
        assert_eq!(Key::open(&state).unwrap().0, first.0);
        assert_ne!(Key::open(&dir.path().join("other")).unwrap().0, first.0);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "a temporary file remains");
    }

    #[test]
    fn processes_that_start_together_agree_on_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| Key::open(dir.path()).unwrap().0)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_damaged_or_readable_key_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let first = Key::open(dir.path()).unwrap().0;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let second = Key::open(dir.path()).unwrap().0;
        assert!(second != first && mode(&path) == 0o600);
        for damaged in [0, LENGTH - 1, LENGTH + 1] {
            fs::write(&path, vec![7; damaged]).unwrap();
            assert_ne!(Key::open(dir.path()).unwrap().0, [7; LENGTH]);
        }
    }

    #[test]
    fn links_and_directories_are_never_used_as_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let (path, secret) = (dir.path().join(NAME), dir.path().join("known"));
        fs::write(&secret, [7; LENGTH]).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&secret, &path).unwrap();
        assert!(Key::open(dir.path()).is_err_and(|error| error.to_string().contains("symbolic link")));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(Key::open(dir.path()).is_err_and(|error| error.to_string().contains("not a regular file")));
    }
}
