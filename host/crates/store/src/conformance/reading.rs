//! Reads that do not return a whole job: peeks, counts, and what may be pending.

use std::task::Poll;

use saggar_job::{FailureKind, JobId, Outcome};

use super::{Fixture, Locations, problem, retries, success, works};
use crate::{Change, Delivery, Lane, NewJob, Peek, Rules, StoreHealth};

pub(super) async fn peek_returns_a_job_unless_its_texts_are_large(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(0, 0)).await;
    let args = format!("[\"{}\"]", "x".repeat(500));
    let ids = works(fixture.task.add(vec![NewJob::new(args); 2], &fixture.rules, fixture.now).await);
    for (id, outcome) in [(ids[0].id, success()), (ids[1].id, Outcome::failure(FailureKind::Rejected, problem()))] {
        for has_ended in [false, true] {
            let job = fixture.get(id).await;
            let bytes = job.text_bytes();
            assert_eq!(works(fixture.task.peek(id, bytes).await), Some(Peek::Job(job)));
            let large = works(fixture.task.peek(id, bytes - 1).await);
            assert_eq!(large, Some(Peek::Large { bytes, has_ended }), "arguments, response and details count");
            if !has_ended {
                fixture.finish(&fixture.claim().await, outcome.clone()).await;
            }
        }
    }
    assert_eq!(works(fixture.task.peek(JobId(9), u64::MAX).await), None, "a job that never existed is not found");
}

pub(super) async fn counts_reflect_the_last_answered_step(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(0, 0)).await;
    fixture.add_some(3).await;
    fixture.add(NewJob::new("[]").with_delay_ms(9)).await;
    let job = fixture.claim().await;
    let counts = works(fixture.task.counts_now().await);
    assert_eq!((counts.waiting, counts.delayed, counts.running, counts.added), (3, 1, 1, 4));
    fixture.finish(&job, success()).await;
    let counts = works(fixture.task.counts_now().await);
    assert_eq!((counts.waiting, counts.running, counts.success), (3, 0, 1));
    // Those of a shared store may be seconds old.
    if !fixture.store.is_shared() {
        assert_eq!(fixture.task.counts(), counts);
    }
}

pub(super) async fn may_have_callbacks_is_true_while_one_is_pending(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { add_handler: true, ..Rules::default() }).await;
    let is_exact = !fixture.store.is_shared();
    assert!(!is_exact || !fixture.task.may_have_callbacks(), "no job was ever added");
    fixture.add(NewJob::new("[]")).await;
    assert!(fixture.task.may_have_callbacks());
    let callback = works(fixture.task.claim_callbacks(Lane::Adds, 1, fixture.now).await).callbacks.remove(0);
    works(fixture.task.settle_callback(callback.number, Delivery::Done, fixture.now).await);
    assert!(!is_exact || !fixture.task.may_have_callbacks(), "it is settled");
}

pub(super) async fn may_prune_is_true_while_an_ended_job_is_stored(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(0, 0)).await;
    let is_exact = !fixture.store.is_shared();
    let ids = fixture.add_some(2).await;
    assert!(!is_exact || !fixture.task.may_prune(), "no job has ended");
    for outcome in [success(), Outcome::failure(FailureKind::Rejected, problem())] {
        fixture.finish(&fixture.claim().await, outcome).await;
        assert!(fixture.task.may_prune());
    }
    for id in ids {
        assert!(fixture.task.may_prune());
        works(fixture.change(id, Change::Delete).await);
    }
    assert!(!is_exact || !fixture.task.may_prune(), "both were deleted");
}

pub(super) async fn a_working_store_is_ready(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(0, 0)).await;
    let mut failed = fixture.store.failed();
    fixture.add(NewJob::new("[]")).await;
    assert_eq!(fixture.store.health(), StoreHealth::Ready);
    let poll = std::future::poll_fn(|cx| Poll::Ready(failed.as_mut().poll(cx).is_pending()));
    assert!(poll.await, "it has not failed");
}

pub(super) async fn the_clock_shows_the_time_of_day(locations: &dyn Locations) {
    /// The year 2020 in milliseconds.
    const PAST: u64 = 50 * 365 * 24 * 3_600_000;
    let fixture = Fixture::new(locations, retries(0, 0)).await;
    let clock = fixture.store.clock();
    let (now, elapsed) = (clock.now(), clock.elapsed());
    assert!(now.0 > PAST, "{now} is long ago");
    assert!(clock.elapsed() >= elapsed, "it goes backwards");
}
