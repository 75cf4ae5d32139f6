//! Recordings: kept with their jobs, within the limits of a task.

use std::sync::Arc;

use saggar_job::{JobId, Run, TaskKey};

use super::{Fixture, Locations, some, success, works};
use crate::{Change, NewJob, Pruned, Recording, RecordingCounts, Retention, Rules};

fn bytes(text: &str) -> Arc<[u8]> {
    text.as_bytes().into()
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
