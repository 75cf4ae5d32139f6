//! The memory store under the conformance suite. Because it is the reference of the random histories, it is compared
//! with itself here, which shows that the histories can be run; `tests/queue/history.rs` compares it with a model of
//! its own.

use crate::conformance::InMemory;
use crate::conformance::differential::{Plan, compare};

mod conformance {
    crate::conformance_tests!(crate::conformance::InMemory);
}

#[tokio::test]
async fn plays_random_histories() {
    compare(&InMemory, &Plan::histories(300)).await;
}

#[tokio::test]
async fn plays_random_histories_with_deaths() {
    compare(&InMemory, &Plan::histories(300).with_deaths()).await;
}
