//! Files of older versions, created by the migration steps up to that version.

use std::sync::Arc;

use saggar_job::{Ending, FailureKind, JobId, Status, TaskKey, Timestamp};

use super::*;
use crate::disk::Database;
use crate::{SqliteOptions, connect};
use saggar_store::{NewJob, Rules, Store};

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

#[tokio::test]
async fn a_file_of_version_1_is_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("saggar.db");
    let old = connect::for_writing(&Database::on_files(&path), true).unwrap();
    migrate_to(&old, &path, 1).unwrap();
    old.execute_batch(OF_VERSION_1).unwrap();
    drop(old);
    let store = crate::tests::open(&SqliteOptions::new(&path));
    let (rules, now) = (Arc::new(Rules::default()), Timestamp(1_000));
    let task = store.open(&TaskKey::new("default", "bench"), &rules, now, Arc::new(())).await.unwrap();
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
