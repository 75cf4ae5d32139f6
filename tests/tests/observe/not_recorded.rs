//! The metric of attempts that were to be recorded and have no record.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::json;

use super::metrics::{Metrics, add, ended};

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_are_not_recorded_are_counted() {
    let all = json!({ "process": "plugins.empty", "sandbox": { "record": "all" } });
    let app = App::new().plugin("empty", guests::EMPTY).task("empty", &all);
    let server = Server::start(&app, &["--store", "memory"]);
    // The arguments alone have as much as a record may have.
    for args in [json!(["x".repeat((4 << 20) - 4)]), json!(["x"])] {
        let id = add(&server, "empty", args).await;
        ended(&server, "empty", id).await;
    }
    let metrics = Metrics::of(&server).await;
    for (reason, attempts) in [("too-large", 1.0), ("too-many", 0.0), ("not-stored", 0.0)] {
        let labels = [("task", "empty"), ("reason", reason)];
        assert_eq!(metrics.value("saggar_records_dropped_total", &labels), attempts, "{reason}");
    }
    server.stop();
}
