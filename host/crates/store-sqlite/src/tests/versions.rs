//! Versions of code that are kept in parts: by two callers at the same time, and by a process that dies meanwhile.

use super::*;
use saggar_store::Version;

#[tokio::test]
async fn a_version_that_two_callers_keep_at_once_is_kept_whole() {
    let files = Directory::fresh();
    let store = files.store();
    let deployments = store.deployments();
    let bytes: Arc<[u8]> = vec![7_u8; 600_000].into();
    let version = Version { digest: "d1".into(), bytes: Arc::clone(&bytes) };
    let (one, other) = tokio::join!(deployments.keep("acme", version.clone()), deployments.keep("acme", version));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(deployments.version("acme", "d1").await.unwrap(), Some(bytes));
    assert!(!store.has_failed());
}

#[tokio::test]
async fn parts_that_a_dead_process_left_are_no_version_and_are_removed() {
    let mut files = Directory::fresh();
    drop(files.store());
    let left = "INSERT INTO version_parts (tenant, digest, part, bytes) \
         VALUES ('acme', 'again', 0, x'01'), ('acme', 'again', 9, x'02'), ('acme', 'gone', 0, x'03')";
    files.connect().execute(left, []).unwrap();
    let store = files.store();
    let deployments = store.deployments();
    for digest in ["again", "gone"] {
        assert_eq!(deployments.size("acme", digest).await.unwrap(), None);
        assert_eq!(deployments.version("acme", digest).await.unwrap(), None);
        assert!(!deployments.touch("acme", digest).await.unwrap());
    }
    let bytes: Arc<[u8]> = vec![7_u8; 600_000].into();
    deployments.keep("acme", Version { digest: "again".into(), bytes: Arc::clone(&bytes) }).await.unwrap();
    while deployments.evict("acme", u64::MAX).await.unwrap() {}
    assert_eq!(deployments.version("acme", "again").await.unwrap(), Some(bytes));
    let parts =
        || files.connect().query_row("SELECT count(*) FROM version_parts", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(parts(), 3, "those of the version that was kept again");
    while deployments.remove("acme").await.unwrap() {}
    assert_eq!(files.left_over().await, Vec::<String>::new());
}
