//! Pausing a task: nothing is claimed, all else goes on.

use saggar_job::Outcome;

use super::heard::Changed;
use super::{Bench, Places, problem, retries, some, success, works};
use crate::{Change, Delivery, End, Finish, Lane, NewJob, NextDue, Rules};

pub(super) async fn all(places: &dyn Places) {
    a_paused_task_begins_nothing(places).await;
    all_else_goes_on_in_a_paused_task(places).await;
}

async fn a_paused_task_begins_nothing(places: &dyn Places) {
    let mut bench = Bench::new(places, retries(1, 5)).await;
    bench.add_some(2).await;
    let job = bench.claim().await;
    assert_eq!(bench.set_paused(true).await, NextDue::Nothing);
    assert_eq!(bench.set_paused(true).await, NextDue::Nothing, "however often");
    assert!(bench.counts().await.paused);
    let claimed = bench.claimed(9).await;
    assert!(claimed.jobs.is_empty() && claimed.next_due == NextDue::Nothing);
    let end = End::Outcome(Outcome::Retry(problem()));
    let finish =
        Finish { id: job.id, run: job.run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
    let finished = works(bench.finish_step(finish, true).await);
    assert!(finished.next.is_none() && finished.next_due == NextDue::Nothing);
    bench.later(5);
    assert!(bench.claimed(9).await.jobs.is_empty());
    assert_eq!(bench.set_paused(false).await, NextDue::Now);
    assert!(!bench.counts().await.paused);
    assert_eq!(bench.claimed(9).await.jobs.len(), 2);
    assert_eq!(bench.set_paused(false).await, NextDue::Nothing);
    bench.add(NewJob::new("[]").with_delay_ms(5)).await;
    assert_eq!(bench.set_paused(false).await, NextDue::At(bench.now.plus_ms(5)));
}

async fn all_else_goes_on_in_a_paused_task(places: &dyn Places) {
    let bench = Bench::new(places, Rules { add_handler: true, ..Rules::default() }).await;
    bench.set_paused(true).await;
    let id = bench.add(NewJob::new("[]")).await;
    let callback =
        some(works(bench.task.claim_callbacks(Lane::Adds, 1, bench.now).await).callbacks.pop(), "a callback");
    let told = bench.settle(callback.number, Delivery::Done).await;
    assert_eq!(told.line, NextDue::Nothing, "nothing can be claimed");
    works(bench.change(id, Change::Cancel).await);
    assert_eq!(works(bench.change(id, Change::Retry).await), Changed::Retried { next_due: NextDue::Nothing });
    assert_eq!((bench.counts().await.waiting, bench.counts().await.held), (1, 0));
    bench.set_paused(false).await;
    bench.finish(&bench.claim().await, success()).await;
}
