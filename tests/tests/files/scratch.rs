//! Scratch directories: each attempt has its own, and none is left.

use serde_json::json;

use crate::Fixture;

fn fixture() -> Fixture {
    let task = json!({ "timeout": 1, "attempts": 0, "worker_nums": 4, "sandbox": { "scratch": "16KiB" } });
    Fixture::start(&task, "[grants]\nscratch = \"1MiB\"\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_begins_with_an_empty_one_and_leaves_none() {
    let fixture = fixture();
    let steps = json!([
        ["dirs"],
        ["list", "/scratch"],
        ["mkdir", "/scratch/dir"],
        ["write", "/scratch/dir/a", "hello"],
        ["read", "/scratch/dir/a"],
        ["fill", "/scratch/large", "20000"],
    ]);
    for _ in 0..3 {
        let results = fixture.run(steps.clone()).await;
        assert_eq!(results[..5], ["/scratch", "", "done", "done", "hello"]);
        // 16 KiB without five bytes, a thousand at a time.
        assert!(results[5].starts_with("16000, then"), "{results:?}");
        assert!(fixture.scratch_dirs().is_empty(), "it is removed before the end of the job is known");
    }
    fixture.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_left_by_attempts_that_are_cut_short() {
    let fixture = fixture();
    for (last, reason) in [("trap", "trap"), ("spin", "timeout")] {
        let job = fixture.job(json!([["write", "/scratch/a", "x"], ["keep", "/scratch/a"], [last]])).await;
        assert_eq!((&job["status"], &job["reason"]), (&json!("FAILURE"), &json!(reason)), "{job:#}");
        assert!(fixture.scratch_dirs().is_empty(), "{last}");
    }
    fixture.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_stays_open_does_not_reach_the_next_job() {
    let fixture = fixture();
    for _ in 0..3 {
        let results =
            fixture.run(json!([["write", "/scratch/a", "x"], ["keep", "/scratch/a"], ["list", "/scratch"]])).await;
        assert_eq!(results, ["done", "kept", "a"]);
    }
    fixture.server.stop();
}
