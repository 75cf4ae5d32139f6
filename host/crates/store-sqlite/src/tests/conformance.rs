//! The SQLite store under the conformance suite of all stores, and side by side with the memory store.

use saggar_store::conformance::differential::{Plan, compare};

use super::{Durability, Files};

saggar_store::conformance_tests!(Files(Durability::Full));

#[tokio::test]
async fn plays_random_histories() {
    compare(&Files(Durability::Normal), &Plan::histories(100)).await;
}

#[tokio::test]
async fn plays_random_histories_with_deaths() {
    compare(&Files(Durability::Normal), &Plan::histories(60).with_deaths()).await;
}

fn many_histories() -> Plan {
    Plan { steps: 120, ..Plan::histories(4_000) }
}

#[tokio::test]
#[ignore = "takes minutes; run after store changes: TMPDIR=/dev/shm cargo test --release -- --ignored many_random"]
async fn plays_many_random_histories() {
    compare(&Files(Durability::Normal), &many_histories()).await;
}

#[tokio::test]
#[ignore = "takes minutes; run after store changes: TMPDIR=/dev/shm cargo test --release -- --ignored many_random"]
async fn plays_many_random_histories_with_deaths() {
    compare(&Files(Durability::Full), &many_histories().with_deaths()).await;
}
