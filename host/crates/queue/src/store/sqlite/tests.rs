//! The SQLite store under the suite of all stores, and side by side with the memory store.

use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;

use super::{Durability, SqliteOptions, SqliteStore};
use crate::Store;
use crate::conformance::{self, Place, Places, differential};

/// Directories of their own, which go with the place.
struct Files(Durability);

struct Directory {
    directory: TempDir,
    durability: Durability,
}

#[async_trait]
impl Places for Files {
    async fn fresh(&self) -> Box<dyn Place> {
        Box::new(Directory { directory: tempfile::tempdir().unwrap(), durability: self.0 })
    }
}

#[async_trait]
impl Place for Directory {
    async fn open(&mut self) -> Arc<dyn Store> {
        let options = SqliteOptions::new(self.directory.path().join("saggar.db")).with_durability(self.durability);
        Arc::new(SqliteStore::open(&options).unwrap())
    }
}

#[tokio::test]
async fn keeps_the_contract_of_a_store() {
    conformance::hold_to_contract(&Files(Durability::Full)).await;
}

#[tokio::test]
async fn plays_random_histories() {
    differential::compare(&Files(Durability::Normal), &differential::Plan::histories(100)).await;
}

#[tokio::test]
async fn plays_random_histories_with_deaths() {
    differential::compare(&Files(Durability::Normal), &differential::Plan::histories(60).with_deaths()).await;
}

#[tokio::test]
#[ignore = "takes minutes; for changes of the store: TMPDIR=/dev/shm cargo test --release -- --ignored many_random"]
async fn plays_many_random_histories() {
    let plan = differential::Plan { steps: 120, ..differential::Plan::histories(4_000) };
    differential::compare(&Files(Durability::Normal), &plan).await;
    differential::compare(&Files(Durability::Full), &plan.with_deaths()).await;
}
