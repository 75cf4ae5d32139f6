//! Notices: written in the step that they tell of, taken in order, there until they are finished.

use saggar_job::{JobId, Outcome, Reason, Status};

use super::{Bench, Places, problem, retries, some, success, works};
use crate::{Change, Changed, ClaimedNotice, End, Happened, Left, NewJob, NoticeNumber, Rules, Telling, Told};

pub(super) async fn all(places: &dyn Places) {
    a_held_job_is_released_by_its_notice(places).await;
    ends_leave_the_notices_that_are_wanted(places).await;
    notices_come_in_order_and_once(places).await;
    a_notice_can_be_put_off(places).await;
    a_job_cancelled_while_held_is_told_in_order(places).await;
    unknown_notices_do_nothing(places).await;
}

fn with_handlers() -> Rules {
    Rules { add_handler: true, success_handler: true, error_handler: true, ..retries(1, 0) }
}

async fn notice(bench: &Bench) -> ClaimedNotice {
    some(works(bench.task.claim_notices(1, bench.now).await).notices.pop(), "a notice")
}

async fn finish(bench: &Bench, notice: &ClaimedNotice) -> Told {
    works(bench.task.settle_notice(notice.number, Telling::Done, bench.now).await)
}

async fn a_held_job_is_released_by_its_notice(places: &dyn Places) {
    let mut bench = Bench::new(places, with_handlers()).await;
    let id = bench.add(NewJob::new("[]")).await;
    let delayed = bench.add(NewJob::new("[]").with_delay_ms(30)).await;
    let counts = bench.task.counts();
    assert_eq!((counts.waiting, counts.held, counts.delayed, counts.notices), (2, 2, 0, 2));
    let claimed = bench.claimed(9).await;
    assert!(claimed.jobs.is_empty() && claimed.left == Left::Nothing, "held jobs are in no line");
    let added = notice(&bench).await;
    assert_eq!((added.id, &added.happened, added.attempt, added.tries), (id, &Happened::Added, 0, 0));
    assert!(bench.claimed(9).await.jobs.is_empty(), "until the handler was told");
    assert_eq!(finish(&bench, &added).await, Told { line: Left::Ready, noticed: false });
    assert_eq!(bench.claim().await.id, id);
    let told = finish(&bench, &notice(&bench).await).await;
    assert_eq!(told.line, Left::From(bench.now.plus_ms(30)), "a released job still waits for its time");
    bench.later(30);
    assert_eq!(bench.claim().await.id, delayed);
    assert_eq!((bench.task.counts().held, bench.task.counts().notices), (0, 0));
}

async fn ends_leave_the_notices_that_are_wanted(places: &dyn Places) {
    for (success_handler, error_handler) in [(true, true), (true, false), (false, true), (false, false)] {
        let rules = Rules { add_handler: false, success_handler, error_handler, ..with_handlers() };
        let bench = Bench::new(places, rules).await;
        bench.add_some(3).await;
        let finished = bench.finish(&bench.claim().await, success()).await;
        assert_eq!(finished.ended.noticed, success_handler);
        let failed = bench.claim().await;
        assert!(!bench.finish(&failed, Outcome::Retry(problem())).await.ended.noticed, "a retry is no end");
        assert_eq!(works(bench.change(JobId(3), Change::Cancel).await), Changed::Cancelled { noticed: error_handler });
        let failed = bench.claim().await;
        assert_eq!(bench.finish(&failed, Outcome::Trap(problem())).await.ended.noticed, error_handler);
        let claimed = works(bench.task.claim_notices(9, bench.now).await);
        let told = claimed.notices.iter().map(|notice| (notice.id.0, notice.attempt, notice.happened.clone()));
        let mut expected = Vec::new();
        if success_handler {
            expected.push((1, 1, Happened::Succeeded { response: "7".into() }));
        }
        if error_handler {
            let cancelled = some(bench.get(JobId(3)).await.problem().cloned(), "a problem");
            expected.push((3, 0, Happened::Failed { reason: Reason::Cancelled, problem: cancelled }));
            expected.push((2, 2, Happened::Failed { reason: Reason::Trap, problem: problem() }));
        }
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}

async fn notices_come_in_order_and_once(places: &dyn Places) {
    let bench = Bench::new(places, with_handlers()).await;
    bench.add_some(4).await;
    let claimed = works(bench.task.claim_notices(2, bench.now).await);
    assert_eq!(claimed.notices.iter().map(|notice| notice.id.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(claimed.left, Left::Ready);
    let claimed = works(bench.task.claim_notices(9, bench.now).await);
    assert_eq!(claimed.notices.iter().map(|notice| notice.id.0).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(claimed.left, Left::Nothing, "what is taken does not wait");
    assert_eq!(bench.task.counts().notices, 4, "but is pending until it is finished");
}

async fn a_notice_can_be_put_off(places: &dyn Places) {
    let mut bench = Bench::new(places, with_handlers()).await;
    bench.add_some(2).await;
    let first = notice(&bench).await;
    let until = bench.now.plus_ms(50);
    works(bench.task.settle_notice(first.number, Telling::PutOff(until), bench.now).await);
    assert_eq!(finish(&bench, &notice(&bench).await).await.line, Left::Ready);
    let claimed = works(bench.task.claim_notices(9, bench.now).await);
    assert!(claimed.notices.is_empty() && claimed.left == Left::From(until));
    bench.later(50);
    let again = notice(&bench).await;
    assert_eq!((again.number, again.id, again.tries), (first.number, first.id, 1));
    finish(&bench, &again).await;
    works(bench.task.settle_notice(first.number, Telling::PutOff(bench.now), bench.now).await);
    assert!(works(bench.task.claim_notices(9, bench.now).await).notices.is_empty(), "a finished notice stays finished");
}

async fn a_job_cancelled_while_held_is_told_in_order(places: &dyn Places) {
    let bench = Bench::new(places, with_handlers()).await;
    let id = bench.add(NewJob::new("[]")).await;
    let added = notice(&bench).await;
    let cancelled = works(bench.change(id, Change::Cancel).await);
    assert_eq!(cancelled, Changed::Cancelled { noticed: false });
    assert_eq!((bench.task.counts().held, bench.task.counts().notices), (0, 2));
    let claimed = works(bench.task.claim_notices(9, bench.now).await);
    assert!(claimed.notices.is_empty(), "the end is told after the adding");
    assert_eq!(finish(&bench, &added).await, Told { line: Left::Nothing, noticed: true });
    assert_eq!(bench.status(id).await, Status::Failure, "a job that has ended is not released");
    let end = notice(&bench).await;
    assert!(matches!(end.happened, Happened::Failed { reason: Reason::Cancelled, .. }));
    finish(&bench, &end).await;
    assert!(bench.task.counts().is_idle());
    let job = bench.add(NewJob::new("[]")).await;
    finish(&bench, &notice(&bench).await).await;
    let claim = bench.claim().await;
    works(bench.end(job, claim.run, End::PutBack).await);
    assert_eq!(bench.claim().await.id, job, "a job that is put back is not held again");
}

async fn unknown_notices_do_nothing(places: &dyn Places) {
    let bench = Bench::new(places, with_handlers()).await;
    let told = works(bench.task.settle_notice(NoticeNumber(7), Telling::Done, bench.now).await);
    assert_eq!(told, Told { line: Left::Nothing, noticed: false });
    works(bench.task.settle_notice(NoticeNumber(7), Telling::PutOff(bench.now), bench.now).await);
    assert_eq!(bench.task.counts().notices, 0);
}
