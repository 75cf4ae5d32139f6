//! How SQLite treats a WAL with zeros after its end.

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::open::beside;
use super::*;

/// Copies the store's files as a killed process would leave them.
fn crash_copy(database: &Path, directory: &TempDir) -> PathBuf {
    let copy = directory.path().join("copy.db");
    for suffix in ["", "-wal"] {
        std::fs::copy(beside(database, suffix), beside(&copy, suffix)).unwrap();
    }
    copy
}

fn database(path: &Path) -> (Connection, Headroom) {
    let db = Connection::open(path).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a)").unwrap();
    let wal = File::options().write(true).open(beside(path, "-wal")).unwrap();
    let headroom = Headroom::of(Arc::new(wal), &db).unwrap();
    (db, headroom)
}

fn put(db: &Connection, number: i64) {
    db.execute("INSERT INTO t VALUES (?1)", [number]).unwrap();
}

fn sum(db: &Connection) -> i64 {
    db.query_row("SELECT sum(a) FROM t", [], |row| row.get(0)).unwrap()
}

fn length(database: &Path) -> u64 {
    std::fs::metadata(beside(database, "-wal")).unwrap().len()
}

#[test]
fn a_wal_with_zeros_after_its_end_is_recovered_completely() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (db, mut headroom) = database(&path);
    put(&db, 1);
    headroom.maintain(3);
    assert!(length(&path) > STEP, "zeros were written");
    put(&db, 2);
    let before = length(&path);
    put(&db, 4);
    assert_eq!(length(&path), before, "and are overwritten");
    let copy = crash_copy(&path, &directory);
    let again = Connection::open(&copy).unwrap();
    assert_eq!(sum(&again), 7);
    put(&again, 8);
    assert_eq!(sum(&again), 15);
    assert_eq!(sum(&db), 7);
}

#[test]
fn a_wal_of_nothing_but_zeros_is_empty() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (db, _) = database(&path);
    put(&db, 1);
    drop(db);
    // Reopened, with a WAL that is still empty.
    let (db, mut headroom) = {
        let db = Connection::open(&path).unwrap();
        assert_eq!(sum(&db), 1);
        let wal = File::options().write(true).open(beside(&path, "-wal")).unwrap();
        let headroom = Headroom::of(Arc::new(wal), &db).unwrap();
        (db, headroom)
    };
    headroom.maintain(0);
    let copy = crash_copy(&path, &directory);
    assert_eq!(sum(&Connection::open(&copy).unwrap()), 1);
    put(&db, 2);
    let copy = crash_copy(&path, &directory);
    let again = Connection::open(&copy).unwrap();
    assert_eq!(sum(&again), 3);
    drop(again);
    assert!(!beside(&copy, "-wal").exists(), "it is removed when the last connection is closed");
}

#[test]
fn recovery_stops_at_a_torn_commit_before_the_zeros() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (db, mut headroom) = database(&path);
    put(&db, 1);
    headroom.maintain(3);
    let wal = |path: &Path| std::fs::read(beside(path, "-wal")).unwrap();
    let before = wal(&path);
    put(&db, 2);
    let after = wal(&path);
    let copy = crash_copy(&path, &directory);
    let changed: Vec<usize> = (0..after.len()).filter(|at| before[*at] != after[*at]).collect();
    // A power cut may leave any part of the commit's bytes.
    for keep in [1, changed.len() / 2, changed.len() - 1] {
        let mut torn = before.clone();
        changed.iter().take(keep).for_each(|at| torn[*at] = after[*at]);
        std::fs::write(beside(&copy, "-wal"), torn).unwrap();
        std::fs::copy(&path, &copy).unwrap();
        assert_eq!(sum(&Connection::open(&copy).unwrap()), 1, "with {keep} of {} bytes", changed.len());
    }
    std::fs::write(beside(&copy, "-wal"), after).unwrap();
    assert_eq!(sum(&Connection::open(&copy).unwrap()), 3);
}

#[test]
fn headroom_is_not_retried_until_there_is_room() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut headroom = Headroom { wal: Arc::new(full), page_size: 4096, length: Some(0) };
    headroom.maintain(1);
    assert_eq!(headroom.length, None);
    headroom.maintain(1_000);
    assert_eq!(headroom.length, None);
    headroom.wal = Arc::new(tempfile::tempfile().unwrap());
    headroom.maintain(1_000);
    assert_eq!(headroom.length, None);
    headroom.try_again();
    headroom.maintain(1);
    assert!(headroom.length.is_some_and(|length| length > STEP));
}
