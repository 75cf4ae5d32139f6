//! Lists: their contents, order and pages.

use std::sync::Arc;

use saggar_job::{FailureKind, JobId, Outcome, Problem, Status, TaskKey, Timestamp};

use super::{Fixture, Locations, problem, retries, success, works};
use crate::{Change, Cursor, End, Finish, ListOrder, ListQuery, ListedJob, NewJob, Page, Progress, Rules};

fn query(change: impl FnOnce(&mut ListQuery)) -> ListQuery {
    let mut query = ListQuery::of_task(&super::task_key());
    change(&mut query);
    query
}

async fn page(fixture: &Fixture, query: &ListQuery) -> Page {
    works(fixture.store.list(query).await)
}

/// Returns the jobs of all pages of a list.
pub(super) async fn pages(store: &dyn crate::Store, mut query: ListQuery) -> Vec<ListedJob> {
    let mut jobs = Vec::new();
    loop {
        let page = works(store.list(&query).await);
        assert!(page.jobs.len() <= query.bounded_limit(), "a page has no more jobs than asked for");
        jobs.extend(page.jobs);
        match page.next {
            None => return jobs,
            // Clients pass cursors as text.
            next => query.after = next.and_then(|cursor: Cursor| cursor.to_string().parse().ok()),
        }
    }
}

async fn ids(fixture: &Fixture, query: ListQuery) -> Vec<u64> {
    pages(&*fixture.store, query).await.iter().map(|job| job.id.0).collect()
}

pub(super) async fn a_list_shows_the_state_of_jobs(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(1, 30)).await;
    fixture.add_some(3).await;
    fixture.add(NewJob::new("[]").with_priority(-3).with_delay_ms(500)).await;
    fixture.later(2);
    fixture.finish(&fixture.claim().await, success()).await;
    let failing = fixture.claim().await;
    let progress = Some(Progress { current: 1, total: 2, message: "half".to_owned() });
    let end = End::Outcome(Outcome::failure(FailureKind::Failed, problem()));
    let finish =
        Finish { id: failing.id, run: failing.run, end, progress, cost: None, with_snapshot: false, chance: 0.5 };
    works(fixture.finish_step(finish, false).await);
    fixture.claim().await;
    let listed = pages(&*fixture.store, query(|query| query.order = ListOrder::OldestFirst)).await;
    assert_eq!(listed.len(), 4);
    for job in &listed {
        let whole = fixture.get(job.id).await;
        let mut expected =
            ListedJob::new(super::task_key(), job.id, &whole.life, whole.priority, whole.added_at, whole.progress);
        expected.cursor = job.cursor;
        expected.problem = expected.problem.map(|problem| Problem { details: None, ..problem });
        assert_eq!(*job, expected);
    }
    let states: Vec<_> = listed.iter().map(|job| (job.status, job.attempt)).collect();
    assert_eq!(states, [(Status::Success, 1), (Status::Waiting, 1), (Status::Running, 1), (Status::Waiting, 0)]);
    assert_eq!(listed[1].problem, Some(Problem { details: None, ..problem() }), "large details are left out");
}

pub(super) async fn a_list_is_in_the_order_of_adding(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    assert_eq!(page(&fixture, &query(|_| ())).await, Page { jobs: Vec::new(), next: None, looked_at: 0 });
    for id in [9, 4, 7] {
        fixture.add(NewJob::new("[]").with_id(JobId(id))).await;
        // A clock that goes back does not change the order.
        fixture.now = Timestamp(fixture.now.0 - 10);
    }
    assert_eq!(ids(&fixture, query(|_| ())).await, [7, 4, 9]);
    assert_eq!(ids(&fixture, query(|query| query.order = ListOrder::OldestFirst)).await, [9, 4, 7]);
    works(fixture.change(JobId(4), Change::Cancel).await);
    works(fixture.change(JobId(4), Change::Retry).await);
    assert_eq!(ids(&fixture, query(|_| ())).await, [7, 4, 9], "a retry does not change the order");
    works(fixture.change(JobId(9), Change::Delete).await);
    fixture.add(NewJob::new("[]").with_id(JobId(9))).await;
    assert_eq!(ids(&fixture, query(|_| ())).await, [9, 7, 4], "an id that is used again is another job");
}

pub(super) async fn a_list_can_be_filtered(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let start = fixture.now;
    for _ in 0..6 {
        fixture.add_some(1).await;
        fixture.later(10);
    }
    for (outcome, message) in [
        (success(), "all of it, 100% é"),
        (Outcome::failure(FailureKind::Rejected, Problem::new("odd", "ALL_wrong")), ""),
        (Outcome::failure(FailureKind::Rejected, Problem::new("all", "it is odd")), "some of it"),
    ] {
        let job = fixture.claim().await;
        let progress = Some(Progress { current: 0, total: 0, message: message.to_owned() });
        let finish = Finish {
            id: job.id,
            run: job.run,
            end: End::Outcome(outcome),
            progress,
            cost: None,
            with_snapshot: false,
            chance: 0.5,
        };
        works(fixture.finish_step(finish, false).await);
    }
    fixture.claim().await;
    let of = |status| query(|query| query.statuses = vec![status]);
    assert_eq!(ids(&fixture, of(Status::Waiting)).await, [6, 5]);
    assert_eq!(ids(&fixture, of(Status::Running)).await, [4]);
    assert_eq!(ids(&fixture, of(Status::Success)).await, [1]);
    assert_eq!(ids(&fixture, of(Status::Failure)).await, [3, 2]);
    let text = |text: &str| query(|query| query.text = Some(text.into()));
    assert_eq!(ids(&fixture, text("it is odd")).await, [3], "of the problem");
    assert_eq!(ids(&fixture, text("of it")).await, [3, 1], "of the progress");
    assert_eq!(ids(&fixture, text("all")).await, [3, 1], "of the problem's code, too; case-sensitive");
    assert_eq!(ids(&fixture, text("all: it is")).await, [3], "as a list shows them together");
    assert_eq!(ids(&fixture, text("rejected")).await, [3, 2], "of the reason");
    assert_eq!(ids(&fixture, text("0% é")).await, [1]);
    assert_eq!(ids(&fixture, text("%")).await, [1], "no character is special");
    assert_eq!(ids(&fixture, text("_")).await, [2]);
    assert_eq!(ids(&fixture, text("")).await, [6, 5, 4, 3, 2, 1]);
    let added = |from: Option<u64>, before: Option<u64>| {
        query(|query| {
            query.added_from = from.map(|ms| start.plus_ms(ms));
            query.added_before = before.map(|ms| start.plus_ms(ms));
        })
    };
    assert_eq!(ids(&fixture, added(Some(10), Some(30))).await, [3, 2]);
    assert_eq!(ids(&fixture, added(Some(11), None)).await, [6, 5, 4, 3]);
    assert_eq!(ids(&fixture, added(None, Some(1))).await, [1]);
    assert_eq!(ids(&fixture, added(None, Some(0))).await, [0; 0]);
    let all = ListQuery { statuses: vec![Status::Failure], text: Some("odd".into()), ..added(Some(20), Some(60)) };
    assert_eq!(ids(&fixture, all).await, [3], "all conditions together");
}

/// A store does not contain the progress of a running attempt; the caller passes the ids of the jobs that match.
pub(super) async fn a_running_job_is_found_by_its_live_progress(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(1, 0)).await;
    fixture.add_some(3).await;
    let job = fixture.claim().await;
    let progress = Some(Progress { current: 3, total: 10, message: "half way".to_owned() });
    let end = End::Outcome(Outcome::failure(FailureKind::Failed, problem()));
    let finish = Finish { id: job.id, run: job.run, end, progress, cost: None, with_snapshot: false, chance: 0.5 };
    works(fixture.finish_step(finish, false).await);
    let text = |text: &str| query(|query| query.text = Some(text.into()));
    assert_eq!(ids(&fixture, text("3/10 half")).await, [1]);
    assert_eq!(ids(&fixture, text("odd: it")).await, [1], "why the last attempt failed");
    fixture.claimed(3).await;
    assert_eq!(ids(&fixture, text("half")).await, [0; 0], "an earlier attempt reported that");
    let live = std::collections::HashMap::from([(super::task_key(), [JobId(2), JobId(9)].into())]);
    let live = query(|query| (query.text, query.live) = (Some("half".into()), live.into()));
    assert_eq!(ids(&fixture, live.clone()).await, [2]);
    let of = |status| ListQuery { statuses: vec![status], ..live.clone() };
    assert_eq!((ids(&fixture, of(Status::Running)).await, ids(&fixture, of(Status::Waiting)).await), (vec![2], vec![]));
}

/// The time decides whether a job is ready; the caller passes it.
pub(super) async fn a_job_is_found_by_the_word_for_its_wait_or_its_cancellation(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules { add_handler: true, ..retries(1, 500) }).await;
    let on_hold = fixture.add(NewJob::new("[]")).await;
    fixture.rules = retries(1, 500).into();
    let retrying = fixture.add(NewJob::new("[]")).await;
    let failed = Outcome::failure(FailureKind::Failed, problem());
    fixture.finish(&fixture.claim().await, failed).await;
    let cancelling = fixture.add(NewJob::new("[]")).await;
    fixture.claim().await;
    works(fixture.change(cancelling, Change::Cancel).await);
    let running = fixture.add(NewJob::new("[]")).await;
    fixture.claim().await;
    let delayed = fixture.add(NewJob::new("[]").with_delay_ms(900)).await;
    let ready = fixture.add(NewJob::new("[]")).await;
    for (ms, word, expected) in [
        (0, "on-hold", vec![on_hold]),
        (0, "retrying", vec![retrying]),
        (0, "delayed", vec![delayed]),
        (0, "ready", vec![ready]),
        (0, "cancelling", vec![cancelling]),
        (0, "ing", vec![cancelling, retrying]),
        (0, "running", vec![]),
        (500, "retrying", vec![]),
        (500, "ready", vec![ready, retrying]),
        (899, "delayed", vec![delayed]),
        (900, "ready", vec![ready, delayed, retrying]),
        (900, "on-hold", vec![on_hold]),
    ] {
        let now = fixture.now.plus_ms(ms);
        let found = ids(&fixture, query(|query| (query.text, query.now) = (Some(word.into()), now))).await;
        let expected: Vec<u64> = expected.into_iter().map(|id| id.0).collect();
        assert_eq!(found, expected, "`{word}` after {ms} ms");
    }
    let of = |status: Option<Status>| {
        query(|query| {
            (query.text, query.now, query.statuses) = (Some("".into()), fixture.now, status.into_iter().collect())
        })
    };
    let all = [ready, delayed, running, cancelling, retrying, on_hold].map(|id| id.0);
    assert_eq!(ids(&fixture, of(None)).await, all);
    assert_eq!(ids(&fixture, of(Some(Status::Running))).await, [running, cancelling].map(|id| id.0));
}

pub(super) async fn pages_stay_consistent_when_jobs_change_between_them(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    fixture.add_some(10).await;
    for order in [ListOrder::NewestFirst, ListOrder::OldestFirst] {
        for limit in [0, 1, 3, 10, 99] {
            let found = pages(&*fixture.store, query(|query| (query.order, query.limit) = (order, limit))).await;
            let mut found: Vec<u64> = found.iter().map(|job| job.id.0).collect();
            assert_eq!(found.len(), 10);
            found.sort_unstable();
            found.dedup();
            assert_eq!(found.len(), 10, "no job twice");
        }
    }
    let mut query = query(|query| query.limit = 4);
    let first = page(&fixture, &query).await;
    assert_eq!(first.jobs.iter().map(|job| job.id.0).collect::<Vec<_>>(), [10, 9, 8, 7]);
    // The cursor's own job and the next one are deleted, and others are added.
    for id in [7, 6] {
        works(fixture.change(JobId(id), Change::Delete).await);
    }
    fixture.add_some(2).await;
    query.after = first.next;
    let second = page(&fixture, &query).await;
    assert_eq!(second.jobs.iter().map(|job| job.id.0).collect::<Vec<_>>(), [5, 4, 3, 2]);
    query.after = second.next;
    let last = page(&fixture, &query).await;
    assert_eq!((last.jobs.len(), last.next), (1, None));
    query.after = Some(Cursor(0));
    assert_eq!(page(&fixture, &query).await, Page { jobs: Vec::new(), next: None, looked_at: 0 });
    query.order = ListOrder::OldestFirst;
    assert_eq!(page(&fixture, &query).await.jobs[0].id, JobId(1));
    query.after = Some(Cursor(u64::MAX));
    assert_eq!(
        page(&fixture, &query).await,
        Page { jobs: Vec::new(), next: None, looked_at: 0 },
        "a cursor that no page returned"
    );
}

pub(super) async fn cursors_do_not_count_the_jobs_of_other_tenants(locations: &dyn Locations) {
    const OTHERS: usize = 50;
    let fixture = Fixture::new(locations, Rules::default()).await;
    let key = TaskKey::new("else", "a");
    let other = works(fixture.store.open(&key, &fixture.rules, fixture.now, Arc::new(())).await);
    let mut positions = Vec::new();
    for _ in 0..2 {
        works(other.add(vec![NewJob::new("[]"); OTHERS], &fixture.rules, fixture.now).await);
        fixture.add_some(2).await;
        positions.extend(page(&fixture, &query(|query| query.limit = 1)).await.next.map(|Cursor(position)| position));
    }
    assert_eq!(positions.len(), 2);
    assert!(positions[1] < OTHERS as u64 && positions[1] > positions[0], "{positions:?}");
}

pub(super) async fn a_tenant_sees_all_its_tasks_and_no_others(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let mut expected = Vec::new();
    let keys = ["default/b", "else/a", "default/bench", "default/a"].map(|key| key.split_once('/'));
    let mut tasks = Vec::new();
    for (tenant, task) in keys.into_iter().flatten() {
        let key = TaskKey::new(tenant, task);
        tasks.push((key.clone(), works(fixture.store.open(&key, &fixture.rules, fixture.now, Arc::new(())).await)));
    }
    for round in 0..20 {
        for (key, task) in &tasks {
            let added = works(task.add(vec![NewJob::new("[]"); round % 3], &fixture.rules, fixture.now).await);
            if &*key.tenant == "default" {
                expected.extend(added.iter().map(|added| (key.clone(), added.id)));
            }
        }
    }
    for limit in [1, 7, 1_000] {
        let mut query = ListQuery { limit, order: ListOrder::OldestFirst, ..ListQuery::of_tenant("default") };
        let listed = pages(&*fixture.store, query.clone()).await;
        assert_eq!(listed.into_iter().map(|job| (job.task, job.id)).collect::<Vec<_>>(), expected);
        query.order = ListOrder::NewestFirst;
        let listed = pages(&*fixture.store, query).await;
        assert!(listed.into_iter().rev().map(|job| (job.task, job.id)).eq(expected.iter().cloned()));
    }
    let other = pages(&*fixture.store, ListQuery::of_task(&TaskKey::new("else", "A"))).await;
    assert_eq!(other.len(), 19);
    assert!(pages(&*fixture.store, ListQuery::of_tenant("nobody")).await.is_empty());
    assert!(pages(&*fixture.store, ListQuery::of_task(&TaskKey::new("default", "none"))).await.is_empty());
}

pub(super) async fn a_page_is_bounded(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { size: usize::MAX, ..Rules::default() }).await;
    let count = ListQuery::LOOKED_AT + 2_000;
    let batch = vec![NewJob::new("[]"); 1_000];
    for _ in 0..count / batch.len() {
        works(fixture.task.add(batch.clone(), &fixture.rules, fixture.now).await);
    }
    let most = page(&fixture, &query(|query| query.limit = usize::MAX)).await;
    assert_eq!(most.jobs.len(), ListQuery::PAGE);
    let searching = query(|query| query.text = Some("nowhere".into()));
    let nothing = page(&fixture, &searching).await;
    assert!(nothing.jobs.is_empty() && nothing.next.is_some(), "a search stops before it has examined all jobs");
    assert!(pages(&*fixture.store, searching).await.is_empty());
    let job = fixture.claim().await;
    fixture.finish(&job, success()).await;
    let ended = page(&fixture, &query(|query| query.statuses = vec![Status::Success])).await;
    assert_eq!((ended.jobs.len(), ended.next), (1, None), "jobs with another status are not examined");
}
