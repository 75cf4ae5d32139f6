//! What a host that was killed has left is removed by the next one.

use serde_json::json;

use crate::{Fixture, app, scratch_dirs, serve};

#[tokio::test(flavor = "multi_thread")]
async fn scratch_directories_of_a_killed_host_are_removed_at_the_next_start() {
    let task = json!({ "timeout": 60, "worker_nums": 4, "sandbox": { "scratch": "16KiB" } });
    let grants = "[grants]\nscratch = \"1MiB\"\n";
    let Fixture { server, operator, _app: app_of_killed } = Fixture::start(&task, grants);
    let steps = json!([["mkdir", "/scratch/dir"], ["write", "/scratch/dir/a", "x"], ["spin"]]);
    let id = server.add("it", &json!({ "args": [steps] })).await;
    let deadline = std::time::Instant::now() + saggar_tests::timeout::TIMEOUT;
    while !scratch_dirs(&operator).iter().any(|dir| dir.join("dir/a").exists()) {
        assert!(std::time::Instant::now() < deadline, "job {id} did not write its file");
        tokio::task::yield_now().await;
    }
    server.signal("KILL");
    assert_eq!(server.end().0, None);
    assert_eq!(scratch_dirs(&operator).len(), 1, "it was left");

    // An app of its own, so that the job that was lost does not run again.
    let other = app(&task);
    drop(app_of_killed);
    let server = serve(&other, &operator, |serve| serve);
    assert!(scratch_dirs(&operator).is_empty());
    assert!(operator.path().join("state/saggar/scratch").is_dir());
    server.stop();
}
