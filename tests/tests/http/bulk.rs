//! Changing all jobs that meet some conditions: previews, steps, and what is left alone.

use saggar_tests::client::ApiResponse;
use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::stage::{ids, serve};

/// Adds delayed jobs of the task `keys`.
async fn add(server: &Server, count: usize) {
    let jobs: Vec<Value> = (0..count).map(|number| json!({ "args": [number], "delay_ms": 3_600_000 })).collect();
    assert_eq!(server.post("/v1/tasks/keys/jobs/batch", &json!({ "jobs": jobs })).await.status, 201);
}

async fn works(server: &Server, path: &str, body: &Value) -> Value {
    let answer = server.post(path, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn refused(answer: &ApiResponse) -> (u16, &str) {
    (answer.status, answer.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_changes_nothing_and_later_jobs_are_left_alone() {
    let server = serve();
    add(&server, 7).await;
    let gated = server.close_gate("gated").await;
    let all = json!({ "task": ["keys", "gated"] });
    let preview = works(&server, "/v1/jobs/cancel", &json!({ "where": all, "dry_run": true })).await;
    assert_eq!((&preview["matches"], &preview["exact"], &preview["can"]), (&json!(8), &json!(true), &json!(8)));
    assert_eq!((&preview["cannot"], &preview["tasks"]), (&json!({}), &json!({ "gated": 1, "keys": 7 })));
    assert_eq!(preview["sample"].as_array().map(Vec::len), Some(5));
    assert!(preview["first_added_at"].as_str() <= preview["last_added_at"].as_str(), "{preview}");
    let retry = works(&server, "/v1/jobs/retry", &json!({ "where": all, "dry_run": true })).await;
    assert_eq!((&retry["can"], &retry["cannot"]), (&json!(0), &json!({ "not-ended": 8 })));
    let delete = works(&server, "/v1/jobs/delete", &json!({ "where": all, "dry_run": true })).await;
    assert_eq!((&delete["can"], &delete["cannot"]), (&json!(7), &json!({ "running": 1 })));
    let waiting = "/v1/jobs/count?status=WAITING";
    assert_eq!(server.get(waiting).await.body["count"], 7, "nothing was changed");
    add(&server, 2).await;
    let body = json!({ "where": { "task": ["keys"] }, "until": preview["until"] });
    let done = works(&server, "/v1/jobs/cancel", &body).await;
    assert_eq!((&done["changed"], &done["skipped"], &done["next"]), (&json!(7), &json!({}), &Value::Null));
    assert_eq!(ids(&server.get("/v1/tasks/keys/jobs?status=WAITING").await.body), [9, 8]);
    let done = works(&server, "/v1/jobs/delete", &json!({ "where": { "ids": [format!("gated:{gated}")] } })).await;
    assert_eq!((&done["changed"], &done["skipped"]), (&json!(0), &json!({ "running": 1 })));
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_look_at_each_job_once_the_oldest_first() {
    let server = serve();
    add(&server, 25).await;
    let mut body = json!({ "where": { "task": ["keys"] }, "limit": 10 });
    let mut changed = Vec::new();
    loop {
        let done = works(&server, "/v1/jobs/cancel", &body).await;
        changed.push(done["changed"].as_u64().expect("a number"));
        (body["until"], body["after"]) = (done["until"].clone(), done["next"].clone());
        if done["next"].is_null() {
            break;
        }
        let cancelled = ids(&server.get("/v1/tasks/keys/jobs?status=FAILURE&order=oldest").await.body);
        assert_eq!(cancelled, (1..=changed.iter().sum()).collect::<Vec<u64>>());
    }
    assert_eq!(changed, [10, 10, 5]);
    let again = json!({ "where": { "status": ["FAILURE"], "reason": ["cancelled"] } });
    assert_eq!(works(&server, "/v1/jobs/retry", &again).await["changed"], 25);
    assert_eq!(works(&server, "/v1/jobs/retry", &again).await["changed"], 0);
    let entries = server.get("/v1/audit").await.body;
    let cancelled: Vec<&Value> =
        entries["entries"].as_array().expect("entries").iter().filter(|entry| entry["did"] == "jobs.cancel").collect();
    let count: u64 = cancelled.iter().map(|entry| entry["count"].as_u64().expect("a number")).sum();
    assert_eq!((count, &cancelled[0]["task"]), (25, &json!("keys")));
    assert_eq!(cancelled[0]["detail"], "{\"task\":[\"keys\"]}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_changes_are_refused() {
    let server = serve();
    for body in [
        json!({}),
        json!({ "where": null }),
        json!({ "where": [] }),
        json!({ "where": { "colour": "red" } }),
        json!({ "where": { "ids": ["keys"] } }),
        json!({ "where": {}, "until": "7" }),
        json!({ "where": {}, "after": "c0g" }),
        json!({ "where": {}, "limit": 0 }),
        json!({ "where": {}, "limit": 1001 }),
        json!({ "where": {}, "dryrun": true }),
    ] {
        for path in ["/v1/jobs/retry", "/v1/jobs/cancel", "/v1/jobs/delete"] {
            assert_eq!(refused(&server.post(path, &body).await), (400, "invalid-body"), "{path} {body}");
        }
    }
    server.stop();
}
