//! Values that are out of range or of the wrong type, and values that are valid in an unusual notation.

use std::time::Duration;

use super::{NEXT, problems_with};
use saggar_definition::{Task, read_task};
use saggar_grant::{Access, JobAccess, RecordPolicy};
use saggar_job::Backoff;

fn task(lines: &str) -> Task {
    let text = format!("{{\"process\": \"plugins.x\", {lines}}}");
    let env = |name: &str| (name == "N").then(|| "7".to_owned()).into();
    read_task("tasks/t.yao", text.as_bytes(), &env).unwrap_or_else(|problems| panic!("{}", problems[0].render(false)))
}

#[test]
fn defaults_are_those_of_the_original_document() {
    let task = task("");
    assert_eq!((task.name.as_str(), task.worker_nums, task.size), ("t", 1, 1024));
    assert_eq!(task.timeout, Duration::from_secs(300));
    assert_eq!(task.retry, saggar_job::RetryPolicy::default());
    assert_eq!((task.sandbox.memory_bytes, task.sandbox.reuse), (64 << 20, 10_000));
    assert_eq!((task.sandbox.event_timeout, task.sandbox.tasks.jobs()), (Duration::from_secs(10), JobAccess::Added));
    assert_eq!(task.retention.success, Duration::from_secs(24 * 3600));
    assert_eq!(task.retention.failure, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(task.references().count(), 1);
}

#[test]
fn numbers_may_be_text_or_come_from_the_environment() {
    let task =
        task(r#""worker_nums": "4", "size": "$ENV.N", "timeout": "0.5", "attempts": 3.0, "attempt_after": "1e3""#);
    assert_eq!((task.worker_nums, task.size, task.timeout), (4, 7, Duration::from_millis(500)));
    assert_eq!((task.retry.retries, task.retry.delay_ms, task.retry.max_attempts()), (3, 1000, 4));
}

#[test]
fn zero_and_empty_values_mean_the_default() {
    let task =
        task(r#""timeout": 0, "name": " ", "event": {"next": ""}, "version": 1, "$schema": "x", "comment": [null]"#);
    assert_eq!((task.timeout, task.name.as_str()), (Duration::from_secs(300), "t"));
    assert!(task.handlers.next.is_none());
}

#[test]
fn object_notations_set_every_option() {
    let task = task(
        r#""attempt_after": {"delay": 100, "backoff": "exponential", "max": 60000, "jitter": 0.1},
           "retention": {"success": "90s", "failure": 60},
           "sandbox": {"memory": "1 GiB", "reuse": 1, "event_timeout": 2.5, "env": ["LANG"], "http": ["https://a.b"],
                       "tasks": "all", "dirs": ["data", {"name": "out", "write": true}]}"#,
    );
    assert_eq!((task.retry.delay_ms, task.retry.backoff, task.retry.max_delay_ms), (100, Backoff::Exponential, 60_000));
    assert_eq!(task.retention.success, Duration::from_secs(90));
    assert_eq!(
        (task.sandbox.memory_bytes, task.sandbox.reuse, task.sandbox.tasks.jobs()),
        (1 << 30, 1, JobAccess::All)
    );
    let dirs: Vec<_> = task.sandbox.dirs.iter().map(|dir| (dir.value.name.as_str(), dir.value.write)).collect();
    assert_eq!(dirs, [("data", false), ("out", true)]);
}

#[test]
fn capabilities_have_short_and_long_notations() {
    let requested = task(
        r#""sandbox": {"http": {"origins": ["HTTPS://*.Example.com:443"], "methods": ["GET"]}, "secrets": ["stripe"],
                       "kv": {"access": "write", "prefix": "mail/"}, "scratch": "16MiB", "record": "0.5",
                       "mask": ["/0/password"], "tasks": {"add": ["mail.*"]}}"#,
    )
    .sandbox;
    let http = requested.http.expect("a request for HTTP");
    assert_eq!(http.origins[0].value.to_string(), "https://*.example.com");
    assert_eq!(http.methods[0].value.name(), "GET");
    let kv = requested.kv.expect("a request for the key-value store").value;
    assert_eq!((kv.access, kv.prefix.as_str()), (Access::Write, "mail/"));
    assert_eq!(requested.scratch.map(|bytes| bytes.value), Some(16 << 20));
    assert_eq!((requested.record, requested.mask[0].value.as_str()), (RecordPolicy::share(0.5), "/0/password"));
    assert!(requested.tasks.add.expect("patterns")[0].value.matches("mail.send"));
    assert!(requested.tasks.jobs.is_none());

    let short = task(r#""sandbox": {"http": [], "kv": "read", "tasks": {"add": []}}"#).sandbox;
    assert!(short.http.is_none(), "no origin is no request");
    assert_eq!(short.kv.map(|kv| kv.value.access), Some(Access::Read));
    assert_eq!(short.tasks.add, Some(Vec::new()), "not the same as leaving it out");
}

#[test]
fn invalid_capabilities() {
    for (lines, part) in [
        (r#""http": "https://a.example""#, "a list of at most 64 origins, or an object"),
        (r#""http": {"methods": ["GET"]}"#, "`sandbox.http.origins` is missing"),
        (r#""http": {"origins": []}"#, "a list of 1 to 64 origins"),
        (r#""http": {"origins": ["https://a"], "methods": ["get"]}"#, "write one of GET, HEAD, POST"),
        (r#""http": ["https://*a.example"]"#, "`*` must be the whole first part of the host"),
        (r#""http": ["https://u:p@a.example"]"#, "leave out the user and the password"),
        (r#""http": ["http://0x7f.1"]"#, "or an address"),
        (r#""secrets": ["Stripe"]"#, "the name under which the operator grants it"),
        (r#""kv": true"#, "\"read\" or \"write\", or an object"),
        (r#""kv": {"access": "all"}"#, "\"read\" or \"write\""),
        (r#""tasks": {"add": ["*.send"]}"#, "`*` must be the whole last part"),
        (r#""tasks": {"add": "mail.*"}"#, "a list of at most 64 ids of tasks"),
        (r#""dirs": ["scratch"]"#, "the name under which the operator grants it"),
        (r#""dirs": [{"path": "a"}]"#, "write `name`"),
        (r#""dirs": ["a", {"name": "a", "write": true}]"#, "has this directory twice"),
        (r#""scratch": "16MB""#, "write \"16MiB\""),
        (r#""scratch": 1"#, "write for example `\"16MiB\"`"),
        (r#""record": 1.5"#, "\"failures\", \"all\" or \"off\", or a number from 0 to 1"),
        (r#""mask": ["password"]"#, "the number of the argument from 0"),
    ] {
        let shown = problems_with(&format!("\"sandbox\": {{{lines}}}"));
        assert!(shown.contains(part), "{lines}: {shown}");
    }
}

#[test]
fn counts_out_of_range() {
    for value in ["0", "-1", "\"ten\"", "1.5", "1025", "null", "true", "[1]", "{}", "1e400", "\"\""] {
        assert!(problems_with(&format!("\"worker_nums\": {value}")).contains("from 1 to 1,024"), "{value}");
    }
    let lines = "\"worker_nums\": 0,\n\"size\": \"ten\",\n\"attempts\": -1";
    insta::assert_snapshot!(problems_with(lines));
}

#[test]
fn times_out_of_range() {
    for value in ["-1", "1e300", "\"NaN\"", "\"inf\"", "1e-9", "2592001", "null", "false"] {
        assert!(problems_with(&format!("\"timeout\": {value}")).contains("from 0.001 to 2,592,000"), "{value}");
    }
    let lines = "\"timeout\": \"5m\",\n\"attempt_after\": 1e300,\n\"sandbox\": {\"event_timeout\": 0},\n\"retention\": {\"success\": \"1w\"}";
    insta::assert_snapshot!(problems_with(lines));
}

#[test]
fn invalid_retry_delays() {
    let lines = "\"attempt_after\": {\"delay\": 5000, \"max\": 100,\n \"backoff\": \"exponental\", \"jitter\": 2}";
    let shown = [problems_with(lines), problems_with("\"attempt_after\": [200]")];
    insta::assert_snapshot!(shown.join(NEXT));
}

#[test]
fn invalid_sandbox_requests() {
    let lines = "\"sandbox\": {\n  \"memory\": \"64MB\",\n  \"http\": [\"https://a.example/path\", \"a.example\", 5],\n  \
                 \"env\": \"HOME\",\n  \"dirs\": [\"../up\", {\"write\": 1}]\n}";
    let shown = [
        problems_with(lines),
        problems_with("\"sandbox\": 5, \"event\": null, \"retention\": \"7d\""),
        problems_with("\"sandbox\": {\"memory\": 1000}"),
    ];
    insta::assert_snapshot!(shown.join(NEXT));
}

#[test]
fn access_to_jobs_is_added_or_all() {
    let shown = [
        problems_with("\"sandbox\": {\"tasks\": \"All\"}"),
        problems_with("\"sandbox\": {\"tasks\": [\"mail.send\"]}"),
        problems_with("\"tasks\": \"all\", \"sandbox\": {\"jobs\": \"all\"}"),
    ];
    insta::assert_snapshot!(shown.join(NEXT));
}

#[test]
fn labels_are_one_line_of_text() {
    let shown = [problems_with("\"name\": \"a\\nb\""), problems_with("\"name\": 5")];
    insta::assert_snapshot!(shown.join(NEXT));
}
