//! The life of a job, from its adding to its removal, on a host in this process. The tests of `durable` do the same
//! across restarts.

use saggar_tests::app::App;
use saggar_tests::guests;

mod jobs {
    mod access;
    mod add_access;
    mod adding;
    mod attempts;
    mod cancelling;
    mod failing_handlers;
    mod handlers;
    mod ids;
    mod lookups;
    mod order;
    mod progress;
    mod shutdown;
    mod startup;
}

/// Returns an app with a task for each of the most used guests.
fn app() -> App {
    App::new()
        .simple_task("echo", guests::ECHO)
        .simple_task("failing", guests::FAILING)
        .simple_task("gated", guests::GATED)
        .simple_task("keys", guests::ECHO)
}
