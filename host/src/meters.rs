//! What the whole host tells the recorder of the `metrics` facade: how full its sandboxes are.

use metrics::{Unit, describe_gauge, gauge};
use saggar_sandbox::Engine;

const MEMORY: &str = "saggar_sandbox_memory_bytes";
const CAPACITY: &str = "saggar_sandbox_capacity";
const USED_CAPACITY: &str = "saggar_sandbox_capacity_used";

/// Describes all metrics of a host to the recorder. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    saggar_queue::describe_metrics();
    saggar_worker::describe_metrics();
    describe_gauge!(MEMORY, Unit::Bytes, "Memories and tables of all instances");
    describe_gauge!(
        CAPACITY,
        "Sandboxes that may hold an instance at once; one of a plugin with several memories counts as several"
    );
    describe_gauge!(
        USED_CAPACITY,
        "Sandboxes that hold an instance; one of a plugin with several memories counts as several"
    );
}

/// Hands over what the engine holds now.
pub(crate) fn measure(engine: &Engine) {
    let usage = engine.pool_usage();
    gauge!(MEMORY).set(usage.bytes as f64);
    gauge!(CAPACITY).set(f64::from(engine.capacity()));
    gauge!(USED_CAPACITY).set(usage.used_capacity as f64);
}
