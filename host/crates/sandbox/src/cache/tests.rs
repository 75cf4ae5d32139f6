//! What the MAC of an entry covers, and which directories and files are accepted.

use std::os::unix::fs::symlink;

use super::*;

const PLUGIN: PluginDigest = [3; 32];

fn cache(dir: &Path, key: u8, compatibility: u8) -> Cache {
    let (key, compatibility) = (Key::of(key), [compatibility; 32]);
    Cache { dir: dir.to_owned(), key, compatibility, limits: LIMITS_VERSION, written: AtomicU64::new(0) }
}

fn is_authentic(cache: &Cache, plugin: &PluginDigest, stored: &[u8]) -> bool {
    let (mac, code) = stored.split_at(MAC_BYTES);
    cache.authenticate(plugin, mac, code).is_some()
}

#[test]
fn an_entry_is_authentic_for_its_plugin_key_and_compiler_only() {
    let dir = tempfile::tempdir().unwrap();
    let ours = cache(dir.path(), 1, 1);
    ours.put(&PLUGIN, b"native code");
    let stored = read(&ours.path(&PLUGIN)).unwrap();
    assert!(is_authentic(&ours, &PLUGIN, &stored));
    assert!(!is_authentic(&ours, &[4; 32], &stored), "code of another plugin");
    assert!(!is_authentic(&cache(dir.path(), 2, 1), &PLUGIN, &stored), "another user's key");
    assert!(!is_authentic(&cache(dir.path(), 1, 2), &PLUGIN, &stored), "another compiler");
    for at in 0..stored.len() {
        let mut changed = stored.clone();
        changed[at] ^= 1;
        assert!(!is_authentic(&ours, &PLUGIN, &changed), "byte {at}");
    }
    assert!(!is_authentic(&ours, &PLUGIN, &stored[..stored.len() - 1]));
}

/// Entries of an old version had a checksum, which needs no key.
#[test]
fn a_checksum_is_not_accepted_as_a_mac() {
    let dir = tempfile::tempdir().unwrap();
    let forged = [Sha256::digest(b"evil").as_slice(), b"evil"].concat();
    assert!(!is_authentic(&cache(dir.path(), 1, 1), &PLUGIN, &forged));
}

#[test]
fn the_mac_covers_the_version_of_the_limits() {
    let dir = tempfile::tempdir().unwrap();
    let ours = cache(dir.path(), 1, 1);
    ours.put(&PLUGIN, b"code that passed the current limits");
    let stored = read(&ours.path(&PLUGIN)).unwrap();
    let later = Cache { limits: LIMITS_VERSION + 1, ..cache(dir.path(), 1, 1) };
    assert!(is_authentic(&ours, &PLUGIN, &stored) && !is_authentic(&later, &PLUGIN, &stored));
}

#[test]
fn an_own_directory_is_restricted_and_used() {
    let dir = tempfile::tempdir().unwrap();
    let lax = dir.path().join("lax");
    fs::create_dir(&lax).unwrap();
    for mode in [0o755, 0o777, 0o700] {
        fs::set_permissions(&lax, fs::Permissions::from_mode(mode)).unwrap();
        prepare(&lax).unwrap();
        assert_eq!(fs::metadata(&lax).unwrap().mode() & 0o777, 0o700);
    }
}

#[test]
fn pipes_links_and_large_files_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("entry");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success() && read(&path).is_err());
    symlink("/dev/zero", dir.path().join("link")).unwrap();
    assert!(read(&dir.path().join("link")).is_err());
    let large = dir.path().join("large");
    File::create(&large).unwrap().set_len(MAX_CODE + MAC_BYTES as u64 + 1).unwrap();
    assert!(read(&large).is_err());
}

/// Readers never see a partial entry, and no temporary file remains.
#[test]
fn concurrent_writers_of_an_entry_do_not_interfere() {
    let dir = tempfile::tempdir().unwrap();
    let ours = cache(dir.path(), 1, 1);
    let code = vec![9; 1 << 16];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| ours.put(&PLUGIN, &code));
        }
    });
    assert!(is_authentic(&ours, &PLUGIN, &read(&ours.path(&PLUGIN)).unwrap()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
