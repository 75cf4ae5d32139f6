//! A version of code that two callers keep at the same time.

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
