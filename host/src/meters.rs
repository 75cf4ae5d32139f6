//! Metrics of the whole host: the usage of its sandboxes.

use metrics::{Unit, describe_gauge, gauge};
use saggar_sandbox::Engine;

const MEMORY: &str = "saggar_sandbox_memory_bytes";
const CAPACITY: &str = "saggar_sandbox_capacity";
const USED_CAPACITY: &str = "saggar_sandbox_capacity_used";

/// Describes all metrics of a host to the recorder. Call it once, after installing the recorder.
pub fn describe_metrics() {
    saggar_queue::describe_metrics();
    saggar_store_sqlite::describe_metrics();
    saggar_worker::describe_metrics();
    describe_gauge!(MEMORY, Unit::Bytes, "Bytes of the memories and tables of all instances");
    describe_gauge!(CAPACITY, "Sandboxes that the host has; an instance with several memories uses several");
    describe_gauge!(USED_CAPACITY, "Sandboxes in use; an instance with several memories uses several");
}

/// Sets the gauges to the engine's current usage.
pub(crate) fn measure(engine: &Engine) {
    let usage = engine.pool_usage();
    gauge!(MEMORY).set(usage.bytes as f64);
    gauge!(CAPACITY).set(f64::from(engine.capacity()));
    gauge!(USED_CAPACITY).set(usage.used_capacity as f64);
}
