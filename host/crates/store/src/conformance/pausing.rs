//! Pausing a task: no job is claimed, everything else continues.

use saggar_job::{FailureKind, Outcome};

use super::observed::Changed;
use super::{Fixture, Locations, problem, retries, some, success, works};
use crate::{Change, Delivery, End, Finish, Lane, NewJob, NextDue, Rules};

pub(super) async fn a_paused_task_starts_no_attempts(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(1, 5)).await;
    fixture.add_some(2).await;
    let job = fixture.claim().await;
    assert_eq!(fixture.set_paused(true).await, NextDue::Nothing);
    assert_eq!(fixture.set_paused(true).await, NextDue::Nothing, "as often as requested");
    assert!(fixture.counts().await.paused);
    let claimed = fixture.claimed(9).await;
    assert!(claimed.jobs.is_empty() && claimed.next_due == NextDue::Nothing);
    let end = End::Outcome(Outcome::failure(FailureKind::Failed, problem()));
    let finish =
        Finish { id: job.id, run: job.run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
    let finished = works(fixture.finish_step(finish, true).await);
    assert!(finished.next.is_none() && finished.next_due == NextDue::Nothing);
    fixture.later(5);
    assert!(fixture.claimed(9).await.jobs.is_empty());
    assert_eq!(fixture.set_paused(false).await, NextDue::Now);
    assert!(!fixture.counts().await.paused);
    assert_eq!(fixture.claimed(9).await.jobs.len(), 2);
    assert_eq!(fixture.set_paused(false).await, NextDue::Nothing);
    fixture.add(NewJob::new("[]").with_delay_ms(5)).await;
    assert_eq!(fixture.set_paused(false).await, NextDue::At(fixture.now.plus_ms(5)));
}

pub(super) async fn everything_else_continues_in_a_paused_task(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { add_handler: true, ..Rules::default() }).await;
    fixture.set_paused(true).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let callback =
        some(works(fixture.task.claim_callbacks(Lane::Adds, 1, fixture.now).await).callbacks.pop(), "a callback");
    let settled = fixture.settle(callback.number, Delivery::Done).await;
    assert_eq!(settled.next_due, NextDue::Nothing, "nothing can be claimed");
    works(fixture.change(id, Change::Cancel).await);
    assert_eq!(works(fixture.change(id, Change::Retry).await), Changed::Retried { next_due: NextDue::Nothing });
    assert_eq!((fixture.counts().await.waiting, fixture.counts().await.on_hold), (1, 0));
    fixture.set_paused(false).await;
    fixture.finish(&fixture.claim().await, success()).await;
}
