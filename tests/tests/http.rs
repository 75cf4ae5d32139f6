//! The HTTP service of the real binary, over real sockets.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::server::Server;
use serde_json::json;

fn app() -> App {
    App::new().plugin("echo", guests::ECHO).task("Mail.Send", &json!({"process": "plugins.echo"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_added_waited_for_and_listed() {
    let server = Server::start(&app(), &[]);
    let added = server.post("/v1/tasks/mail.send/jobs", &json!({"args": [1, "two"]})).await;
    assert_eq!((added.status, &added.body), (201, &json!({"id": 1})));
    assert_eq!(added.headers["location"], "/v1/tasks/mail.send/jobs/1");
    let job = server.get("/v1/tasks/mail.send/jobs/1?wait=30s").await;
    assert_eq!((job.status, &job.body["status"]), (200, &json!("SUCCESS")), "{job:?}");
    assert_eq!(job.body["args"], json!([1, "two"]), "{job:?}");
    let page = server.get("/v1/jobs").await;
    assert_eq!((page.status, &page.body["jobs"][0]["id"]), (200, &json!(1)), "{page:?}");
    let unknown = server.get("/v1/tasks/mail.sent/jobs/1").await;
    assert_eq!((unknown.status, unknown.code()), (404, "unknown-task"));
    assert!(unknown.body["detail"].as_str().is_some_and(|detail| detail.contains("Mail.Send")), "{unknown:?}");
    server.stop();
}
