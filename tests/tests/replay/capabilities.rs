//! Attempts that use capabilities do the same again, without what they used.

use saggar::grant::{Access, Grants, HttpGrant, KvGrant, Methods, Network, OriginPattern};
use saggar_tests::guests;
use saggar_tests::host::Start;
use serde_json::json;

use super::same::{app, assert_all_same_as};
use crate::server::{Reply, Server};

fn granting(grants: Grants) -> Start {
    Start { grants, variables: vec![("REGION", "eu")], ..Start::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_values_are_the_same_again() {
    let kv = Some(KvGrant { access: Access::Write, max_bytes: 1 << 20, max_keys: 100 });
    let jobs = [
        json!(["set", "a", [1, "ü"]]),
        json!(["get", "a"]),
        json!(["swap", "a", 2, 1]),
        json!(["increment", "n", 5]),
        json!(["increment", "a"]),
        json!(["keys", ""]),
        json!(["remove", "a"]),
        json!(["fill", "x", 100]),
    ];
    let app = app(guests::KEY_VALUES, &json!({ "kv": "write" }));
    let start = granting(Grants { kv, ..Grants::of_single_app() });
    assert_all_same_as(app, start, guests::KEY_VALUES, jobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_variables_are_the_same_again() {
    let grants = Grants { env: vec!["REGION".to_owned()], scratch: Some(1 << 20), ..Grants::of_single_app() };
    let steps = json!([
        ["env", "REGION"],
        ["vars"],
        ["dirs"],
        ["write", "/scratch/a", "one"],
        ["append", "/scratch/a", "two"],
        ["patch", "/scratch/a", "1", "NE"],
        ["fill", "/scratch/b", "200000"],
        ["mkdir", "/scratch/d"],
        ["rename", "/scratch/a", "/scratch/d/c"],
        ["list", "/scratch"],
        ["size", "/scratch/b"],
        ["read", "/scratch/missing"],
        ["raw", "../up"],
    ]);
    let app = app(guests::FILES, &json!({ "env": ["REGION"], "scratch": "1MiB" }));
    assert_all_same_as(app, granting(grants), guests::FILES, (0..5).map(|_| json!([steps]))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_the_same_again_and_are_not_sent_again() {
    let server = Server::start(|_| Reply::ok("hello")).await;
    let url = server.url("http", "127.0.0.1", "/a");
    let origin = url.trim_end_matches("/a");
    let origins = vec![OriginPattern::parse(origin).expect("an origin")];
    let networks = vec![Network::parse("127.0.0.1").expect("a network")];
    let http = Some(HttpGrant { origins, methods: Methods::ALL, networks });
    let large = "x".repeat(100_000);
    let jobs = [
        json!(["own", "GET", url, {}, ""]),
        json!(["own", "POST", url, { "x-one": "1" }, "body"]),
        json!(["wasi", "GET", url, {}, ""]),
        json!(["wasi", "POST", url, {}, large]),
        json!(["own", "GET", "http://other.example/", {}, ""]),
        json!(["wasi", "GET", "http://other.example/", {}, ""]),
    ];
    let app = app(guests::FETCHING, &json!({ "http": [origin] }));
    assert_all_same_as(app, granting(Grants { http, ..Grants::of_single_app() }), guests::FETCHING, jobs).await;
    assert_eq!(server.received().len(), 4, "only the first time, and only to the granted origin");
}
