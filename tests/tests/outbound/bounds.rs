//! Hostile servers and greedy guests: bytes count as the sandbox's memory, and time as the job's.

use saggar::{FailureKind, Status};
use serde_json::json;

use super::stage::{Stage, WAYS, assert_failed, grants};
use crate::server::{Reply, Server};

/// A response of a MiB, from a task with 16 MiB of memory, whose bodies may have one.
const MIB: usize = 1 << 20;

async fn small(url: &str, timeout: f64) -> Stage {
    let origin = url.trim_end_matches('/');
    let task = json!({ "timeout": timeout, "sandbox": { "memory": "16MiB", "http": [origin] } });
    Stage::start_as(&task, grants(&[origin], &["127.0.0.1"])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_have_a_sixteenth_of_the_memory() {
    let server = Server::start(|received| {
        let is_above = received.head.starts_with("GET /above");
        Reply::ok(vec![b'x'; MIB + usize::from(is_above)])
    })
    .await;
    let url = server.url("http", "127.0.0.1", "/");
    let stage = small(&url, 60.0).await;
    for way in WAYS {
        let answer = stage.get(way, &url).await;
        assert_eq!(answer["body"].as_str().map(str::len), Some(MIB), "{way}: {}", answer["error"]);
        let above = stage.get(way, &format!("{url}above")).await;
        assert_failed(way, &above, "response-too-large", "HttpResponseBodySize");
        let large = "x".repeat(MIB + 1);
        let sent = stage.host.response("fetch", json!([way, "POST", url, {}, large])).await;
        assert_failed(way, &sent, "request-too-large", "HttpRequestBodySize");
    }
    stage.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_responses_end() {
    for (head, again) in [
        ("HTTP/1.1 200 OK\r\n\r\n", "xxxxxxxx"),
        ("HTTP/1.1 200 OK\r\n", "x-flood: aaaaaaaaaaaaaaaaaaaa\r\n"),
        ("", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
    ] {
        let server =
            Server::start(move |_| Reply::Endless(head.as_bytes().to_vec(), again.as_bytes().repeat(1000))).await;
        let url = server.url("http", "127.0.0.1", "/");
        let stage = small(&url, 60.0).await;
        for way in WAYS {
            assert_failed(way, &stage.get(way, &url).await, "response-too-large", "HttpResponseBodySize");
        }
        stage.host.shutdown().await;
    }
}

/// Responses that a guest keeps count until it drops them.
#[tokio::test(flavor = "multi_thread")]
async fn kept_responses_are_memory_of_the_sandbox() {
    let server = Server::start(|_| Reply::ok(vec![b'x'; MIB])).await;
    let url = server.url("http", "127.0.0.1", "/");
    let stage = small(&url, 60.0).await;
    let kept = stage.host.response("fetch", json!(["hold", "GET", url, {}, "4"])).await;
    assert_eq!(kept["held"], 4, "{kept}");
    assert!(stage.host.inner().engine().pool_usage().bytes < 3 * MIB as u64, "the responses are dropped with the call");
    let too_many = stage.host.response("fetch", json!(["hold", "GET", url, {}, "64"])).await;
    let held = too_many["held"].as_u64().expect("a number");
    assert!((4..16).contains(&held), "{too_many}");
    assert!(too_many["error"].as_str().is_some_and(|error| error.contains("ConnectionLimitReached")), "{too_many}");
    // What was refused is there again.
    assert_eq!(stage.get("wasi", &url).await["status"], 200);
    stage.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanges_at_once_take_memory_before_their_responses() {
    let server = Server::start(|_| Reply::ok("")).await;
    let url = server.url("http", "127.0.0.1", "/");
    let stage = small(&url, 60.0).await;
    let all = stage.host.response("fetch", json!(["together", "GET", url, {}, "16"])).await;
    let all = all.as_array().expect("outcomes");
    let answered = all.iter().filter(|outcome| **outcome == json!(200)).count();
    // Each may take two bodies of a MiB.
    assert!((3..8).contains(&answered), "{all:?}");
    assert!(all.iter().all(|outcome| *outcome == json!(200) || *outcome == json!("ErrorCode::ConnectionLimitReached")));
    let log = stage.host.log("fetch", 1).await;
    assert!(log.iter().any(|line| line.contains("too-many-requests") && line.contains("`sandbox.memory`")), "{log:?}");
    stage.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_can_shorten_the_time_of_a_request() {
    let server = Server::start(|_| Reply::Hold(Vec::new())).await;
    let url = server.url("http", "127.0.0.1", "/");
    let stage = small(&url, 60.0).await;
    for way in WAYS {
        let answer = stage.host.response("fetch", json!([way, "GET", url, {}, "", 100])).await;
        assert_failed(way, &answer, "timed-out", "HttpResponseTimeout");
    }
    stage.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_takes_no_longer_than_its_attempt() {
    let server = Server::start(|_| Reply::Hold(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec())).await;
    let url = server.url("http", "127.0.0.1", "/");
    let stage = small(&url, 0.3).await;
    for way in WAYS {
        let job = stage.host.run("fetch", json!([way, "GET", url, {}, ""])).await;
        // At the deadline, the request and the attempt time out; a guest that is fast enough can still say which.
        let is_timeout = job.reason == Some(FailureKind::Timeout);
        let is_told =
            job.response.as_deref().is_some_and(|told| told.contains("timed-out") || told.contains("Timeout"));
        assert!(is_timeout || is_told, "{way}: {job:?}");
    }
    stage.host.shutdown().await;
}

/// The job ends when it is cancelled, not when the server answers.
#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_job_ends_its_request() {
    let server =
        Server::start(|_| Reply::Hold(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec())).await;
    let url = server.url("http", "127.0.0.1", "/");
    let stage = small(&url, 600.0).await;
    for way in WAYS {
        let id = stage.host.add("fetch", json!([way, "GET", url, {}, ""])).await;
        stage.host.until_running("fetch", id).await;
        stage.host.cancel("fetch", id).await.expect("it runs");
        let job = stage.host.end("fetch", id).await;
        assert_eq!((job.status, job.reason), (Status::Failure, Some(FailureKind::Cancelled)), "{way}");
    }
    stage.host.shutdown().await;
}
