//! How answers depend on the disk. A sync is complete when everything written before it is on the disk.

use futures_util::poll;

use super::load::rules;
use super::undone::Gate;
use super::*;

const NOW: Timestamp = Timestamp(1);

fn key() -> TaskKey {
    TaskKey::new("default", "bench")
}

#[tokio::test]
async fn nothing_is_answered_before_its_sync_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let (store, pace) = disks::slow_store(&directory);
    let rules = rules();
    let task = store.open(&key(), &rules, NOW, Arc::new(())).await.unwrap();
    pace.slow_down();
    // A single step is synced by the writer itself, many are synced by the syncer's thread.
    for count in [1, 9] {
        let writer = store.inner.writer().unwrap();
        let gate = Gate::close(writer).await;
        let mut addings: Vec<_> =
            (0..count).map(|_| Box::pin(task.add(vec![NewJob::new("[]")], &rules, NOW))).collect();
        for adding in &mut addings {
            assert!(poll!(adding).is_pending());
        }
        gate.open().await;
        pace.sync_begun();
        for adding in &mut addings {
            assert!(poll!(adding).is_pending(), "it was answered before it was on the disk");
        }
        pace.end_sync();
        for adding in addings {
            adding.await.unwrap();
        }
    }
    assert_eq!(task.counts().added, 10);
}
