//! A plugin's calls to its host, and the results of the fake host.

use std::time::Duration;

use saggar_guest::log::Level;
use saggar_guest::prelude::*;
use saggar_guest::tasks::{JobView, Status};
use saggar_guest::testing::FakeHost;

#[test]
fn a_job_returns_the_context_that_the_test_set() {
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
fn values_are_kept_between_calls() {
    let host = FakeHost::new().kv_value("config", json!({ "limit": 3 }));
    host.call(|_| {
        assert_eq!(kv::get::<Value>("config").unwrap(), Some(json!({ "limit": 3 })));
        assert_eq!(kv::get::<Value>("nothing").unwrap(), None);
        let version = kv::set("a", &[1, 2]).unwrap();
        let entry: kv::KvEntry<Vec<u8>> = kv::entry("a").unwrap().unwrap();
        assert_eq!((entry.value, entry.version, entry.expires_in), (vec![1, 2], version, None));
        assert_eq!(kv::swap("a", None, "x").unwrap(), None);
        assert!(kv::swap("a", Some(version), "x").unwrap().is_some());
        assert!(!kv::remove_version("a", version).unwrap());
        assert_eq!(kv::get::<u64>("a").unwrap_err().code(), "invalid-value");
        assert_eq!(kv::increment("a", 1).unwrap_err().code(), "not-a-number");
        assert_eq!((kv::increment("n", 5).unwrap(), kv::increment("n", -2).unwrap()), (5, 3));
        let minute = Duration::from_secs(60);
        kv::set_for("short", &true, minute).unwrap();
        assert_eq!(kv::get_bytes("short").unwrap().unwrap().expires_in, Some(minute));
    });
    host.call(|_| {
        assert_eq!(kv::get::<i64>("n").unwrap(), Some(3));
        assert_eq!(kv::update("n", |n: Option<i64>| n.unwrap_or(0) * 2).unwrap(), 6);
        assert_eq!(kv::keys("").unwrap(), ["a", "config", "n", "short"]);
        let page = kv::page("", Some("a"), 1).unwrap();
        assert_eq!((page.keys, page.next.as_deref()), (vec!["config".to_owned()], Some("config")));
        assert!(kv::remove("a").unwrap() && !kv::remove("a").unwrap());
    });
    assert_eq!((host.kv("n"), host.kv("a")), (Some(json!(6)), None));
}

#[test]
fn log_lines_have_levels() {
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
    assert_eq!(added[1].delay, Duration::from_millis(2), "a delay is never shortened");
    assert_eq!(host.status("b", 2), Some(Status::Failure));
}

#[test]
fn a_response_deserializes_into_its_type() {
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
fn calls_without_a_host_panic_and_name_the_fake_host() {
    log::info!("no host");
}

#[test]
fn a_repeated_call_adds_its_jobs_once() {
    let host = FakeHost::new().task("mail.send").id(7);
    let twice = |job: &Job| (tasks::add("a", (job.id(),)), tasks::add("a", (job.id(),)));
    assert_eq!(host.call(twice), (Ok(1), Ok(2)), "two positions, two jobs");
    assert_eq!(host.call(twice), (Ok(1), Ok(2)), "the same positions, the same jobs");
    let keys: Vec<_> = host.added().into_iter().map(|added| added.key).collect();
    assert_eq!(keys, [Some("mail.send/7/process/0".to_owned()), Some("mail.send/7/process/1".to_owned())]);
    let other = host.clone().id(8);
    assert_eq!(other.call(twice), (Ok(3), Ok(4)), "another job, other jobs");
}

#[test]
fn another_job_at_the_same_position_is_refused() {
    let host = FakeHost::new();
    assert_eq!(host.call(|_| tasks::add("a", (1,))), Ok(1));
    let refused = host.call(|_| tasks::add("a", (2,))).unwrap_err();
    assert_eq!(refused.code(), "key-reused");
    assert!(refused.message().contains("job number 0") && refused.message().contains("tasks::Options"), "{refused:?}");
    assert_eq!(host.call(|_| tasks::add("b", (2,))), Ok(2), "keys are per task");
}

#[test]
fn options_reach_the_host() {
    let host = FakeHost::new();
    host.call(|_| {
        let options =
            tasks::Options::new().key("k").priority(-2).run_at("2026-11-24T10:00:00Z").unique_by_positions(&[0]);
        tasks::add_with("a", (1,), options).unwrap();
        tasks::add_with("a", (1,), tasks::Options::new().without_key().unique()).unwrap();
        tasks::add_with("a", (1,), tasks::Options::new().without_key().delay(Duration::from_secs(1))).unwrap();
        tasks::add("a", (1,)).unwrap();
    });
    let added = host.added();
    assert_eq!((added[0].key.as_deref(), added[0].priority), (Some("k"), -2));
    assert_eq!(added[0].run_at.as_deref(), Some("2026-11-24T10:00:00Z"));
    assert_eq!(added[0].unique, Some(json!({ "by": "args", "positions": [0] })));
    assert_eq!((added[1].key.as_deref(), &added[1].unique), (None, &Some(json!({ "by": "task" }))));
    assert_eq!(added[2].delay, Duration::from_secs(1));
    assert_eq!(
        added[3].key.as_deref(),
        Some("test/1/process/3"),
        "each add counts as a position, even if it does not use the position's key"
    );
}

#[test]
fn requests_are_answered_by_the_test() {
    use saggar_guest::http::{self, Response};
    let host = FakeHost::new().on_request(|request| match request.url() {
        "https://a/json" => Ok(Response::new(200, r#"{"n": 1}"#).with_header("Content-Type", "application/json")),
        "https://a/busy" => Ok(Response::new(503, "").with_header("retry-after", "7")),
        "https://a/late" => Ok(Response::new(429, "").with_header("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")),
        "https://a/gone" => Ok(Response::new(410, "gone")),
        _ => Err(Problem::new("unknown-name", "no such name")),
    });
    host.call(|_| {
        let response = http::post("https://a/json").header("X-A", "$SECRET.a").json(&json!([1])).send().unwrap();
        assert_eq!((response.status(), response.header("content-type")), (200, Some("application/json")));
        assert_eq!(response.success().unwrap().json::<Value>().unwrap(), json!({ "n": 1 }));
        let failure = |url: &str| http::get(url).send().unwrap().success().unwrap_err();
        assert!(matches!(failure("https://a/busy"), Failure::RetryAfter(_, delay) if delay == Duration::from_secs(7)));
        assert!(matches!(failure("https://a/late"), Failure::Retry(_)));
        let gone = failure("https://a/gone");
        assert!(matches!(&gone, Failure::Reject(problem) if problem.code() == "http-status"));
        assert_eq!(gone.problem().details::<Value>(), Some(json!({ "status": 410 })));
        assert_eq!(http::get("https://b").send().unwrap_err().code(), "unknown-name");
    });
    let first = &host.requests()[0];
    assert_eq!((first.method(), first.bytes()), ("POST", b"[1]".as_slice()));
    assert_eq!(first.headers()[0], ("X-A".to_owned(), "$SECRET.a".to_owned()));
    let refused = FakeHost::new().call(|_| http::get("https://a").send().unwrap_err());
    assert_eq!(refused.code(), "http-not-granted");
}
