//! The bound on stored bytes: an addition makes room, and is refused when no room can be made.

use saggar_queue::{AddError, NewJob, Rules};

use super::{Fixture, success};

fn large() -> NewJob {
    NewJob::new(format!("[\"{}\"]", "x".repeat(10_000)))
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_jobs_that_add_the_next_one_stays_within_the_bound() {
    let fixture = Fixture::new(Rules { keep_bytes: 100_000, ..Rules::default() }).await;
    fixture.task.add(large()).await.unwrap();
    for _ in 0..1_000 {
        let claim = fixture.claim().await;
        fixture.task.add(large()).await.unwrap();
        fixture.finish(claim, success()).await;
        assert!(fixture.task.counts().bytes <= 100_000);
    }
    // The last jobs are retained.
    let kept = fixture.task.counts();
    assert!(kept.success >= 7, "{kept:?}");
    assert!(fixture.task.get(saggar_job::JobId(1_000)).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn many_small_jobs_are_removed_for_a_large_one() {
    let fixture = Fixture::new(Rules { keep_bytes: 4 << 20, size: 100_000, ..Rules::default() }).await;
    for _ in 0..5_000 {
        fixture.add().await;
        fixture.finish(fixture.claim().await, success()).await;
    }
    let huge = NewJob::new(format!("[\"{}\"]", "x".repeat(4 << 20).split_at((4 << 20) - 200_000).0));
    fixture.task.add(huge).await.unwrap();
    assert!(fixture.task.counts().success < 1_000);
}

#[tokio::test(start_paused = true)]
async fn an_addition_that_is_refused_or_a_duplicate_removes_nothing() {
    let fixture = Fixture::new(Rules { keep_bytes: 100_000, size: 1, ..Rules::default() }).await;
    let keyed = || large().with_key("first");
    let first = fixture.task.add(keyed()).await.unwrap();
    fixture.finish(fixture.claim().await, success()).await;
    while fixture.task.counts().bytes < 90_000 {
        fixture.task.add(large()).await.unwrap();
        fixture.finish(fixture.claim().await, success()).await;
    }
    let ended = fixture.task.counts().success;
    assert_eq!(fixture.task.add(keyed()).await.unwrap(), first);
    fixture.add().await;
    let error = fixture.task.add(large()).await.unwrap_err();
    assert_eq!((error.code(), fixture.task.counts().success), ("queue-full", ended));
    fixture.finish(fixture.claim().await, success()).await;
    fixture.task.add(large()).await.unwrap();
    assert_eq!(fixture.task.counts().success, ended, "an addition that is accepted makes room");
}

#[tokio::test(start_paused = true)]
async fn waiting_jobs_are_accepted_up_to_the_bound() {
    let fixture = Fixture::new(Rules { keep_bytes: 100_000, size: 1_000, ..Rules::default() }).await;
    let mut added = 0;
    let error = loop {
        match fixture.task.add(large()).await {
            Ok(_) => added += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AddError::KeepBytesExceeded { of_task: true, .. }), "{error}");
    assert_eq!((added, error.code()), (9, "keep-bytes-exceeded"));
    fixture.finish(fixture.claim().await, success()).await;
    fixture.task.add(large()).await.unwrap();
    assert_eq!(fixture.task.counts().success, 0, "the ended job made room");
}
