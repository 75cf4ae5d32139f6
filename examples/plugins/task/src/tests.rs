//! The sample on a fake host.

use saggar_guest::Problem;
use saggar_guest::json;
use saggar_guest::testing::FakeHost;

use crate::task::Plugin;

#[test]
fn a_job_is_processed_and_its_handlers_are_called() {
    let host = FakeHost::new().handler("Send").id(7);
    assert_eq!(host.process::<Plugin>(("entering task 1",)).unwrap(), json!({ "message": "ok" }));
    assert_eq!(host.progress()[0].message, "Progress 1/100");

    host.clone().handler("OnSuccess").on_success::<Plugin>(json!({ "message": "ok" })).unwrap();
    host.clone().handler("OnError").on_error::<Plugin>(Problem::new("timeout", "stopped after 2 s")).unwrap();
    let lines: Vec<_> = host.log_lines().into_iter().map(|line| line.message).collect();
    let expected =
        [r#""entering task 1""#, r#"OnSuccess: #7 {"message":"ok"}"#, "OnError: #7 timeout: stopped after 2 s"];
    assert_eq!(lines, expected);
}

#[test]
fn the_loop_counts_refused_jobs() {
    let host = FakeHost::new().handler("Loop").queue_size(60);
    assert_eq!(host.process::<Plugin>(()).unwrap(), json!({ "added": 60, "refused": 39 }));
    assert_eq!(host.added()[0].args, json!(["entering task 1"]));
}

#[test]
fn ids_come_from_the_tasks_counter() {
    assert_eq!(FakeHost::new().handler("NextID").next::<Plugin>().unwrap(), None);
}
