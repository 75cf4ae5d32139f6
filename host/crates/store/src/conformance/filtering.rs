//! Filters of lists, and counting what they match.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{FailureKind, JobId, JobKey, Outcome, Problem, Status, TaskKey, Timestamp};

use super::listing::pages;
use super::{Fixture, Locations, problem, retries, success, works};
use crate::{
    Change, ClaimedJob, Cost, Cursor, End, FailureGroup, Finish, JobFilter, ListOrder, ListQuery, NewJob, Rules,
    TaskPattern,
};

fn filtered(change: impl FnOnce(&mut JobFilter)) -> ListQuery {
    let mut query = ListQuery::of_task(&super::task_key());
    change(&mut query.filter);
    query
}

/// Returns the ids of all jobs of a list, and asserts that they are counted.
async fn ids(fixture: &Fixture, query: ListQuery) -> Vec<u64> {
    let found: Vec<u64> = pages(&*fixture.store, query.clone()).await.iter().map(|job| job.id.0).collect();
    let counted = works(fixture.store.count(&query).await);
    assert_eq!((counted.jobs, counted.next), (found.len(), None), "{query:?}");
    found
}

/// Ends an attempt with the cost of a component.
async fn end(fixture: &Fixture, job: &ClaimedJob, outcome: Outcome, digest: Option<&str>) {
    let cost = digest.map(|digest| Cost {
        digest: digest.into(),
        deployment: None,
        cpu: Duration::ZERO,
        peak_memory: 0,
        fresh: true,
    });
    let end = End::Outcome(outcome);
    let finish = Finish { id: job.id, run: job.run, end, progress: None, cost, with_snapshot: false, chance: 0.5 };
    works(fixture.finish_step(finish, false).await);
}

pub(super) async fn jobs_are_filtered_by_what_they_are(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, retries(1, 1_000)).await;
    let parent = JobKey { task: TaskKey::new("default", "split"), id: JobId(3) };
    fixture.add(NewJob { parent: Some(parent), ..NewJob::new("[]") }.with_priority(9)).await;
    fixture.add(NewJob::new("[]").with_key("order-4711")).await;
    fixture.add(NewJob::new("[]").with_priority(-2)).await;
    let failing = fixture.claim().await;
    assert_eq!(failing.id, JobId(1));
    fixture.finish(&failing, Outcome::failure(FailureKind::Failed, problem())).await;
    fixture.claim().await;
    let parents = |task: &str, id| filtered(|filter| filter.parent = Some((task.into(), JobId(id))));
    assert_eq!(ids(&fixture, parents("split", 3)).await, [1]);
    assert_eq!(ids(&fixture, parents("split", 4)).await, [0; 0]);
    assert_eq!(ids(&fixture, parents("other", 3)).await, [0; 0]);
    let key = |key: &str| filtered(|filter| filter.key = Some(key.into()));
    assert_eq!((ids(&fixture, key("order-4711")).await, ids(&fixture, key("order")).await), (vec![2], vec![]));
    assert_eq!(ids(&fixture, filtered(|filter| filter.priority = Some(-2..=8))).await, [3, 2]);
    assert_eq!(ids(&fixture, filtered(|filter| filter.attempt = Some(1..=u32::MAX))).await, [2, 1], "one runs");
    let of = |statuses: &[Status]| ListQuery { statuses: statuses.to_vec(), ..filtered(|_| ()) };
    assert_eq!(ids(&fixture, of(&[Status::Running, Status::Waiting])).await, [3, 2, 1]);
    assert_eq!(ids(&fixture, of(&[Status::Running, Status::Success, Status::Running])).await, [2]);
    let all = ListQuery { statuses: vec![Status::Waiting], ..filtered(|filter| filter.priority = Some(-2..=8)) };
    assert_eq!(ids(&fixture, all).await, [3], "all conditions together");
}

pub(super) async fn jobs_are_filtered_by_how_they_failed(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(0, 0)).await;
    fixture.add_some(5).await;
    let trap = |page: u64, place: &str| Problem {
        details: Some(format!("{{\"backtrace\":[\"{place}\"]}}")),
        ..Problem::new("trap", format!("page {page} is bad"))
    };
    let start = fixture.now;
    for (kind, problem) in [
        (FailureKind::Trap, trap(1, "render")),
        (FailureKind::Trap, trap(2, "render")),
        (FailureKind::Trap, trap(3, "crop")),
        (FailureKind::Rejected, Problem::new("odd", "it is odd")),
    ] {
        let job = fixture.claim().await;
        fixture.finish(&job, Outcome::failure(kind, problem)).await;
        fixture.later(10);
    }
    let reasons = |reasons: &[FailureKind]| filtered(|filter| filter.reasons = reasons.to_vec());
    assert_eq!(ids(&fixture, reasons(&[FailureKind::Trap])).await, [3, 2, 1]);
    assert_eq!(ids(&fixture, reasons(&[FailureKind::Rejected, FailureKind::Lost])).await, [4]);
    assert_eq!(ids(&fixture, filtered(|filter| filter.codes = vec!["odd".into(), "even".into()])).await, [4]);
    let group = |problem: &Problem| {
        let group = FailureGroup::of(&super::task_key().task, problem);
        filtered(|filter| filter.group = Some(group))
    };
    assert_eq!(ids(&fixture, group(&trap(9, "render"))).await, [2, 1]);
    assert_eq!(ids(&fixture, group(&trap(9, "crop"))).await, [3]);
    assert_eq!(ids(&fixture, group(&trap(9, "decode"))).await, [0; 0]);
    let listed = pages(&*fixture.store, ListQuery { with_failures: true, ..filtered(|_| ()) }).await;
    let failures: Vec<_> = listed.iter().map(|job| job.failure.as_ref()).collect();
    let frames: Vec<_> = failures.iter().map(|failure| failure.map(|failure| failure.frames.concat())).collect();
    assert_eq!(frames, [None, Some(""), Some("crop"), Some("render"), Some("render")].map(|it| it.map(str::to_owned)));
    let groups: Vec<_> = failures.iter().map(|failure| failure.map(|failure| failure.group)).collect();
    assert!(groups[3] == groups[4] && groups[2] != groups[3], "{groups:?}");
    let ended = |from: u64, before: u64| {
        filtered(|filter| {
            filter.ended_from = Some(start.plus_ms(from));
            filter.ended_before = Some(start.plus_ms(before));
        })
    };
    assert_eq!(ids(&fixture, ended(10, 30)).await, [3, 2]);
    // A job that is retried is of its group until the next attempt begins.
    fixture.rules = retries(1, 0).into();
    fixture.finish(&fixture.claim().await, Outcome::failure(FailureKind::Trap, trap(5, "crop"))).await;
    assert_eq!(ids(&fixture, group(&trap(9, "crop"))).await, [5, 3]);
    fixture.claim().await;
    assert_eq!(ids(&fixture, group(&trap(9, "crop"))).await, [3]);
}

pub(super) async fn jobs_are_filtered_by_their_last_attempt(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, retries(1, 0)).await;
    fixture.add_some(4).await;
    let failed = || Outcome::failure(FailureKind::Failed, problem());
    for (outcome, digest, took_ms) in
        [(success(), Some("aa11"), 5), (failed(), Some("aa22"), 50), (success(), Some("bb"), 500)]
    {
        let job = fixture.claim().await;
        fixture.later(took_ms);
        end(&fixture, &job, outcome, digest).await;
    }
    // The last attempt of the second job counts, and that of the fourth one has not ended.
    let job = fixture.claim().await;
    assert_eq!(job.id, JobId(4));
    let digest = |digest: &str| filtered(|filter| filter.digest = Some(digest.into()));
    assert_eq!(ids(&fixture, digest("aa")).await, [2, 1]);
    assert_eq!(ids(&fixture, digest("bb")).await, [3]);
    let again = fixture.claim().await;
    assert_eq!(again.id, JobId(2));
    assert_eq!(ids(&fixture, digest("aa")).await, [2, 1], "while the next attempt runs");
    fixture.later(7);
    end(&fixture, &again, success(), None).await;
    assert_eq!(ids(&fixture, digest("aa")).await, [1], "it is unknown what ran last");
    let listed = pages(&*fixture.store, ListQuery { with_failures: true, ..filtered(|_| ()) }).await;
    assert!(listed.iter().all(|job| job.failure.is_none()), "none has failed for the last time");
    let took = |from: u64, to: u64| filtered(|filter| filter.took_ms = Some(from..=to));
    assert_eq!(ids(&fixture, took(0, u64::MAX)).await, [3, 2, 1]);
    assert_eq!(ids(&fixture, took(6, 499)).await, [2]);
    assert_eq!(ids(&fixture, took(500, 500)).await, [3]);
}

pub(super) async fn jobs_are_filtered_by_their_arguments(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let long = format!("[{{\"id\":7,\"text\":\"{}\"}}]", "é".repeat(3_000));
    for args in [r#"[{"id":1970670598291982290}]"#, r#"[{ "id" : 7.50 }, "ada"]"#, "[]", &*long] {
        fixture.add(NewJob::new(args)).await;
    }
    let args = |pairs: &[(&str, &str)]| {
        filtered(|filter| {
            filter.args = pairs.iter().map(|(pointer, value)| ((*pointer).into(), (*value).into())).collect();
        })
    };
    assert_eq!(ids(&fixture, args(&[("/0/id", "1970670598291982290")])).await, [1]);
    assert_eq!(ids(&fixture, args(&[("/0/id", "1970670598291982291")])).await, [0; 0]);
    assert_eq!(ids(&fixture, args(&[("/0/id", "7.5"), ("/1", "\"ada\"")])).await, [2]);
    assert_eq!(ids(&fixture, args(&[("/0/id", "7.5"), ("/1", "\"eve\"")])).await, [0; 0]);
    assert_eq!(ids(&fixture, args(&[("/0/id", "7")])).await, [4]);
    let text = |text: &str| filtered(|filter| filter.args_text = Some(text.into()));
    assert_eq!(ids(&fixture, text("ada")).await, [2]);
    assert_eq!(ids(&fixture, text("éé\"}]")).await, [4]);
    assert_eq!(ids(&fixture, text("")).await, [4, 3, 2, 1]);
    let listed = pages(&*fixture.store, ListQuery { with_args: true, ..filtered(|_| ()) }).await;
    let beginnings: Vec<_> = listed.iter().map(|job| job.args.as_deref().unwrap_or_default()).collect();
    assert_eq!(beginnings[1..], ["[]", r#"[{ "id" : 7.50 }, "ada"]"#, r#"[{"id":1970670598291982290}]"#]);
    assert!(long.starts_with(beginnings[0]) && (510..=ListQuery::SHOWN_ARGS).contains(&beginnings[0].len()));
    assert!(pages(&*fixture.store, filtered(|_| ())).await.iter().all(|job| job.args.is_none()));
}

pub(super) async fn named_jobs_are_found_by_an_index(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    fixture.add_some(600).await;
    fixture.add(NewJob::new("[]").with_key("k")).await;
    works(fixture.change(JobId(5), Change::Cancel).await);
    let key = super::task_key();
    let named =
        |ids: &[u64]| filtered(|filter| filter.ids = ids.iter().map(|id| (key.task.clone(), JobId(*id))).collect());
    assert_eq!(ids(&fixture, named(&[3, 5, 400, 5, 999])).await, [400, 5, 3]);
    let oldest = ListQuery { order: ListOrder::OldestFirst, limit: 1, ..named(&[400, 3]) };
    assert_eq!(ids(&fixture, oldest).await, [3, 400]);
    let failed = ListQuery { statuses: vec![Status::Failure], ..named(&[3, 5]) };
    assert_eq!(ids(&fixture, failed).await, [5]);
    let other = filtered(|filter| filter.ids = vec![("other".into(), JobId(3))]);
    assert_eq!(ids(&fixture, other).await, [0; 0]);
    for query in [named(&[3]), filtered(|filter| filter.key = Some("k".into()))] {
        let page = works(fixture.store.list(&query).await);
        assert_eq!((page.jobs.len(), page.looked_at, page.next), (1, 1, None), "{query:?}");
    }
    let all = works(fixture.store.list(&filtered(|_| ())).await);
    assert_eq!((all.jobs.len(), all.looked_at), (100, 100));
}

pub(super) async fn tasks_are_filtered_by_patterns(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    for (tenant, task) in [("default", "mail.send"), ("default", "mail.read"), ("default", "mails"), ("else", "mail.a")]
    {
        let key = TaskKey::new(tenant, task);
        let opened = works(fixture.store.open(&key, &fixture.rules, fixture.now, Arc::new(())).await);
        works(opened.add(vec![NewJob::new("[]")], &fixture.rules, fixture.now).await);
    }
    for (patterns, expected) in [
        (&["mail.*"][..], &["mail.send", "mail.read"][..]),
        (&["mails", "mail.read", "mail.r*"], &["mail.read", "mails"]),
        (&["mail"], &[]),
        (&["*"], &["mail.send", "mail.read", "mails"]),
    ] {
        let mut query = ListQuery { order: ListOrder::OldestFirst, ..ListQuery::of_tenant("default") };
        query.filter.tasks = patterns.iter().map(|pattern| TaskPattern((*pattern).into())).collect();
        let found = pages(&*fixture.store, query.clone()).await;
        let found: Vec<&str> = found.iter().map(|job| &*job.task.task).collect();
        assert_eq!(found, expected, "{patterns:?}");
        assert_eq!(works(fixture.store.count(&query).await).jobs, expected.len());
    }
}

pub(super) async fn a_list_ends_at_its_last_job(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    fixture.add_some(5).await;
    let newest = works(fixture.store.list(&ListQuery { limit: 1, ..filtered(|_| ()) }).await);
    let until = newest.jobs.first().map(|job| job.cursor);
    fixture.add_some(3).await;
    for (order, expected) in [(ListOrder::NewestFirst, [5, 4, 3, 2, 1]), (ListOrder::OldestFirst, [1, 2, 3, 4, 5])] {
        for limit in [1, 2, 5, 9] {
            let query = ListQuery { until, order, limit, ..filtered(|_| ()) };
            assert_eq!(ids(&fixture, query).await, expected);
        }
    }
    let none = ListQuery { until: Some(Cursor(0)), ..filtered(|_| ()) };
    assert_eq!(ids(&fixture, none).await, [0; 0]);
    let all = pages(&*fixture.store, filtered(|_| ())).await;
    assert!(all.is_sorted_by_key(|job| std::cmp::Reverse(job.cursor.0)), "cursors are in the order of the list");
}

pub(super) async fn jobs_are_counted_as_they_are_listed(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules { size: usize::MAX, ..Rules::default() }).await;
    let count = ListQuery::LOOKED_AT + 2_000;
    for _ in 0..count / 1_000 {
        works(fixture.task.add(vec![NewJob::new("[]"); 1_000], &fixture.rules, fixture.now).await);
    }
    let first = works(fixture.store.count(&ListQuery { limit: 1, ..filtered(|_| ()) }).await);
    assert_eq!((first.jobs, first.looked_at, first.next.is_some()), (ListQuery::LOOKED_AT, ListQuery::LOOKED_AT, true));
    let rest = works(fixture.store.count(&ListQuery { after: first.next, ..filtered(|_| ()) }).await);
    assert_eq!((rest.jobs, rest.looked_at, rest.next), (2_000, 2_000, None));
    let none = ListQuery { added_from: Some(Timestamp(u64::MAX)), ..filtered(|_| ()) };
    let none = works(fixture.store.count(&none).await);
    assert_eq!(none.jobs, 0);
}
