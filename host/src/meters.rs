//! What the whole host tells the recorder of the `metrics` facade: how full its sandboxes are.

use metrics::{Unit, describe_gauge, gauge};
use saggar_sandbox::Engine;

const MEMORY: &str = "saggar_sandbox_memory_bytes";
const ROOM: &str = "saggar_sandbox_room";
const ROOM_TAKEN: &str = "saggar_sandbox_room_taken";

/// Describes all metrics of a host to the recorder. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    saggar_queue::describe_metrics();
    saggar_worker::describe_metrics();
    describe_gauge!(MEMORY, Unit::Bytes, "Memories and tables of all instances");
    describe_gauge!(
        ROOM,
        "Sandboxes that may hold an instance at once; one of a plugin with several memories counts as several"
    );
    describe_gauge!(
        ROOM_TAKEN,
        "Sandboxes that hold an instance; one of a plugin with several memories counts as several"
    );
}

/// Hands over what the engine holds now.
pub(crate) fn measure(engine: &Engine) {
    let usage = engine.pool_usage();
    gauge!(MEMORY).set(usage.bytes as f64);
    gauge!(ROOM).set(f64::from(engine.room()));
    gauge!(ROOM_TAKEN).set(usage.room as f64);
}
