//! Pages: what was fetched is kept, for both tasks.

use serde_json::json;

use super::stage::{Example, TASKS};
use crate::server::{Reply, Server};

const HTML: &str = "<!doctype html><title>\n  The kiln \u{1f525}\n</title><h1>It is hot</h1>";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_fetched_once_by_either_task() {
    let server = Server::start(|_| Reply::with("content-type: text/html\r\n", HTML)).await;
    let example = Example::start("pages", &server);
    let [plugin, script] = TASKS;
    for (number, (first, second)) in [(plugin, script), (script, plugin)].into_iter().enumerate() {
        let url = server.url("http", "127.0.0.1", &format!("/{first}"));
        for (task, kept) in [(first, false), (second, true), (first, true)] {
            let job = example.run(task, json!([url])).await;
            let expected = json!({ "title": "The kiln \u{1f525}", "bytes": HTML.len(), "kept": kept });
            assert_eq!(job["response"], expected, "{task}: {job}");
        }
        let received = server.received();
        assert_eq!(received.len(), number + 1, "{received:?}");
        assert!(received[number].head.contains("accept: text/html\r\n"), "{}", received[number].head);
    }
    example.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_does_not_exist_is_not_kept() {
    let server = Server::start(|_| {
        Reply::Send(b"HTTP/1.1 404 Not Found\r\ncontent-length: 20\r\n\r\n<title>none</title>\n".to_vec())
    })
    .await;
    let example = Example::start("pages", &server);
    let url = server.url("http", "127.0.0.1", "/none");
    for task in TASKS {
        let job = example.run(task, json!([url])).await;
        assert_eq!(
            (&job["status"], &job["problem"]["code"]),
            (&json!("FAILURE"), &json!("http-status")),
            "{task}: {job}"
        );
    }
    assert_eq!(server.received().len(), 2);
    example.stop();
}
