//! The memory store under the conformance suite. Because it is the reference of the random histories, it is compared
//! with itself here, which shows that the histories can be run; `tests/queue/history.rs` compares it with a model of
//! its own.

use crate::conformance::{self, InMemory, Shared, differential};

#[tokio::test]
async fn keeps_the_contract_of_a_store() {
    conformance::hold_to_contract(&InMemory).await;
}

#[tokio::test]
async fn plays_random_histories() {
    let plan = differential::Plan::histories(300);
    differential::compare(&InMemory, &plan).await;
    differential::compare(&InMemory, &plan.with_deaths()).await;
}

#[tokio::test]
async fn a_shared_store_keeps_the_contract_of_a_store() {
    conformance::hold_to_contract(&Shared).await;
}

#[tokio::test]
async fn a_shared_store_plays_random_histories() {
    let plan = differential::Plan::histories(100);
    differential::compare(&Shared, &plan).await;
    differential::compare(&Shared, &plan.with_deaths()).await;
}
