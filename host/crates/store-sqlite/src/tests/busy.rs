//! Another program that keeps the file locked, such as an operator's shell with an open transaction.

use std::time::Duration;

use futures_util::poll;

use super::*;
use saggar_store::{AddError, StoreHealth};

const NOW: Timestamp = Timestamp(1);

/// Shortens the writer's wait for a lock.
async fn shorten_lock_wait(store: &SqliteStore) {
    let step = |writer_state: &mut super::super::writer_state::WriterState<'_>| {
        writer_state.db.busy_timeout(Duration::from_millis(20)).map(Ok::<_, StoreError>)
    };
    store.inner.writer().unwrap().ask(step).await.unwrap();
}

#[tokio::test]
async fn a_lock_held_by_another_program_does_not_fail_the_store() {
    let files = Directory::fresh();
    let (store, rules) = (files.store(), Arc::new(Rules::default()));
    let task = store.open(&TaskKey::new("default", "bench"), &rules, NOW, Arc::new(())).await.unwrap();
    let id = task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap()[0].id;
    let run = task.claim(1, NOW).await.unwrap().jobs[0].run;
    shorten_lock_wait(&store).await;
    let other = files.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap_err();
    assert!(matches!(&refused, AddError::Store(error @ StoreError::Busy(_)) if error.is_passing()), "{refused:?}");
    assert_eq!(refused.code(), "store-busy");
    assert!(refused.to_string().contains("another program"), "{refused}");
    assert_eq!(store.health(), StoreHealth::Busy);
    // An end cannot be refused: it waits.
    let mut ending = Box::pin(finish(&*task, id, run, "7"));
    assert!(poll!(&mut ending).is_pending());
    let refused = task.claim(1, NOW).await;
    assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    assert!(poll!(&mut ending).is_pending(), "it was refused as well, and retries");
    assert_eq!(task.get(id).await.unwrap().unwrap().status(), Status::Running, "reads still succeed");
    other.execute_batch("ROLLBACK").unwrap();
    ending.await;
    assert_eq!(task.get(id).await.unwrap().unwrap().status(), Status::Success);
    let next = task.add(vec![NewJob::new("[]")], &rules, NOW).await.unwrap()[0].id;
    assert_eq!(next.0, id.0 + 1, "a refused job takes no id");
    assert_eq!(store.health(), StoreHealth::Ready);
}
