//! Tenants share the writer and the readers: who floods them delays the others by two batches at most, and gets no more
//! than its weight while others wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use futures_util::future::join_all;
use futures_util::poll;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::undone::{Asked, Gate};
use super::*;
use crate::inbox::PLACES;
use crate::places;

fn flow(name: &str, weight: u32) -> Flow {
    let tenant = Tenant::new(name);
    tenant.set_weight(weight);
    Flow::new(tenant, "it")
}

/// Polls each future once.
async fn begin<T>(all: &mut [Asked<'_, T>]) {
    for one in all {
        assert!(poll!(one).is_pending());
    }
}

/// Steps that note the order in which the writer does them.
async fn order_of(store: &SqliteStore, flows: &[(Flow, usize)]) -> Vec<usize> {
    let (order, begun) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
    let gate = Gate::close(store.inner.writer().unwrap()).await;
    let mut asked = JoinSet::new();
    for (at, (flow, steps)) in flows.iter().enumerate() {
        for _ in 0..*steps {
            let (inner, flow) = (Arc::clone(&store.inner), flow.clone());
            let (order, begun) = (Arc::clone(&order), Arc::clone(&begun));
            // Each in a task of its own, which tokio lets make progress in the order in which places are granted.
            asked.spawn(async move {
                let step = inner.writer().unwrap().ask_for(&flow, places::ONE, move |_| {
                    order.lock().push(at);
                    Ok(Ok::<_, StoreError>(()))
                });
                begun.fetch_add(1, Ordering::Relaxed);
                step.await
            });
        }
    }
    while begun.load(Ordering::Relaxed) < asked.len() {
        tokio::task::yield_now().await;
    }
    gate.open().await;
    while let Some(answer) = asked.join_next().await {
        answer.unwrap().unwrap();
    }
    let order = order.lock();
    order.clone()
}

#[tokio::test]
async fn a_flood_of_steps_delays_another_tenants_step_by_two_batches_at_most() {
    let files = Directory::fresh();
    let store = files.store();
    let order = order_of(&store, &[(flow("flood", 100), 4 * PLACES), (flow("quiet", 100), 3)]).await;
    assert_eq!(order.len(), 4 * PLACES + 3);
    let last = order.iter().rposition(|at| *at == 1).unwrap();
    assert!(last <= PLACES + 6, "a step waited for {last} others");
}

#[tokio::test]
async fn tenants_that_always_add_share_the_writer_by_their_weights() {
    let files = Directory::fresh();
    let store = files.store();
    // The flood has all places when the others come.
    let flows = [(flow("flood", 100), 4 * PLACES), (flow("a", 100), 2 * PLACES), (flow("b", 200), 2 * PLACES)];
    let order = order_of(&store, &flows).await;
    let shared = &order[PLACES..3 * PLACES];
    let counts = [0, 1, 2].map(|at| shared.iter().filter(|of| **of == at).count() as f64);
    for (count, part) in counts.iter().zip([0.25, 0.25, 0.5]) {
        let fair = shared.len() as f64 * part;
        assert!((count / fair - 1.0).abs() < 0.05, "{counts:?}");
    }
}

#[tokio::test]
async fn large_additions_take_more_of_the_writer_than_small_ones() {
    assert_eq!(places::of_new(&[NewJob::new("[]")]), 1);
    assert_eq!(places::of_new(&vec![NewJob::new("[]"); 160]), 13);
    let large = NewJob::new(format!("[\"{}\"]", "x".repeat(1 << 20)));
    assert_eq!(places::of_new(&[large]), 65);
    let response = End::Outcome(Outcome::Success("x".repeat(1 << 20).into()));
    assert_eq!((places::of_end(&response), places::of_end(&End::Requeue)), (65, 1));
    assert_eq!(places::of_many(1_000), 63);
}

#[tokio::test]
async fn the_weight_of_a_tenant_that_comes_back_counts_for_its_open_tasks() {
    let (files, rules, now) = (Directory::fresh(), Arc::new(Rules::default()), Timestamp(1));
    let (store, key) = (files.store(), TaskKey::new("default", "it"));
    store.open(&key, &rules, now, Arc::new(())).await.unwrap();
    let shared = store.inner.registry.find("default", Some("it")).remove(0);
    let weight = || shared.flow().tenant().weight();
    assert_eq!(weight(), Tenant::DEFAULT_WEIGHT, "the tenant is not known yet");
    for known in [7, 300] {
        let tenant = Tenant::new("default");
        tenant.set_weight(known);
        store.know_tenant(&tenant);
        assert_eq!(weight(), known);
        tenant.set_weight(known + 1);
        assert_eq!(weight(), known + 1, "it is the tenant, and no copy");
    }
    store.open(&key, &rules, now, Arc::new(())).await.unwrap();
    assert_eq!(weight(), 301);
}

#[tokio::test]
async fn deleting_a_large_job_takes_places_by_its_bytes() {
    let (files, rules, now) = (Directory::fresh(), Arc::new(Rules::default()), Timestamp(1));
    let store = files.store();
    let task = store.open(&TaskKey::new("default", "it"), &rules, now, Arc::new(())).await.unwrap();
    let args = format!("[\"{}\"]", "x".repeat(1 << 20));
    let id = task.add(vec![NewJob::new(args)], &rules, now).await.unwrap()[0].id;
    let shared = store.inner.registry.find("default", Some("it")).remove(0);
    let bytes = |id: JobId| crate::reader::bytes(&files.connect(), &shared, id).unwrap();
    assert_eq!((bytes(id).map(places::of_large), bytes(JobId(99))), (Some(65), None));
    task.change(id, Change::Delete, &rules, now).await.unwrap();
    assert_eq!(bytes(id), None);
}

#[tokio::test]
async fn long_texts_of_a_removed_tenant_are_freed_a_few_at_a_time() {
    let (mut files, rules, now) = (Directory::fresh(), Arc::new(Rules::default()), Timestamp(1));
    let store = files.store();
    let task = store.open(&TaskKey::new("default", "it"), &rules, now, Arc::new(())).await.unwrap();
    let args = format!("[\"{}\"]", "x".repeat(64 << 10));
    task.add(vec![NewJob::new(args); 8], &rules, now).await.unwrap();
    store.remove_tenant("default").await.unwrap();
    let texts = || files.connect().query_row("SELECT count(*) FROM long_args", [], |row| row.get::<_, i64>(0)).unwrap();
    // Each text is as much work as 17 rows.
    assert!(store.free_removed(32).await.unwrap());
    assert_eq!(texts(), 6);
    while store.free_removed(32).await.unwrap() {}
    assert_eq!(files.left_over().await, Vec::<String>::new());
}

#[tokio::test]
async fn recordings_of_a_removed_job_are_freed_a_few_at_a_time() {
    let (mut files, rules, now) = (Directory::fresh(), Arc::new(Rules::default()), Timestamp(1));
    let store = files.store();
    let task = store.open(&TaskKey::new("default", "it"), &rules, now, Arc::new(())).await.unwrap();
    let id = task.add(vec![NewJob::new("[]")], &rules, now).await.unwrap()[0].id;
    for run in 1..=8 {
        task.keep_recording(id, Run(run), vec![7_u8; 64 << 10].into()).await.unwrap();
    }
    store.remove_tenant("default").await.unwrap();
    let left = || files.connect().query_row("SELECT count(*) FROM recordings", [], |row| row.get::<_, i64>(0)).unwrap();
    // Each recording is as much work as 17 rows.
    assert!(store.free_removed(32).await.unwrap());
    assert_eq!(left(), 6);
    while store.free_removed(32).await.unwrap() {}
    assert_eq!(files.left_over().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_flood_of_lookups_delays_another_tenants_lookup_by_a_few() {
    const FLOOD: usize = 1_000;
    let files = Directory::fresh();
    let store = files.store();
    let readers = store.inner.readers().unwrap();
    let (flood, quiet) = (flow("flood", 100), flow("quiet", 100));
    let order = Arc::new(Mutex::new(Vec::new()));
    // The lookups of all threads wait until the gate is opened.
    let (open, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let mut asked: Vec<Asked<'_, Result<(), SqliteError>>> = Vec::new();
    for (flow, lookups) in [(&flood, FLOOD), (&quiet, 1)] {
        for _ in 0..lookups {
            let (order, gate, name) = (Arc::clone(&order), Arc::clone(&gate), Arc::clone(flow.tenant().name()));
            asked.push(Box::pin(readers.query(flow, move |_| {
                // An error means that the gate is open.
                gate.lock().recv().ok();
                order.lock().push(name);
                Ok(())
            })));
        }
    }
    begin(&mut asked).await;
    drop(open);
    for answer in join_all(asked).await {
        answer.unwrap();
    }
    let order = order.lock();
    let at = order.iter().position(|name| &**name == "quiet").unwrap();
    assert!(order.len() == FLOOD + 1 && at < 20, "a lookup waited for {at} others");
}
