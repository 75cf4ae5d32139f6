//! A cache of compiled code on disk, so a component is compiled once. Native code runs with all rights of the host, so
//! its location is not trusted: each entry has a MAC with the user's key over everything that it depends on. If the MAC
//! does not match, the component is compiled again.

mod key;

use std::fs::{self, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::hmac;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::compiler::compile::{LIMITS_VERSION, MAX_CODE};
use crate::native::TrustedCode;
use key::Key;

/// Length of the MAC before the code.
const MAC_BYTES: usize = 32;

/// First input of every MAC: separates this use of the key from any other.
const PURPOSE: &[u8] = b"saggar compiled component 1\0";

/// The SHA-256 of a component.
pub(crate) type PluginDigest = [u8; 32];

/// A component whose code is in memory: just compiled, or from the cache.
pub(crate) struct CompiledComponent {
    pub(crate) component: Arc<Component>,
    pub(crate) digest: PluginDigest,
    /// Size of the component itself in bytes.
    pub(crate) size: u64,
}

/// A directory of compiled components for one engine version and configuration.
pub(crate) struct Cache {
    dir: PathBuf,
    key: Key,
    /// What the compiled code depends on, apart from the component: version, settings and target of the compiler.
    compatibility: [u8; 32],
    /// Version of the checks that ran before compiling.
    limits: u32,
    written: AtomicU64,
}

impl Cache {
    /// Opens the cache directory, and the key in `state_dir`; creates both if they do not exist.
    pub(crate) fn open(dir: &Path, state_dir: Option<&Path>, engine: &wasmtime::Engine) -> Option<Self> {
        let opened = match state_dir {
            Some(state_dir) => Key::open(state_dir).map_err(|error| error.to_string()),
            None => Err("no state directory for the key: set XDG_STATE_HOME or HOME".to_owned()),
        };
        let opened = opened.and_then(|key| prepare(dir).map(|()| key).map_err(|error| error.to_string()));
        match opened {
            Ok(key) => Some(Self {
                dir: dir.to_owned(),
                key,
                compatibility: digest_of(&engine.precompile_compatibility_hash()),
                limits: LIMITS_VERSION,
                written: AtomicU64::new(0),
            }),
            Err(error) => {
                tracing::warn!(dir = %dir.display(), error, "compiled plugins are not cached; every start compiles them again");
                None
            }
        }
    }

    /// Returns the compiled component with this digest, if the cache has an authentic one.
    pub(crate) fn get(&self, engine: &wasmtime::Engine, plugin: &PluginDigest) -> Option<Component> {
        let recompile =
            |why: &str| tracing::warn!(plugin = hex(plugin), why, "a cached plugin cannot be used; compiling it again");
        let stored = match read(&self.path(plugin)) {
            Ok(stored) => stored,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                recompile(&error.to_string());
                return None;
            }
        };
        let authentic = stored.split_at_checked(MAC_BYTES).and_then(|(mac, code)| self.authenticate(plugin, mac, code));
        let Some(code) = authentic else {
            recompile("it was changed, or another host wrote it");
            return None;
        };
        code.deserialize(engine).inspect_err(|error| recompile(&format!("{error:#}"))).ok()
    }

    /// Stores a compiled component. If that fails, the next start compiles it again.
    pub(crate) fn put(&self, plugin: &PluginDigest, code: &[u8]) {
        if let Err(error) = self.write(plugin, code) {
            tracing::warn!(dir = %self.dir.display(), %error, "a compiled plugin cannot be cached");
        }
    }

    fn write(&self, plugin: &PluginDigest, code: &[u8]) -> io::Result<()> {
        // Each writer has its own file name, then renames the file: readers see a complete file or none.
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.dir.join(format!("{}.{}.{number}.tmp", hex(plugin), std::process::id()));
        let _ = fs::remove_file(&unfinished);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        let written = file
            .write_all(hmac::sign(&self.key_for(plugin), code).as_ref())
            .and_then(|()| file.write_all(code))
            .and_then(|()| fs::rename(&unfinished, self.path(plugin)));
        written.inspect_err(|_| drop(fs::remove_file(&unfinished)))
    }

    fn authenticate<'a>(&self, plugin: &PluginDigest, mac: &[u8], code: &'a [u8]) -> Option<TrustedCode<'a>> {
        let is_authentic = hmac::verify(&self.key_for(plugin), code, mac).is_ok();
        is_authentic.then(|| TrustedCode::authenticated(code))
    }

    /// Derives the MAC key of one entry from everything that its code depends on. Each input has a fixed length.
    fn key_for(&self, plugin: &PluginDigest) -> hmac::Key {
        let mut entry_key = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.key.bytes()));
        entry_key.update(PURPOSE);
        entry_key.update(&self.limits.to_le_bytes());
        entry_key.update(&self.compatibility);
        entry_key.update(plugin);
        hmac::Key::new(hmac::HMAC_SHA256, entry_key.sign().as_ref())
    }

    fn path(&self, plugin: &PluginDigest) -> PathBuf {
        let compatibility = self.compatibility.first_chunk::<8>().map_or_else(String::new, |bytes| hex(bytes));
        self.dir.join(format!("{}-{compatibility}.cwasm", hex(plugin)))
    }
}

/// Creates the directory for this user only, or restricts the mode of an existing one that this user owns. Entries in a
/// directory of another user are authenticated as well.
fn prepare(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let metadata = fs::metadata(dir)?;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if is_ours && metadata.mode() & 0o077 != 0 {
        // By the open directory, because a confined host cannot change modes by path.
        File::open(dir)?.set_permissions(fs::Permissions::from_mode(0o700))?;
        tracing::info!(dir = %dir.display(), "changed the mode of the cache directory to 0700");
    }
    Ok(())
}

/// Reads an entry, up to the size limit. Does not follow a link or block on a pipe.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file: File = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_CODE + MAC_BYTES as u64 {
        return Err(io::Error::other("it is not a regular file, or is too large"));
    }
    let mut stored = Vec::new();
    file.take(MAX_CODE + MAC_BYTES as u64).read_to_end(&mut stored)?;
    Ok(stored)
}

/// Returns the digest of a value that only implements `Hash`.
fn digest_of(hashed: &impl Hash) -> [u8; 32] {
    struct DigestHasher(Sha256);
    impl Hasher for DigestHasher {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = DigestHasher(Sha256::new());
    hashed.hash(&mut hasher);
    hasher.0.finalize().into()
}

/// Formats bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
