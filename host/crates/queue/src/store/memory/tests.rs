//! The memory store under the suite of all stores.

use std::sync::Arc;

use super::MemoryStore;
use crate::conformance;

#[tokio::test]
async fn keeps_the_contract_of_a_store() {
    conformance::hold_to_contract(&|| Arc::new(MemoryStore::new())).await;
}
