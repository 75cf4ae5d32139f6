//! Compiled code on disk, so that a component is compiled once. Native code is trusted: hence a private directory, names
//! made of digests, a checksum before anything is used, and a fresh compilation on any doubt.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

/// Length of the checksum in front of the code.
const CHECKSUM: usize = 32;

/// A directory of compiled components for one configuration of one version of the engine.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    compatibility: u64,
}

impl Cache {
    /// Opens or makes the directory. One that others may write to, or that belongs to somebody else, is not used.
    pub(crate) fn open(dir: PathBuf, engine: &wasmtime::Engine) -> Option<Self> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        let verdict = made.map_err(|error| error.to_string()).and_then(|()| check_private(&dir));
        if let Err(error) = verdict {
            tracing::warn!(dir = %dir.display(), error, "compiled components are not cached");
            return None;
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Some(Self { dir, compatibility: hasher.finish() })
    }

    /// The compiled form of the component with this digest, if it is here and whole.
    pub(crate) fn get(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Component> {
        let stored = fs::read(self.path(digest)).ok()?;
        let (checksum, code) = stored.split_at_checked(CHECKSUM)?;
        if Sha256::digest(code).as_slice() != checksum {
            tracing::warn!(digest, "a cached component is damaged; compiling it again");
            return None;
        }
        deserialize(engine, code)
            .inspect_err(
                |error| tracing::warn!(digest, %error, "a cached component cannot be used; compiling it again"),
            )
            .ok()
    }

    /// Keeps a compiled component. A failure is no more than a warning: the next start compiles again.
    pub(crate) fn put(&self, digest: &str, component: &Component) {
        let stored = component
            .serialize()
            .map_err(|e| e.to_string())
            .and_then(|code| self.write(digest, &code).map_err(|e| e.to_string()));
        if let Err(error) = stored {
            tracing::warn!(digest, error, "a compiled component could not be cached");
        }
    }

    fn write(&self, digest: &str, code: &[u8]) -> std::io::Result<()> {
        // A name of its own for each process, then a rename: readers see all of a file or none of it.
        let unfinished = self.dir.join(format!("{digest}.{}.tmp", std::process::id()));
        let mut file = fs::File::create(&unfinished)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(&Sha256::digest(code))?;
        file.write_all(code)?;
        drop(file);
        fs::rename(unfinished, self.path(digest))
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.dir.join(format!("{digest}-{:016x}.cwasm", self.compatibility))
    }
}

fn check_private(dir: &Path) -> Result<(), String> {
    let metadata = fs::metadata(dir).map_err(|error| error.to_string())?;
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!("others may use it (mode {:o}): chmod 700 it, or name another directory", mode & 0o777));
    }
    // The owner of what this process makes is this process.
    let own = fs::metadata("/proc/self").map(|own| own.uid());
    if own.is_ok_and(|own| own != metadata.uid()) {
        return Err("it belongs to another user: name another directory".into());
    }
    Ok(())
}

#[expect(unsafe_code, reason = "native code from our own private directory, whole by its checksum")]
fn deserialize(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `Component::serialize` of this very engine configuration wrote these bytes (the file's name holds the
    // compatibility hash), into a directory that only this user can write, and the checksum says they are unchanged.
    unsafe { Component::deserialize(engine, code) }
}
