//! Steps whose caller is dropped before it has the answer: what they claimed for it is requeued.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use saggar_job::{JobId, Status};

use super::{Fixture, Locations, some, success, works};
use crate::{ClaimedJob, Delivery, End, Finish, Lane, NewJob, Rules};

/// A step is polled up to this many times before it is dropped. With few polls it has hardly been requested, with more
/// it may be on its way back: the promises hold at each point.
const MOST_POLLS: u32 = 6;

type Step<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Polls a step `polls` times and drops it, unless it has its answer before. Threads of the store may run in between.
async fn dropped_after<T>(polls: u32, mut step: Step<'_, T>) -> Option<T> {
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(step.as_mut().poll(context))).await;
        if let Poll::Ready(answer) = polled {
            return Some(answer);
        }
        std::thread::yield_now();
    }
    None
}

/// Releases claims that reached their caller after all.
fn release(fixture: &Fixture, jobs: impl IntoIterator<Item = ClaimedJob>) {
    for job in jobs {
        fixture.task.release(job.id, job.run, &fixture.rules, fixture.now);
    }
}

pub(super) async fn claims_of_a_dropped_caller_leave_no_trace(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let added = fixture.add_some(3).await;
    for polls in 0..=MOST_POLLS {
        let answer = dropped_after(polls, fixture.task.claim(2, fixture.now)).await;
        release(&fixture, answer.into_iter().flat_map(|claimed| works(claimed).jobs));
        let claimed = fixture.claimed(3).await.jobs;
        let order: Vec<JobId> = claimed.iter().map(|job| job.id).collect();
        assert_eq!(order, added, "each job has its old position after {polls} polls");
        assert!(claimed.iter().all(|job| job.attempt == 1), "the attempts do not count: {claimed:?}");
        release(&fixture, claimed);
    }
    // Every step that is requested after a release shows its effect.
    assert!(fixture.claimed(0).await.jobs.is_empty());
    assert_eq!((fixture.counts().await.waiting, fixture.counts().await.running), (3, 0));
    for id in added {
        assert!(fixture.history(id).await.attempts.is_empty(), "no attempt leaves a record");
    }
}

pub(super) async fn a_dropped_finish_happens_wholly_or_not_at_all_and_claims_nothing(locations: &dyn Locations) {
    for polls in 0..=MOST_POLLS {
        let fixture = Fixture::new(locations, Rules::default()).await;
        let added = fixture.add_some(2).await;
        let ClaimedJob { id, run, .. } = fixture.claim().await;
        let end = End::Outcome(success());
        let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
        let answer = dropped_after(polls, fixture.task.finish(finish, true, &fixture.rules, fixture.now)).await;
        let was_answered = answer.is_some();
        release(&fixture, answer.and_then(|finished| works(finished).next));
        let next = fixture.claim().await;
        assert_eq!((next.id, next.attempt), (added[1], 1), "after {polls} polls");
        let (status, records) = (fixture.status(id).await, fixture.history(id).await.attempts.len());
        let expected =
            if was_answered || status == Status::Success { (Status::Success, 1) } else { (Status::Running, 0) };
        assert_eq!((status, records), expected, "after {polls} polls");
    }
}

pub(super) async fn callbacks_of_a_dropped_caller_are_claimed_again(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { add_handler: true, ..Rules::default() }).await;
    let id = fixture.add(NewJob::new("[]")).await;
    for polls in 0..=MOST_POLLS {
        let answer = dropped_after(polls, fixture.task.claim_callbacks(Lane::Adds, 1, fixture.now)).await;
        let claimed = match answer {
            Some(claimed) => claimed,
            None => fixture.task.claim_callbacks(Lane::Adds, 1, fixture.now).await,
        };
        let callback = some(works(claimed).callbacks.pop(), "the callback");
        assert_eq!((callback.id, callback.tries), (id, polls), "a dropped claim does not count as a try");
        works(fixture.task.settle_callback(callback.number, Delivery::Postponed(fixture.now), fixture.now).await);
    }
}
