//! Sending on a fake host.

use std::time::Duration;

use saggar_guest::http::Response;
use saggar_guest::json;
use saggar_guest::testing::FakeHost;
use saggar_guest::{Failure, Problem};

use crate::webhook::Plugin;

const RECEIVER: &str = "http://127.0.0.1:8089/orders";

/// Sends an event to a receiver that answers this.
fn failure(answer: fn() -> Result<Response, Problem>) -> Failure {
    let host = FakeHost::new().on_request(move |_| answer());
    host.process::<Plugin>((RECEIVER, json!({}))).unwrap_err()
}

#[test]
fn an_event_is_signed_by_the_host() {
    let host = FakeHost::new().id(7).on_request(|_| Ok(Response::new(202, "")));
    assert_eq!(host.process::<Plugin>((RECEIVER, json!({ "order": 7 }))).unwrap(), json!({ "status": 202 }));
    let sent = &host.requests()[0];
    assert_eq!((sent.method(), sent.url(), sent.bytes()), ("POST", RECEIVER, &br#"{"order":7}"#[..]));
    let header = |wanted: &str| sent.headers().iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    assert_eq!(header("x-webhook-id").as_deref(), Some("7"));
    assert_eq!(header("x-webhook-signature").as_deref(), Some("v1=$HMAC.webhook"));
    assert!(header("x-webhook-timestamp").unwrap().parse::<u64>().unwrap() > 1_600_000_000);
}

#[test]
fn the_receiver_says_when_to_try_again() {
    let busy = failure(|| Ok(Response::new(429, "").with_header("retry-after", "30")));
    assert!(matches!(busy, Failure::RetryAfter(_, after) if after == Duration::from_secs(30)), "{busy:?}");
    let broken = failure(|| Ok(Response::new(500, "")));
    assert!(matches!(broken, Failure::Retry(_)), "{broken:?}");
    let unreachable = failure(|| Err(Problem::new("connection-failed", "nobody answers")));
    assert!(matches!(unreachable, Failure::Retry(_)), "{unreachable:?}");
    let gone = failure(|| Ok(Response::new(410, "")));
    assert!(matches!(gone, Failure::Reject(_)), "{gone:?}");
}
