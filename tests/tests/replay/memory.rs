//! Hashes of memories: in the records of hosts that make them, and in replays.

use saggar_record::Record;
use saggar_tests::guests;
use saggar_tests::host::{Start, TestHost};
use serde_json::json;

use super::rerun::is_same_again;
use super::same::app;

#[tokio::test(flavor = "multi_thread")]
async fn records_have_a_hash_of_the_memories_if_the_host_makes_one() {
    for hashes_memories in [true, false] {
        let start = Start { hashes_memories, ..Start::default() };
        let host = TestHost::start_as(app(guests::FAILING, &json!({})), start).await;
        let mut hashes = Vec::new();
        // Two responses, a failure, and a trap.
        for args in [json!(["retry", 0, 7]), json!(["retry", 0, 8]), json!(["reject", 9, 7]), json!(["trap", 9, 7])] {
            let id = host.add("random", args).await;
            host.end("random", id).await;
            let record = host.inner().record("random", id, None).await.expect("a lookup").expect("a record");
            let record = Record::read(&record).expect("a valid record");
            assert!(record.calls.len() == 1 || !hashes_memories, "each attempt has an instance of its own");
            hashes.extend(record.end.memory_hash);
            assert!(is_same_again(&host, "random", id).await);
        }
        if hashes_memories {
            assert_eq!(hashes.len(), 4, "{hashes:?}");
            assert_ne!(hashes[0], hashes[1], "the memory has the arguments");
        } else {
            assert!(hashes.is_empty(), "{hashes:?}");
        }
        host.shutdown().await;
    }
}
