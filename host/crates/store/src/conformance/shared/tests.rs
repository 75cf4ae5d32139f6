//! The shared store under the conformance suite, and side by side with the memory store.

use super::Shared;
use crate::conformance::differential::{Plan, compare};

mod conformance {
    crate::conformance_tests!(crate::conformance::Shared);
}

#[tokio::test]
async fn plays_random_histories() {
    compare(&Shared, &Plan::histories(100)).await;
}

#[tokio::test]
async fn plays_random_histories_with_deaths() {
    compare(&Shared, &Plan::histories(100).with_deaths()).await;
}

fn many_histories() -> Plan {
    Plan { steps: 120, ..Plan::histories(4_000) }
}

#[tokio::test]
#[ignore = "takes minutes; run after store changes: cargo test --release -- --ignored many_random"]
async fn plays_many_random_histories() {
    compare(&Shared, &many_histories()).await;
}

#[tokio::test]
#[ignore = "takes minutes; run after store changes: cargo test --release -- --ignored many_random"]
async fn plays_many_random_histories_with_deaths() {
    compare(&Shared, &many_histories().with_deaths()).await;
}
