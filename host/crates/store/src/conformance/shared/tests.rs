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
