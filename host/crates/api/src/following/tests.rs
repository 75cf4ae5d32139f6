//! Following the events of a real queue, with a paused clock that advances automatically.

use saggar_job::{FailureKind, Outcome};
use saggar_queue::EventId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::fixture::{Fixture, stream_permit};

/// An event as a client reads it.
type ReadEvent = (String, Option<EventId>, String);

fn all(fixture: &Arc<Fixture>, after: Option<EventId>) -> JobEvents {
    JobEvents::of_many(stream_permit(&CancellationToken::new()), fixture.follow(None, after))
}

fn one(fixture: &Arc<Fixture>, id: JobId, after: Option<EventId>) -> JobEvents {
    let followed = fixture.follow(Some(id), after);
    JobEvents::of_one(stream_permit(&CancellationToken::new()), followed, fixture.task.clone(), id)
}

async fn piece(events: &mut JobEvents) -> Vec<ReadEvent> {
    let piece = events.next().await.expect("another piece");
    let text = String::from_utf8(piece.into_bytes()).unwrap();
    let field = |event: &str, name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    let named = text.split_terminator("\n\n").filter_map(|event| {
        let id = field(event, "id: ").map(|id| id.parse().unwrap());
        Some((field(event, "event: ")?, id, field(event, "data: ").unwrap()))
    });
    named.collect()
}

fn names(read: &[ReadEvent]) -> Vec<&str> {
    read.iter().map(|(name, _, _)| name.as_str()).collect()
}

/// Returns the names of all events until the answer ends.
async fn rest(events: &mut JobEvents) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(piece) = events.next().await {
        let text = String::from_utf8(piece.into_bytes()).unwrap();
        names.extend(text.lines().filter_map(|line| line.strip_prefix("event: ").map(str::to_owned)));
    }
    names
}

#[tokio::test(start_paused = true)]
async fn events_have_ids_and_the_members_of_their_kind() {
    let fixture = Fixture::new(100).await;
    let mut events = all(&fixture, None);
    let first = piece(&mut events).await;
    assert_eq!(names(&first), ["reached"]);
    let start = first[0].1.unwrap();
    fixture.add().await;
    let claim = fixture.claim().await;
    claim.running().report(1, 2, "half");
    fixture
        .task
        .finish(claim, Outcome::failure(FailureKind::Trap, saggar_job::Problem::new("trap", "it trapped")))
        .await
        .unwrap();
    let read = piece(&mut events).await;
    assert_eq!(names(&read), ["added", "started", "progress", "failed"]);
    let numbers: Vec<u64> = read.iter().map(|(_, id, _)| id.unwrap().number - start.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    let data = |at: usize| serde_json::from_str::<wire::JobEvent>(&read[at].2).unwrap();
    assert_eq!((data(0).task.as_str(), data(0).id, data(1).attempt), (Fixture::TASK, 1, Some(1)));
    let progress = data(2);
    let progress = (progress.current, progress.total, progress.message);
    assert_eq!(progress, (Some(1), Some(2), Some("half".to_owned())));
    assert_eq!(data(3).reason, Some(wire::FailureKind::Trap));
    // A client that was disconnected before the first event gets all of them.
    let mut again = all(&fixture, Some(start));
    assert_eq!(piece(&mut again).await[0].1, Some(start));
    assert_eq!(piece(&mut again).await, read);
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_gets_its_position_and_reconnects_without_a_gap() {
    let fixture = Fixture::new(10).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    let (mut idle, began) = (one(&fixture, id, None), Instant::now());
    piece(&mut idle).await;
    // Events of other jobs evict the events that were stored at the start.
    for _ in 0..20 {
        fixture.add().await;
    }
    let read = piece(&mut idle).await;
    assert_eq!((names(&read), began.elapsed().as_secs()), (vec!["reached"], 15));
    let reached = read[0].1;
    drop(idle);
    fixture.succeed(claim).await;
    let mut again = one(&fixture, id, reached);
    assert_eq!(rest(&mut again).await, ["reached", "succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_reported_before_the_stored_events() {
    let fixture = Fixture::new(4).await;
    let mut events = all(&fixture, None);
    let start = piece(&mut events).await[0].1;
    for _ in 0..10 {
        fixture.add().await;
    }
    let mut late = all(&fixture, start);
    assert_eq!(names(&piece(&mut late).await), ["reached"]);
    let gap = piece(&mut late).await;
    assert_eq!((names(&gap), gap[0].2.as_str()), (vec!["gap"], "{\"events\":6}"));
    let stored = piece(&mut late).await;
    assert_eq!(stored.len(), 4);
    // The gap has the id of the last missing event, so it is reported only once.
    let mut again = all(&fixture, gap[0].1);
    assert_eq!(names(&piece(&mut again).await), ["reached"]);
    assert_eq!(piece(&mut again).await, stored);

    let unknown = start.map(|start| EventId { epoch: start.epoch ^ 1, ..start });
    let mut other = all(&fixture, unknown);
    assert!(piece(&mut other).await.is_empty(), "a position was reported before the gap");
    assert_eq!(piece(&mut other).await[0].2, "{\"events\":null}");
    assert_eq!(piece(&mut other).await, stored);
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_job_end_with_it() {
    let fixture = Fixture::new(100).await;
    let (id, other) = (fixture.add().await, fixture.add().await);
    let mut events = one(&fixture, id, None);
    fixture.succeed(fixture.claim().await).await;
    assert_eq!(rest(&mut events).await, ["reached", "started", "succeeded"]);
    let mut events = one(&fixture, other, None);
    fixture.task.delete(other).await.unwrap();
    assert_eq!(rest(&mut events).await, ["reached", "deleted"]);
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_retried_job_continue() {
    let fixture = Fixture::new(100).await;
    let start = piece(&mut all(&fixture, None)).await[0].1;
    let id = fixture.add().await;
    let mut events = one(&fixture, id, None);
    fixture.task.cancel(id).await.unwrap();
    fixture.task.retry(id).await.unwrap();
    piece(&mut events).await;
    assert_eq!(names(&piece(&mut events).await), ["failed", "retried"]);
    fixture.succeed(fixture.claim().await).await;
    assert_eq!(rest(&mut events).await, ["started", "succeeded"]);
    // A client that reconnects after all that gets all of it.
    let mut events = one(&fixture, id, start);
    assert!(events.has_more_of_ended());
    assert_eq!(rest(&mut events).await, ["reached", "added", "failed", "retried", "started", "succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn only_stored_events_of_an_ended_job_are_sent() {
    let fixture = Fixture::new(4).await;
    let id = fixture.add().await;
    fixture.succeed(fixture.claim().await).await;
    assert!(!one(&fixture, id, None).has_more_of_ended());
    let last = piece(&mut all(&fixture, None)).await[0].1;
    assert!(!one(&fixture, id, last).has_more_of_ended());
    for _ in 0..10 {
        fixture.add().await;
    }
    let mut late = one(&fixture, id, last);
    assert!(late.has_more_of_ended(), "the gap is not reported");
    assert_eq!(rest(&mut late).await, ["reached", "gap"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_answer_at_once() {
    let (fixture, stop) = (Fixture::new(100).await, CancellationToken::new());
    let mut events = JobEvents::of_many(stream_permit(&stop), fixture.follow(None, None));
    piece(&mut events).await;
    let began = Instant::now();
    let (next, ()) = tokio::join!(events.next(), async { stop.cancel() });
    assert!(next.is_none() && began.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn the_size_of_a_piece_is_limited() {
    let fixture = Fixture::new(1_000).await;
    let mut events = all(&fixture, None);
    piece(&mut events).await;
    for _ in 0..1_000 {
        fixture.add().await;
    }
    let mut count = 0;
    while count < 1_000 {
        let read = piece(&mut events).await;
        assert!((1..=200).contains(&read.len()), "{}", read.len());
        count += read.len();
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_event_of_an_ended_job_is_awaited_for_a_limited_time() {
    let fixture = Fixture::new(100).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    let mut events = one(&fixture, id, None);
    assert!(!events.has_event_soon().await);
    let (has_event, ()) = tokio::join!(events.has_event_soon(), fixture.succeed(claim));
    assert!(has_event);
    assert_eq!(rest(&mut events).await, ["reached", "succeeded"]);
}
