//! Recordings: kept with their jobs, within the limits of a task, of a tenant and of the store.

use std::sync::Arc;

use saggar_job::{JobId, Run, TaskKey};

use super::{Fixture, Locations, some, success, works};
use crate::{
    Change, NewJob, Pruned, Recording, RecordingCounts, RecordingLimits, Retention, Rules, StoreError, TaskStore,
};

fn bytes(text: &str) -> Arc<[u8]> {
    text.as_bytes().into()
}

/// A task with one job, which has all recordings.
struct Recorded {
    task: Arc<dyn TaskStore>,
    id: JobId,
}

impl Recorded {
    /// Opens a task, and adds its job if there is none.
    async fn open(fixture: &Fixture, tenant: &str, task: &str) -> Self {
        let task = fixture.store.open(&TaskKey::new(tenant, task), &fixture.rules, fixture.now, Arc::new(())).await;
        let task = works(task);
        let job = NewJob::new("[]").with_key("it");
        let id = works(task.add(vec![job], &fixture.rules, fixture.now).await)[0].id;
        Self { task, id }
    }

    async fn try_keep(&self, run: u64, bytes: usize) -> Result<(), StoreError> {
        self.task.keep_recording(self.id, Run(run), vec![7; bytes].into()).await
    }

    async fn keep(&self, run: u64, bytes: usize) {
        works(self.try_keep(run, bytes).await);
    }

    /// Returns the attempts with a recording, the one that was stored first before the others.
    async fn kept(&self) -> Vec<u64> {
        let mut kept: Vec<u64> = works(self.task.recordings(None, 9).await).iter().map(|one| one.run.0).collect();
        kept.reverse();
        kept
    }
}

pub(super) async fn a_recording_is_kept_with_its_job(locations: &dyn Locations) {
    let retention = Retention { success_ms: 100, failure_ms: 100 };
    let mut fixture = Fixture::new(locations, Rules { retention, ..Rules::default() }).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let job = fixture.claim().await;
    assert_eq!(works(fixture.task.recording(id, None).await), None);
    works(fixture.task.keep_recording(id, job.run, bytes("first")).await);
    works(fixture.task.keep_recording(id, job.run, bytes("\u{0}second")).await);
    works(fixture.task.keep_recording(JobId(9), job.run, bytes("of no job")).await);
    fixture.finish(&job, success()).await;
    let kept = Recording { run: job.run, bytes: bytes("\u{0}second") };
    fixture = fixture.die().await;
    assert_eq!(works(fixture.task.recording(id, None).await), Some(kept.clone()), "after a restart");
    assert_eq!(works(fixture.task.recording(id, Some(job.run)).await), Some(kept));
    assert_eq!(works(fixture.task.recording(id, Some(Run(job.run.0 + 1))).await), None);
    assert_eq!(works(fixture.task.recording(JobId(9), None).await), None);
    fixture.later(100);
    assert_eq!(works(fixture.task.prune(9, &fixture.rules, fixture.now).await).jobs, 1);
    assert_eq!(works(fixture.task.recording(id, None).await), None);
    assert_eq!(fixture.add(NewJob::new("[]").with_id(id)).await, id);
    assert_eq!(works(fixture.task.recording(id, None).await), None, "another job with the same id has none");
}

pub(super) async fn the_last_attempt_with_a_recording_is_returned(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let id = fixture.add(NewJob::new("[]")).await;
    let mut runs = Vec::new();
    for text in ["first", "second"] {
        let job = fixture.claim().await;
        works(fixture.task.keep_recording(id, job.run, bytes(text)).await);
        fixture.finish(&job, success()).await;
        works(fixture.task.change(id, Change::Retry, &fixture.rules, fixture.now).await);
        runs.push(job.run);
    }
    let last = some(works(fixture.task.recording(id, None).await), "a recording");
    assert_eq!((last.run, &*last.bytes), (runs[1], &b"second"[..]));
    let first = some(works(fixture.task.recording(id, Some(runs[0])).await), "a recording");
    assert_eq!(&*first.bytes, b"first");
    works(fixture.task.change(id, Change::Delete, &fixture.rules, fixture.now).await);
    assert_eq!(works(fixture.task.recording(id, None).await), None);
}

pub(super) async fn the_oldest_recordings_of_a_task_are_removed(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let ids = fixture.add_some(3).await;
    let large = || -> Arc<[u8]> { vec![7; RecordingCounts::MOST_BYTES as usize / 2].into() };
    for id in &ids[..2] {
        works(fixture.task.keep_recording(*id, Run(1), large()).await);
    }
    assert!(works(fixture.task.recording(ids[0], None).await).is_some(), "exactly the limit");
    works(fixture.task.keep_recording(ids[2], Run(1), bytes("small")).await);
    assert_eq!(works(fixture.task.recording(ids[0], None).await), None);
    assert!(works(fixture.task.recording(ids[1], None).await).is_some());
    for run in 2..=RecordingCounts::MOST {
        works(fixture.task.keep_recording(ids[2], Run(run), bytes("x")).await);
    }
    assert_eq!(works(fixture.task.recording(ids[1], None).await), None, "there are too many");
    let first = some(works(fixture.task.recording(ids[2], Some(Run(1))).await), "a recording");
    assert_eq!(&*first.bytes, b"small");
}

pub(super) async fn the_oldest_recordings_of_a_tenant_are_removed(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    fixture.store.set_recording_limits(RecordingLimits { of_tenant: 100, of_all: u64::MAX });
    let (one, two) = (Recorded::open(&fixture, "acme", "one").await, Recorded::open(&fixture, "acme", "two").await);
    let other = Recorded::open(&fixture, "other", "one").await;
    other.keep(1, 100).await;
    one.keep(1, 40).await;
    two.keep(1, 40).await;
    one.keep(2, 20).await;
    assert_eq!((one.kept().await, two.kept().await), (vec![1, 2], vec![1]), "exactly the limit");
    two.keep(2, 1).await;
    assert_eq!((one.kept().await, two.kept().await), (vec![2], vec![1, 2]), "the oldest one, whatever its task");
    one.keep(3, 39).await;
    assert_eq!((one.kept().await, two.kept().await), (vec![2, 3], vec![1, 2]), "what is removed is not counted");
    one.keep(2, 20).await;
    assert_eq!((one.kept().await, two.kept().await), (vec![3, 2], vec![1, 2]), "nor is what is replaced");
    two.keep(3, 101).await;
    assert_eq!((one.kept().await, two.kept().await), (vec![3, 2], vec![1, 2]), "too large for the limit");
    two.keep(3, 99).await;
    assert_eq!((one.kept().await, two.kept().await), (vec![], vec![3]));
    one.keep(4, 1).await;
    assert_eq!((one.kept().await, two.kept().await), (vec![4], vec![3]), "exactly the limit again");
    fixture.store.set_recording_limits(RecordingLimits { of_tenant: 50, of_all: u64::MAX });
    one.keep(5, 49).await;
    assert_eq!((one.kept().await, two.kept().await), (vec![4, 5], vec![]), "a lower limit holds from the next one on");
    assert_eq!(other.kept().await, [1], "the limit of another tenant");
}

pub(super) async fn the_tenant_with_the_most_recorded_bytes_makes_room_for_all(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    fixture.store.set_recording_limits(RecordingLimits { of_tenant: u64::MAX, of_all: 100 });
    let (small, large) =
        (Recorded::open(&fixture, "small", "it").await, Recorded::open(&fixture, "large", "one").await);
    let second = Recorded::open(&fixture, "large", "two").await;
    small.keep(1, 20).await;
    second.keep(1, 30).await;
    large.keep(1, 30).await;
    small.keep(2, 20).await;
    let kept = async || (small.kept().await, large.kept().await, second.kept().await);
    assert_eq!(kept().await, (vec![1, 2], vec![1], vec![1]), "exactly the limit");
    small.keep(3, 10).await;
    assert_eq!(kept().await, (vec![1, 2, 3], vec![1], vec![]), "the oldest one of the tenant with the most");
    small.keep(4, 25).await;
    assert_eq!(kept().await, (vec![2, 3, 4], vec![1], vec![]), "which is now the one that stores");
    let new = Recorded::open(&fixture, "new", "it").await;
    new.keep(1, 100).await;
    assert_eq!((kept().await, new.kept().await), ((vec![], vec![], vec![]), vec![1]));
}

pub(super) async fn many_small_recordings_make_room_for_a_large_one(locations: &dyn Locations) {
    let fixture = Fixture::new(locations, Rules::default()).await;
    let small = RecordingLimits::WORK_OF_A_STEP + 50;
    fixture.store.set_recording_limits(RecordingLimits { of_tenant: small as u64, of_all: small as u64 });
    let (one, two) = (Recorded::open(&fixture, "acme", "one").await, Recorded::open(&fixture, "acme", "two").await);
    for run in 1..=small as u64 {
        one.keep(run, 1).await;
    }
    two.keep(1, small - 1).await;
    assert_eq!((one.kept().await, two.kept().await), (vec![small as u64], vec![1]));
}

pub(super) async fn bytes_of_recordings_survive_a_restart_and_are_freed(locations: &dyn Locations) {
    let limits = RecordingLimits { of_tenant: 60, of_all: 100 };
    let fixture = Fixture::new(locations, Rules::default()).await;
    let (one, other) = (Recorded::open(&fixture, "acme", "one").await, Recorded::open(&fixture, "other", "it").await);
    one.keep(1, 30).await;
    other.keep(1, 40).await;
    drop((one, other));
    let fixture = fixture.die().await;
    fixture.store.set_recording_limits(limits);
    let two = Recorded::open(&fixture, "acme", "two").await;
    two.keep(1, 30).await;
    two.keep(2, 1).await;
    let (one, other) = (Recorded::open(&fixture, "acme", "one").await, Recorded::open(&fixture, "other", "it").await);
    let kept = async |one: &Recorded| (one.kept().await, two.kept().await, other.kept().await);
    assert_eq!(kept(&one).await, (vec![], vec![1, 2], vec![1]), "a task that is not open makes room, too");
    one.keep(2, 29).await;
    assert_eq!(kept(&one).await, (vec![2], vec![1, 2], vec![1]), "exactly both limits");
    // Deleting a job frees the bytes of its recordings.
    works(one.task.change(one.id, Change::Delete, &fixture.rules, fixture.now).await);
    let one = Recorded::open(&fixture, "acme", "one").await;
    one.keep(3, 29).await;
    assert_eq!(kept(&one).await, (vec![3], vec![1, 2], vec![1]));
    // So does removing a tenant.
    works(fixture.store.remove_tenant("acme").await);
    assert!(one.try_keep(4, 1).await.is_err_and(|error| matches!(error, StoreError::TaskRemoved)));
    assert!(works(one.task.recordings(None, 9).await).is_empty());
    let fourth = Recorded::open(&fixture, "fourth", "it").await;
    fourth.keep(1, 60).await;
    assert_eq!((fourth.kept().await, other.kept().await), (vec![1], vec![1]));
    fourth.keep(2, 1).await;
    assert_eq!((fourth.kept().await, other.kept().await), (vec![2], vec![1]), "the limit of the tenant");
}

pub(super) async fn pruning_counts_recordings_as_work(locations: &dyn Locations) {
    let retention = Retention { success_ms: 0, failure_ms: 0 };
    let fixture = Fixture::new(locations, Rules { retention, ..Rules::default() }).await;
    let large: Arc<[u8]> = vec![7_u8; 4 * Pruned::BYTES_LIKE_A_JOB as usize].into();
    for _ in 0..3 {
        fixture.add(NewJob::new("[]")).await;
        let job = fixture.claim().await;
        works(fixture.task.keep_recording(job.id, job.run, Arc::clone(&large)).await);
        fixture.finish(&job, success()).await;
    }
    for (jobs, more) in [(2, true), (1, false)] {
        let pruned = works(fixture.task.prune(10, &fixture.rules, fixture.now).await);
        assert_eq!(pruned, Pruned { jobs, undelivered: 0, more }, "a job with a large recording counts like five");
    }
}

pub(super) async fn recordings_are_listed_in_pages(locations: &dyn Locations) {
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    assert!(works(fixture.task.recordings(None, 9).await).is_empty());
    let ids = fixture.add_some(3).await;
    for (id, run, text) in [(ids[0], 1, "a"), (ids[1], 2, "bb"), (ids[0], 3, "ccc"), (ids[1], 2, "dddd")] {
        works(fixture.task.keep_recording(id, Run(run), bytes(text)).await);
    }
    fixture = fixture.die().await;
    let all = works(fixture.task.recordings(None, 9).await);
    let found: Vec<_> = all.iter().map(|one| (one.id, one.run, one.bytes)).collect();
    let expected = [(ids[1], Run(2), 4), (ids[0], Run(3), 3), (ids[0], Run(1), 1)];
    assert_eq!(found, expected, "the last stored first, and the one that was replaced is gone");
    assert!(all.windows(2).all(|pair| pair[0].number > pair[1].number), "{all:?}");
    assert_eq!(works(fixture.task.recordings(None, 2).await), all[..2]);
    assert_eq!(works(fixture.task.recordings(Some(all[1].number), 2).await), all[2..]);
    assert!(works(fixture.task.recordings(Some(all[2].number), 2).await).is_empty());
    works(fixture.task.change(ids[0], Change::Delete, &fixture.rules, fixture.now).await);
    assert_eq!(works(fixture.task.recordings(None, 9).await), all[..1]);
}

pub(super) async fn numbers_do_not_count_the_recordings_of_others(locations: &dyn Locations) {
    const OTHERS: u64 = 20;
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    let key = TaskKey::new("else", "bench");
    let other = works(fixture.store.open(&key, &fixture.rules, fixture.now, Arc::new(())).await);
    let of_other = works(other.add(vec![NewJob::new("[]")], &fixture.rules, fixture.now).await)[0].id;
    let mut numbers = Vec::new();
    for round in 0..2 {
        for run in 1..=OTHERS {
            works(other.keep_recording(of_other, Run(round * OTHERS + run), bytes("x")).await);
        }
        let id = fixture.add(NewJob::new("[]")).await;
        works(fixture.task.keep_recording(id, Run(1), bytes("x")).await);
        numbers.extend(works(fixture.task.recordings(None, 9).await).iter().map(|one| one.number));
        works(fixture.task.change(id, Change::Delete, &fixture.rules, fixture.now).await);
    }
    drop(other);
    fixture = fixture.die().await;
    let id = fixture.add(NewJob::new("[]")).await;
    works(fixture.task.keep_recording(id, Run(1), bytes("x")).await);
    numbers.extend(works(fixture.task.recordings(None, 9).await).iter().map(|one| one.number));
    assert_eq!(numbers.len(), 3);
    assert!(numbers[0] < numbers[1] && numbers[1] < numbers[2], "no number is assigned again: {numbers:?}");
    assert!(numbers[2] < OTHERS, "{numbers:?}");
}

pub(super) async fn numbers_continue_when_others_pushed_out_all(locations: &dyn Locations) {
    let limits = RecordingLimits { of_tenant: 10, of_all: 10 };
    let mut numbers = Vec::new();
    let mut fixture = Fixture::new(locations, Rules::default()).await;
    for run in 1..=3 {
        fixture.store.set_recording_limits(limits);
        let (one, two) = (Recorded::open(&fixture, "acme", "one").await, Recorded::open(&fixture, "acme", "two").await);
        one.keep(run, 10).await;
        numbers.extend(works(one.task.recordings(None, 9).await).iter().map(|one| one.number));
        two.keep(run, 10).await;
        assert_eq!((one.kept().await, two.kept().await), (vec![], vec![run]));
        drop((one, two));
        fixture = fixture.die().await;
    }
    assert_eq!(numbers.len(), 3);
    assert!(numbers[0] < numbers[1] && numbers[1] < numbers[2], "no number is assigned again: {numbers:?}");
}
