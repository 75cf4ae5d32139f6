//! Files of older versions, created by the migration steps up to that version.

use std::sync::Arc;

use saggar_job::{Ending, FailureKind, JobId, State, Status, TaskKey, Timestamp};

use super::*;
use crate::disk::Database;
use crate::{SqliteOptions, SqliteStore, connect};
use saggar_store::{Lane, NewJob, Rules, Store, TaskStore};

/// A file as version 1 left it: one job that waits, one that was requeued and runs again, one that has ended.
const OF_VERSION_1: &str = "
    INSERT INTO tasks (task, tenant, name, last_id, last_number, line_from, waiting, success, added)
        VALUES (1, 'default', 'bench', 3, 3, 2, 1, 1, 3);
    INSERT INTO jobs (job, id, standing, flags, priority, attempt, run, place, added_at, run_at, args)
        VALUES ((1 << 43) | 2, 2, 0, 0, 0, 0, 1, 2, 5, 5, '[2]'), ((1 << 43) | 3, 3, 0, 0, 0, 0, 0, 3, 5, 5, '[3]');
    INSERT INTO jobs (job, id, standing, flags, priority, attempt, run, place, added_at, started_at, ended_at, args, response)
        VALUES ((1 << 43) | 1, 1, 4, 0, 0, 1, 1, 1, 5, 6, 7, '[1]', '7');
    INSERT INTO attempts (job, run, number, started_at, ended_at, ending) VALUES ((1 << 43) | 2, 1, 1, 5, 5, 'put-back');
    INSERT INTO ids VALUES (1, 1, 1), (1, 2, 2), (1, 3, 3);
    INSERT INTO standings VALUES (1, 2, 1);
    INSERT INTO claims VALUES (1, x'020000000008000002000000000000000800000000000000');";

/// In addition, what is in tables and columns that later versions renamed: a job on hold with its add callback, one that
/// has ended with its end callback (postponed to 7), a delayed one (due at 500), and one of a higher priority.
const MORE_OF_VERSION_1: &str = "
    UPDATE tasks SET last_id = 7, last_number = 7, last_notice = 2, waiting = 4, delayed = 1, held = 1, success = 2,
        notices = 2, added = 7;
    INSERT INTO jobs (job, id, standing, flags, priority, attempt, run, place, added_at, run_at, args) VALUES
        ((1 << 43) | 4, 4, 3, 1, 0, 0, 0, 0, 5, 5, '[4]'), ((1 << 43) | 6, 6, 2, 0, 0, 0, 0, 6, 5, 500, '[6]'),
        ((1 << 43) | 7, 7, 1, 0, 3, 0, 0, 7, 5, 5, '[7]');
    INSERT INTO jobs (job, id, standing, flags, priority, attempt, run, place, added_at, started_at, ended_at, args, response)
        VALUES ((1 << 43) | 5, 5, 4, 2, 0, 1, 1, 5, 5, 6, 7, '[5]', '7');
    INSERT INTO ids VALUES (1, 4, 4), (1, 5, 5), (1, 6, 6), (1, 7, 7);
    INSERT INTO standings VALUES (1, 0, 4), (1, 2, 5), (1, 0, 6), (1, 0, 7);
    INSERT INTO delayed VALUES (1, 500, 6, 6);
    INSERT INTO line VALUES (1, -3, 7, 7, 5);
    INSERT INTO notices VALUES (1, 1, 4, 0, 0, NULL), (1, 2, 5, 1, 1, 7);";

/// In addition, the component that ran the job that has ended, and the attempt that was requeued.
const COMPONENTS_OF_VERSION_1: &str = "
    INSERT INTO components VALUES (7, 'c7');
    UPDATE jobs SET component = 7, cpu_ns = 8, peak_memory = 9 WHERE id = 1;
    UPDATE attempts SET component = 7, cpu_ns = 8, peak_memory = 9, fresh = 1;";

/// The time at which the files are opened.
const NOW: Timestamp = Timestamp(1_000);

/// Creates a file with what version 1 left in it, and opens it.
async fn migrated(path: &Path, left: &[&str]) -> (SqliteStore, Arc<dyn TaskStore>) {
    let old = connect::for_writing(&Database::on_files(path), true).unwrap();
    migrate_to(&old, path, 1).unwrap();
    left.iter().for_each(|rows| old.execute_batch(rows).unwrap());
    drop(old);
    let store = crate::tests::open(&SqliteOptions::new(path));
    let key = TaskKey::new("default", "bench");
    let task = store.open(&key, &Arc::new(Rules::default()), NOW, Arc::new(())).await.unwrap();
    (store, task)
}

#[tokio::test]
async fn queues_and_callbacks_of_version_1_are_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let (_store, task) = migrated(&directory.path().join("saggar.db"), &[OF_VERSION_1, MORE_OF_VERSION_1]).await;
    let counts = task.counts();
    assert_eq!((counts.waiting, counts.on_hold, counts.success), (5, 1, 2));
    assert_eq!((counts.callbacks, counts.added), (2, 7));
    let mut claimed = Vec::new();
    for lane in Lane::ALL {
        let answer = task.claim_callbacks(lane, 9, NOW).await.unwrap();
        claimed.extend(answer.callbacks.into_iter().map(|callback| (lane, callback.id.0, callback.tries)));
    }
    assert_eq!(claimed, [(Lane::Adds, 4, 0), (Lane::Ends, 5, 1)]);
    let mut order = Vec::new();
    for _ in 0..4 {
        order.extend(task.claim(1, NOW).await.unwrap().jobs.into_iter().map(|job| job.id.0));
    }
    assert_eq!(order, [7, 2, 3, 6], "by priority and position; the delayed job is due");
    let on_hold = task.get(JobId(4)).await.unwrap().unwrap();
    assert!(matches!(on_hold.life.state, State::Waiting { on_hold: true, .. }), "{on_hold:?}");
}

#[tokio::test]
async fn attempts_of_version_1_keep_their_components_and_have_no_deployment() {
    let directory = tempfile::tempdir().unwrap();
    let left = [OF_VERSION_1, COMPONENTS_OF_VERSION_1];
    let (_store, task) = migrated(&directory.path().join("saggar.db"), &left).await;
    for id in [1, 2] {
        let attempts = task.history(JobId(id)).await.unwrap().unwrap().attempts;
        let cost = attempts[0].cost.as_ref().unwrap();
        assert_eq!((&*cost.digest, cost.deployment, cost.peak_memory), ("c7", None, 9));
    }
}

#[tokio::test]
async fn a_file_of_version_1_is_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("saggar.db");
    let (rules, now) = (Arc::new(Rules::default()), NOW);
    let (store, task) = migrated(&path, &[OF_VERSION_1]).await;
    let job = |id| {
        let task = Arc::clone(&task);
        async move { task.get(JobId(id)).await.unwrap().unwrap() }
    };
    assert_eq!((job(1).await.status(), job(1).await.response()), (Status::Success, Some("7")));
    assert_eq!((job(2).await.status(), job(2).await.life.attempt), (Status::Waiting, 1), "its attempt was lost");
    assert_eq!((job(3).await.status(), &*job(3).await.args), (Status::Waiting, "[3]"));
    let attempts = task.history(JobId(2)).await.unwrap().unwrap().attempts;
    let endings: Vec<_> = attempts.iter().map(|attempt| attempt.ending).collect();
    assert_eq!(
        endings,
        [Ending::Requeued, Ending::Failed(FailureKind::Lost)],
        "it was requeued, ran again and was lost"
    );
    let added = task.add(vec![NewJob::new("[]").with_key("k")], &rules, now).await.unwrap();
    assert_eq!(added[0].id, JobId(4));
    drop((task, store));
    let db = connect::for_reading(&Database::on_files(&path)).unwrap();
    assert_eq!(version_of(&db, &path).unwrap(), STEPS.len() as i64);
}

#[test]
fn each_step_leaves_a_file_of_its_version() {
    let directory = tempfile::tempdir().unwrap();
    for version in 0..=STEPS.len() {
        let path = directory.path().join(format!("{version}.db"));
        let db = connect::for_writing(&Database::on_files(&path), true).unwrap();
        migrate_to(&db, &path, version).unwrap();
        assert_eq!(version_of(&db, &path).unwrap(), version as i64);
        migrate(&db, &path).unwrap();
        assert_eq!(version_of(&db, &path).unwrap(), STEPS.len() as i64);
    }
}
