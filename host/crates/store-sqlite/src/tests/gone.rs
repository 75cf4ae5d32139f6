//! Files of the store that are deleted, replaced or moved while it is open.

use std::fs;
use std::path::Path;

use super::*;
use saggar_store::{AddError, StoreHealth};

const NOW: Timestamp = Timestamp(1);

/// Adds a job after `harm` was done to the files in a directory.
async fn add_after(durability: Durability, harm: &dyn Fn(&Path)) -> (SqliteStore, Result<JobId, AddError>) {
    let files = Directory { directory: tempfile::tempdir().unwrap(), durability };
    let (store, rules) = (files.store(), Arc::new(Rules::default()));
    let task = store.open(&TaskKey::new("default", "bench"), &rules, NOW, Arc::new(())).await.unwrap();
    task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap();
    assert!(!store.has_failed());
    harm(files.directory.path());
    let added = task.add(vec![NewJob::new("[]")], &rules, NOW).await;
    (store, added.map(|added| added[0].id))
}

/// Damages the files in a directory.
type Harm = Box<dyn Fn(&Path)>;

/// What a program may do to the files, and the expected part of the error.
fn harms() -> [(&'static str, Harm); 6] {
    let copy = |directory: &Path, name: &str| {
        fs::copy(directory.join(name), directory.join("copy")).unwrap();
        fs::rename(directory.join("copy"), directory.join(name)).unwrap();
    };
    [
        ("saggar.db was deleted", Box::new(|directory| fs::remove_file(directory.join("saggar.db")).unwrap())),
        ("saggar.db-wal was deleted", Box::new(|directory| fs::remove_file(directory.join("saggar.db-wal")).unwrap())),
        ("saggar.db was replaced", Box::new(move |directory| copy(directory, "saggar.db"))),
        ("saggar.db-wal was replaced", Box::new(move |directory| copy(directory, "saggar.db-wal"))),
        (
            "saggar.db was deleted or moved",
            Box::new(|directory| fs::rename(directory.join("saggar.db"), directory.join("other.db")).unwrap()),
        ),
        (
            "saggar.db was replaced",
            Box::new(|directory| {
                fs::rename(directory.join("saggar.db"), directory.join("other.db")).unwrap();
                std::os::unix::fs::symlink("other.db", directory.join("saggar.db")).unwrap();
            }),
        ),
    ]
}

#[tokio::test]
async fn a_write_to_a_deleted_or_replaced_file_is_not_answered_as_success() {
    for durability in [Durability::Full, Durability::Normal] {
        for (what, harm) in harms() {
            let (store, added) = add_after(durability, &*harm).await;
            assert!(matches!(added, Err(AddError::Store(StoreError::Failed(_)))), "{what}: {added:?}");
            let why = store.failed().await.to_string();
            assert!(why.contains(what), "{why}");
        }
    }
}

#[tokio::test]
async fn an_idle_store_detects_that_its_files_are_gone() {
    for (what, harm) in harms() {
        let files = Directory::fresh();
        let store = files.store();
        assert_eq!(store.health(), StoreHealth::Ready);
        harm(files.directory.path());
        assert_eq!(store.health(), StoreHealth::Failed, "{what}");
        assert!(store.failed().await.to_string().contains(what));
    }
}

#[tokio::test]
async fn a_store_continues_without_its_lock_file() {
    let (files, rules) = (Directory::fresh(), Arc::new(Rules::default()));
    let store = files.store();
    let task = store.open(&TaskKey::new("default", "bench"), &rules, NOW, Arc::new(())).await.unwrap();
    fs::remove_file(files.directory.path().join("saggar.db.lock")).unwrap();
    task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap();
    assert!(!store.has_failed());
}
