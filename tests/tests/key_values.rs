//! The key-value store of a host: kept over restarts, bounded exactly, and linearizable over crashes.

use saggar::grant::{Access, Grants, KvGrant};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::Start;
use serde_json::{Value, json};

mod key_values {
    mod bounds;
    mod histories;
    mod keeping;
}

/// Returns an app whose task `it` has 16 slots, and requests this of the key-value store.
fn app(kv: &Value) -> App {
    let task = json!({ "process": "plugins.it", "worker_nums": 16, "attempts": 0, "sandbox": { "kv": kv } });
    App::new().plugin("it", guests::KEY_VALUES).task("it", &task)
}

/// Returns the settings of a host with a SQLite file that grants so many bytes and keys.
fn granting(max_bytes: u64, max_keys: u64) -> Start {
    let kv = Some(KvGrant { access: Access::Write, max_bytes, max_keys });
    let store = "sqlite".parse().expect("a store");
    Start { store, grants: Grants { kv, ..Grants::of_single_app() }, ..Start::default() }
}
