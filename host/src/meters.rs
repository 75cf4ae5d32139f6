//! Metrics of the whole host: the usage of its sandboxes, and reloads.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use saggar_sandbox::Engine;

const MEMORY: &str = "saggar_sandbox_memory_bytes";
const CAPACITY: &str = "saggar_sandbox_capacity";
const USED_CAPACITY: &str = "saggar_sandbox_capacity_used";
const RELOADS: &str = "saggar_reloads_total";
const STALE: &str = "saggar_app_stale";

/// Describes all metrics of a host to the recorder. Call it once, after installing the recorder.
pub fn describe_metrics() {
    saggar_queue::describe_metrics();
    saggar_store_sqlite::describe_metrics();
    saggar_worker::describe_metrics();
    describe_gauge!(MEMORY, Unit::Bytes, "Bytes of the memories and tables of all instances");
    describe_counter!(RELOADS, "Reloads of the app, by result");
    describe_gauge!(STALE, "1 if the last reload failed, so that the host runs an app that differs from its files");
    describe_gauge!(CAPACITY, "Sandboxes that the host has; an instance with several memories uses several");
    describe_gauge!(USED_CAPACITY, "Sandboxes in use; an instance with several memories uses several");
}

/// Counts a reload.
pub(crate) fn reloaded(has_succeeded: bool) {
    counter!(RELOADS, "result" => if has_succeeded { "succeeded" } else { "failed" }).increment(1);
}

/// Sets the gauges to the engine's current usage, and to whether the last reload failed.
pub(crate) fn measure(engine: &Engine, is_stale: bool) {
    gauge!(STALE).set(f64::from(u8::from(is_stale)));
    // So that both series exist before the first reload.
    ["succeeded", "failed"].into_iter().for_each(|result| counter!(RELOADS, "result" => result).increment(0));
    let usage = engine.pool_usage();
    gauge!(MEMORY).set(usage.bytes as f64);
    gauge!(CAPACITY).set(f64::from(engine.capacity()));
    gauge!(USED_CAPACITY).set(usage.used_capacity as f64);
}
