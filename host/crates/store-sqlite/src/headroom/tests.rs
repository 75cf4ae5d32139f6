//! What SQLite makes of a WAL with zeros behind its end.

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::open::beside;
use super::*;

/// The store's files as a dead process left them.
fn next_due(database: &Path, directory: &TempDir) -> PathBuf {
    let copy = directory.path().join("left.db");
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
fn a_wal_with_zeros_behind_its_end_is_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (db, mut headroom) = database(&path);
    put(&db, 1);
    headroom.tend(3);
    assert!(length(&path) > STEP, "zeros were written");
    put(&db, 2);
    let before = length(&path);
    put(&db, 4);
    assert_eq!(length(&path), before, "and are written over");
    let copy = next_due(&path, &directory);
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
    // Opened again, with a WAL in which nothing stands yet.
    let (db, mut headroom) = {
        let db = Connection::open(&path).unwrap();
        assert_eq!(sum(&db), 1);
        let wal = File::options().write(true).open(beside(&path, "-wal")).unwrap();
        let headroom = Headroom::of(Arc::new(wal), &db).unwrap();
        (db, headroom)
    };
    headroom.tend(0);
    let copy = next_due(&path, &directory);
    assert_eq!(sum(&Connection::open(&copy).unwrap()), 1);
    put(&db, 2);
    let copy = next_due(&path, &directory);
    let again = Connection::open(&copy).unwrap();
    assert_eq!(sum(&again), 3);
    drop(again);
    assert!(!beside(&copy, "-wal").exists(), "it goes when the last connection is closed");
}

#[test]
fn a_torn_commit_before_the_zeros_ends_what_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (db, mut headroom) = database(&path);
    put(&db, 1);
    headroom.tend(3);
    let wal = |path: &Path| std::fs::read(beside(path, "-wal")).unwrap();
    let before = wal(&path);
    put(&db, 2);
    let after = wal(&path);
    let copy = next_due(&path, &directory);
    let changed: Vec<usize> = (0..after.len()).filter(|at| before[*at] != after[*at]).collect();
    // Of what the commit wrote, a power cut may leave any part.
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
fn what_cannot_be_written_is_not_tried_again_before_there_is_room() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut headroom = Headroom { wal: Arc::new(full), page_size: 4096, length: Some(0) };
    headroom.tend(1);
    assert_eq!(headroom.length, None);
    headroom.tend(1_000);
    assert_eq!(headroom.length, None);
    headroom.wal = Arc::new(tempfile::tempfile().unwrap());
    headroom.tend(1_000);
    assert_eq!(headroom.length, None);
    headroom.try_again();
    headroom.tend(1);
    assert!(headroom.length.is_some_and(|length| length > STEP));
}
