//! What a plugin asks of its host, and what the fake one answers.

use std::time::Duration;

use saggar_guest::log::Level;
use saggar_guest::prelude::*;
use saggar_guest::tasks::{JobView, Status};
use saggar_guest::testing::FakeHost;

#[test]
fn a_job_tells_what_the_test_said() {
    let host = FakeHost::new().id(8).task("mail.send").attempt(2).max_attempts(4);
    let host = host.remaining(Duration::from_millis(250)).trace_parent("00-a-b-01");
    host.call(|job| {
        assert_eq!((job.id(), job.task(), job.attempt(), job.max_attempts()), (8, "mail.send".into(), 2, 4));
        assert_eq!(job.remaining(), Some(Duration::from_millis(250)));
        assert_eq!(job.trace_parent().as_deref(), Some("00-a-b-01"));
    });
}

#[test]
fn a_job_is_cancelled_after_some_reports() {
    let host = FakeHost::new().cancelled_after(1);
    host.call(|job| {
        assert!(!job.is_cancelled());
        job.progress(1, 2, "half");
        assert!(job.is_cancelled());
    });
    assert_eq!(host.progress(), [Progress { current: 1, total: 2, message: "half".into() }]);
}

#[test]
fn lines_have_levels() {
    let host = FakeHost::new();
    let name = "Ada";
    host.call(|_| {
        log::debug!("{name}");
        log::info!("plain");
        log::warn!("{}", 1);
        log::error!("{{}}");
    });
    let lines: Vec<_> = host.log_lines().into_iter().map(|line| (line.level, line.message)).collect();
    let expected = [(Level::Debug, "Ada"), (Level::Info, "plain"), (Level::Warn, "1"), (Level::Error, "{}")];
    assert_eq!(lines, expected.map(|(level, message)| (level, message.to_owned())));
}

#[test]
fn jobs_are_added_looked_up_and_cancelled() {
    let host = FakeHost::new();
    host.call(|_| {
        assert_eq!(tasks::add("a", ()).unwrap(), 1);
        assert_eq!(tasks::add_later("b", vec![1, 2], Duration::from_micros(1500)).unwrap(), 2);
        assert_eq!(tasks::get::<Value>("b", 2).unwrap().status, Status::Waiting);
        tasks::cancel("b", 2).unwrap();
        assert_eq!(tasks::cancel("b", 2).unwrap_err().code(), "ended");
        assert_eq!(tasks::get::<Value>("a", 2).unwrap_err().code(), "unknown-job");
    });
    let added = host.added();
    assert_eq!((&added[0].args, &added[1].args), (&json!([]), &json!([1, 2])));
    assert_eq!(added[1].delay, Duration::from_millis(2), "a delay is never cut short");
    assert_eq!(host.status("b", 2), Some(Status::Failure));
}

#[test]
fn a_response_has_a_type() {
    let job = JobView {
        id: 4,
        status: Status::Success,
        current: 1,
        total: 1,
        message: "done".into(),
        response: Some(json!([1, 2])),
    };
    FakeHost::new().job("sum", job).call(|_| {
        assert_eq!(tasks::get::<Vec<u32>>("sum", 4).unwrap().response, Some(vec![1, 2]));
        assert_eq!(tasks::get::<String>("sum", 4).unwrap_err().code(), "invalid-response");
    });
}

#[test]
#[should_panic(expected = "FakeHost")]
fn without_a_host_the_panic_says_where_to_get_one() {
    log::info!("nobody listens");
}
