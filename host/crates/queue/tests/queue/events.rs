//! Events: which ones a listener gets, in which order, and which it misses.

use saggar_job::{FailureKind, JobId, Outcome, Timestamp};
use saggar_queue::{JobEventKind, Progress, Rules};
use tokio::time::Duration;

use crate::{Fixture, retries, retry, success};

#[tokio::test(start_paused = true)]
async fn a_listener_gets_the_events_of_a_job_in_order() {
    let fixture = Fixture::new(retries(1, 50)).await;
    let mut events = fixture.queue.subscribe("default");
    let id = fixture.add().await;
    fixture.finish(fixture.claim().await, retry()).await;
    let claim = fixture.claim().await;
    fixture.task.requeue(claim).await.unwrap();
    fixture
        .finish(
            fixture.claim().await,
            Outcome::failure(FailureKind::Trap, saggar_job::Problem::new("trap", "it trapped")),
        )
        .await;
    let expected = [
        JobEventKind::Added,
        JobEventKind::Started { attempt: 1 },
        JobEventKind::Retrying { run_at: Timestamp(1_000_050) },
        JobEventKind::Started { attempt: 2 },
        JobEventKind::Requeued,
        JobEventKind::Started { attempt: 2 },
        JobEventKind::Failed { reason: FailureKind::Trap },
    ];
    for kind in expected {
        let event = events.next().await.unwrap();
        assert_eq!((event.key.id, &event.key.task, event.kind), (id, fixture.task.key(), kind));
    }
}

#[tokio::test(start_paused = true)]
async fn progress_events_are_throttled_but_the_last_values_arrive() {
    let fixture = Fixture::new(Rules::default()).await;
    fixture.add().await;
    let claim = fixture.claim().await;
    let mut events = fixture.queue.subscribe("default");
    for current in 0..50 {
        claim.running().report(current, 100, "");
    }
    tokio::time::advance(Duration::from_millis(100)).await;
    claim.running().report(98, 100, "");
    claim.running().report(99, 100, "last");
    fixture.finish(claim, success()).await;
    let mut received = Vec::new();
    loop {
        match events.next().await.unwrap().kind {
            JobEventKind::Progress(Progress { current, .. }) => received.push(current),
            JobEventKind::Succeeded => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received, [0, 98, 99]);
}

#[tokio::test]
async fn a_slow_listener_learns_how_many_events_it_missed() {
    let fixture = Fixture::new(Rules { size: 10_000, ..Rules::default() }).await;
    let mut events = fixture.queue.subscribe("default");
    for _ in 0..5_000 {
        fixture.add().await;
    }
    let missed = events.next().await.unwrap_err().0;
    assert_eq!(events.next().await.unwrap().key.id, JobId(missed + 1));
    drop(events);
    fixture.add().await;
}
