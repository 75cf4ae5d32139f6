//! Webhooks: what the receiver gets, and when.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::stage::{Example, KEY, TASKS};
use crate::server::{Received, Reply, Server};

/// Returns the value of a header of a request.
fn header<'a>(received: &'a Received, name: &str) -> &'a str {
    let start = format!("{name}: ");
    let value = received.head.lines().find_map(|line| line.strip_prefix(start.as_str()));
    value.unwrap_or_else(|| panic!("no `{name}`: {}", received.head))
}

/// Returns the signature as the receiver computes it: HMAC-SHA256 in hexadecimal.
fn signature(key: &str, message: &[u8]) -> String {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key.as_bytes());
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn empty(status: &str, lines: &str) -> Reply {
    Reply::Send(format!("HTTP/1.1 {status}\r\n{lines}content-length: 0\r\n\r\n").into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_signed_and_sent_again_when_the_receiver_says() {
    let times = Arc::<Mutex<Vec<Instant>>>::default();
    let receiver = Server::start({
        let times = Arc::clone(&times);
        move |_| {
            let mut times = times.lock().expect("no test panicked with it");
            times.push(Instant::now());
            // The first request of each job finds it busy.
            if times.len() % 2 == 1 { empty("503 Busy", "retry-after: 2\r\n") } else { empty("202 Accepted", "") }
        }
    })
    .await;
    let example = Example::start("webhook", &receiver);
    for (number, task) in TASKS.into_iter().enumerate() {
        let id = example.add(task, json!([receiver.url("http", "127.0.0.1", "/orders"), { "order": 7 }])).await;
        let job = example.ended(task, id).await;
        assert_eq!((&job["status"], &job["response"]), (&json!("SUCCESS"), &json!({ "status": 202 })), "{task}: {job}");
        let received = receiver.received();
        let [first, second] = &received[2 * number..] else { panic!("{task}: {received:?}") };
        for request in [first, second] {
            assert!(request.head.starts_with("POST /orders HTTP/1.1\r\n"), "{task}: {}", request.head);
            assert_eq!(request.body, br#"{"order":7}"#, "{task}");
            let time = header(request, "x-webhook-timestamp");
            let message = [time.as_bytes(), b".", &request.body].concat();
            assert_eq!(header(request, "x-webhook-signature"), format!("v1={}", signature(KEY, &message)), "{task}");
            assert_eq!(header(request, "x-webhook-id"), id.to_string(), "{task}");
        }
        let times = times.lock().expect("no test panicked with it").clone();
        let [first, second] = times[2 * number..] else { panic!("{task}: {times:?}") };
        // The task itself would try again after a second.
        assert!(second - first >= Duration::from_millis(1_900), "{task}: {:?}", second - first);
        let shown = format!("{job} {} {}", example.log(task, id).await, example.attempts(task, id).await);
        assert!(!shown.contains(KEY), "{task}: {shown}");
    }
    let log = example.stop();
    assert!(!log.iter().any(|line| line.contains(KEY)), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_not_asked_again() {
    let receiver = Server::start(|_| empty("410 Gone", "")).await;
    let example = Example::start("webhook", &receiver);
    for task in TASKS {
        let job = example.run(task, json!([receiver.url("http", "127.0.0.1", "/orders"), {}])).await;
        assert_eq!(
            (&job["status"], &job["problem"]["code"]),
            (&json!("FAILURE"), &json!("http-status")),
            "{task}: {job}"
        );
    }
    assert_eq!(receiver.received().len(), TASKS.len());
    example.stop();
}

/// What the task does not request stays closed, also to this code.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_goes_to_the_receivers_of_the_task_only() {
    let (receiver, other) =
        (Server::start(|_| empty("202 Accepted", "")).await, Server::start(|_| empty("200 OK", "")).await);
    let example = Example::start("webhook", &receiver);
    for task in TASKS {
        let id = example.add(task, json!([other.url("http", "127.0.0.1", "/"), {}])).await;
        // It is retried, as any problem of the host is, so the job waits for its next attempt.
        let job = example.until(task, id, |job| job["problem"]["code"] == "http-not-granted").await;
        let message = job["problem"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("`sandbox.http`"), "{task}: {job}");
    }
    assert_eq!((receiver.connections(), other.connections()), (0, 0));
    drop(example);
}
