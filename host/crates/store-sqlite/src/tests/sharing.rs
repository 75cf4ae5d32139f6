//! Tenants share the writer and the readers: who floods them delays the others by two batches at most, and gets no more
//! than its weight while others wait.

use std::sync::mpsc;

use futures_util::future::join_all;
use futures_util::poll;
use parking_lot::Mutex;

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
    let writer = store.inner.writer().unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let gate = Gate::close(writer).await;
    let mut asked: Vec<Asked<'_, Result<(), StoreError>>> = Vec::new();
    for (at, (flow, steps)) in flows.iter().enumerate() {
        for _ in 0..*steps {
            let order = Arc::clone(&order);
            asked.push(Box::pin(writer.ask_for(flow, places::ONE, move |_| {
                order.lock().push(at);
                Ok(Ok(()))
            })));
        }
    }
    begin(&mut asked).await;
    gate.open().await;
    for answer in join_all(asked).await {
        answer.unwrap();
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
    assert_eq!(places::of_new(&vec![NewJob::new("[]"); 160]), 12);
    let large = NewJob::new(format!("[\"{}\"]", "x".repeat(1 << 20)));
    assert_eq!(places::of_new(&[large]), 65);
    let response = End::Outcome(Outcome::Success("x".repeat(1 << 20).into()));
    assert_eq!((places::of_end(&response), places::of_end(&End::Requeue)), (65, 1));
    assert_eq!(places::of_many(1_000), 63);
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
                drop(gate.lock().recv());
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
