//! Every digit of a number in JSON is preserved, on each path through the host.

use saggar_tests::client::job_path;
use saggar_tests::server::Server;

use super::stage::serve;

/// Numbers beyond 64 bits, beyond a double's precision, beyond a double's range on both sides, and with redundant
/// zeros.
const NUMBERS: &str = "18446744073709551617,-9223372036854775809,0.1000000000000000055,1e400,-1E-400,1.50,-0";

fn add(server: &Server, task: &str, body: &str) -> String {
    let head = server.post_head(&format!("/v1/tasks/{task}/jobs"), &format!("content-length: {}\r\n", body.len()));
    let answer = server.raw(head + body);
    String::from_utf8(answer.body).unwrap_or_else(|error| panic!("{error}"))
}

/// Waits until the job has ended; returns it as text.
fn ended(server: &Server, task: &str, id: u64) -> String {
    let answer = server.raw(server.head(&format!("GET {}?wait=30s", job_path(task, id)), ""));
    String::from_utf8(answer.body).unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_digit_of_arguments_and_responses_is_preserved() {
    let server = serve();
    for (task, args) in [
        ("keys", format!("[{NUMBERS}]")),
        ("keys", format!("[{{\"a\":[{{\"b\":{NUMBERS}}}]}}]").replace(",", ",\"b\":")),
    ] {
        let added = add(&server, task, &format!(r#"{{"args":{args}}}"#));
        let id: serde_json::Value = serde_json::from_str(&added).unwrap();
        let job = ended(&server, task, id["id"].as_u64().unwrap_or_else(|| panic!("{added}")));
        assert!(job.contains(&format!(r#""response":{args}"#)), "{job}");
        assert!(job.contains(&format!(r#""args":{args}"#)), "{job}");
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_digit_of_jobs_added_by_a_guest_is_preserved() {
    let server = serve();
    add(&server, "adder", &format!(r#"{{"args":["keys",1,[{NUMBERS}]]}}"#));
    assert!(ended(&server, "adder", 1).contains(r#""response":{"ids":[1],"refused":null}"#));
    assert!(ended(&server, "keys", 1).contains(&format!(r#""response":[{NUMBERS}]"#)));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn unique_jobs_differ_by_every_digit() {
    let server = serve();
    let id = |args: &str, unique: &str| {
        let body = format!(r#"{{"args":{args},"unique":{unique},"delay_ms":3600000}}"#);
        let added: serde_json::Value = serde_json::from_str(&add(&server, "keys", &body)).unwrap();
        added["id"].as_u64().unwrap_or_else(|| panic!("{added}"))
    };
    let (all, first) = (r#"{"by":"args"}"#, r#"{"by":"args","positions":[0]}"#);
    assert_eq!([id("[18446744073709551616]", all), id("[18446744073709551617]", all)], [1, 2]);
    assert_eq!([id("[1e400]", all), id("[1e401]", all), id("[10e399]", all)], [3, 4, 3]);
    assert_eq!([id("[-9223372036854775809,1]", first), id("[-9223372036854775810,1]", first)], [5, 6]);
    assert_eq!([id(r#"[{"a":1.50,"b":2}]"#, all), id(r#"[{"b":2,"a":15e-1}]"#, all)], [7, 7]);
    assert_eq!([id("[1]", all), id("[1.0]", all), id("[10e-1]", all)], [8, 9, 9]);
    server.stop();
}
