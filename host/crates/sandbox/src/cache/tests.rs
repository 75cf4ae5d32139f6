//! What an entry's MAC_BYTES covers, and what the directory may be like.

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
    assert!(!is_authentic(&ours, &[4; 32], &stored), "the code of one plugin for another");
    assert!(!is_authentic(&cache(dir.path(), 2, 1), &PLUGIN, &stored), "another user's key");
    assert!(!is_authentic(&cache(dir.path(), 1, 2), &PLUGIN, &stored), "another compiler");
    for at in 0..stored.len() {
        let mut changed = stored.clone();
        changed[at] ^= 1;
        assert!(!is_authentic(&ours, &PLUGIN, &changed), "byte {at}");
    }
    assert!(!is_authentic(&ours, &PLUGIN, &stored[..stored.len() - 1]));
}

/// The checksum that entries had once can be made by anybody.
#[test]
fn a_checksum_is_no_mac() {
    let dir = tempfile::tempdir().unwrap();
    let forged = [Sha256::digest(b"evil").as_slice(), b"evil"].concat();
    assert!(!is_authentic(&cache(dir.path(), 1, 1), &PLUGIN, &forged));
}

#[test]
fn the_limits_are_part_of_what_is_authenticated() {
    let dir = tempfile::tempdir().unwrap();
    let ours = cache(dir.path(), 1, 1);
    ours.put(&PLUGIN, b"code that passed the limits of today");
    let stored = read(&ours.path(&PLUGIN)).unwrap();
    let later = Cache { limits: LIMITS_VERSION + 1, ..cache(dir.path(), 1, 1) };
    assert!(is_authentic(&ours, &PLUGIN, &stored) && !is_authentic(&later, &PLUGIN, &stored));
}

#[test]
fn a_directory_of_ours_is_tightened_and_used() {
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
fn what_is_no_file_of_bounded_length_is_not_read() {
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

/// Nobody gets a half of an entry, and nothing unfinished stays behind.
#[test]
fn writers_of_one_entry_do_not_meet() {
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
