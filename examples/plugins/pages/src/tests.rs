//! Fetching on a fake host.

use std::time::Duration;

use saggar_guest::http::Response;
use saggar_guest::testing::FakeHost;
use saggar_guest::{Value, json, kv};

use crate::pages::Plugin;

const URL: &str = "http://127.0.0.1:8089/";

#[test]
fn a_page_is_fetched_once_and_kept_for_an_hour() {
    let host = FakeHost::new().on_request(|_| Ok(Response::new(200, "<title> The kiln </title>")));
    let page = |kept: bool| json!({ "title": "The kiln", "bytes": 25, "kept": kept });
    assert_eq!(host.process::<Plugin>((URL,)).unwrap(), page(false));
    assert_eq!(host.process::<Plugin>((URL,)).unwrap(), page(true));
    assert_eq!(host.requests().len(), 1);
    assert_eq!(host.kv("pages/fetched"), Some(json!(1)));
    let entry = host.call(|_| kv::entry::<Value>(&format!("pages/{URL}"))).unwrap().unwrap();
    assert_eq!(entry.expires_in, Some(Duration::from_secs(3600)));
}

#[test]
fn what_cannot_be_fetched_is_not_kept() {
    let host = FakeHost::new().on_request(|_| Ok(Response::new(404, "<title>none</title>")));
    assert_eq!(host.process::<Plugin>((URL,)).unwrap_err().problem().code(), "http-status");
    assert_eq!(host.kv(&format!("pages/{URL}")), None);
}
