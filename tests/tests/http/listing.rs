//! Lists: filters, orders, pages and their cursors.

use std::collections::BTreeSet;

use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::stage::{ids, serve};

/// Returns all ids of a list, read page by page with at most `limit` jobs each.
async fn walk(server: &Server, path: &str, limit: usize) -> Vec<u64> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{path}&limit={limit}{after}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let some = ids(&page.body);
        assert!(some.len() <= limit, "{page:?}");
        all.extend(some);
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_complete_despite_concurrent_changes() {
    let server = serve();
    let jobs: Vec<Value> = (0..25).map(|number| json!({ "args": [number], "delay_ms": 3_600_000 })).collect();
    assert_eq!(server.post("/v1/tasks/keys/jobs/batch", &json!({ "jobs": jobs })).await.status, 201);
    let oldest = "/v1/tasks/keys/jobs?order=oldest";
    for limit in [1, 7, 25, 1_000] {
        assert_eq!(walk(&server, oldest, limit).await, (1..=25).collect::<Vec<_>>());
        assert_eq!(walk(&server, "/v1/jobs?order=newest", limit).await, (1..=25).rev().collect::<Vec<_>>());
    }
    let first = server.get("/v1/tasks/KEYS/jobs?order=oldest&limit=10").await;
    let next = first.body["next"].as_str().expect("more jobs follow").to_owned();
    // The job at the cursor is deleted, another one ends, and a new one is added.
    assert_eq!(server.delete("/v1/tasks/keys/jobs/10").await.status, 204);
    assert_eq!(server.act("/v1/tasks/keys/jobs/11/cancel").await.status, 200);
    server.add("keys", &json!({ "delay_ms": 3_600_000 })).await;
    let rest = server.get(&format!("{oldest}&after={next}")).await;
    assert_eq!(ids(&rest.body), (11..=26).collect::<Vec<_>>());
    // By default, a page has a hundred jobs, newest first.
    let jobs: Vec<Value> = (0..100).map(|_| json!({ "delay_ms": 3_600_000 })).collect();
    assert_eq!(server.post("/v1/tasks/keys/jobs/batch", &json!({ "jobs": jobs })).await.status, 201);
    let page = server.get("/v1/jobs").await;
    assert_eq!(ids(&page.body), (27..=126).rev().collect::<Vec<_>>());
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered() {
    let server = serve();
    let running = server.close_gate("gated").await;
    let waiting = server.add("gated", &json!({ "args": ["keys", 1] })).await;
    let failed = server.add("failing", &json!({ "args": ["reject", 9, 0] })).await;
    server.ended("failing", failed).await;
    let done = server.add("progress", &json!({ "args": [3, "plums"] })).await;
    let job = server.ended("progress", done).await;
    let list = async |query: &str| {
        let page = server.get(&format!("/v1/jobs?{query}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let task = |job: &Value| job["task"].as_str().unwrap_or_default().to_owned();
        page.body["jobs"].as_array().expect("jobs").iter().map(task).zip(ids(&page.body)).collect::<BTreeSet<_>>()
    };
    let of = |jobs: &[(&str, u64)]| jobs.iter().map(|(task, id)| ((*task).to_owned(), *id)).collect::<BTreeSet<_>>();
    let (gated, all) = ([("gated", running), ("gated", waiting)], [("failing", failed), ("progress", done)]);
    assert_eq!(list("status=RUNNING").await, of(&gated[..1]));
    assert_eq!(list("status=WAITING").await, of(&gated[1..]));
    assert_eq!(list("status=FAILURE").await, of(&all[..1]));
    assert_eq!(list("status=SUCCESS").await, of(&all[1..]));
    // The text matches messages of progress and of problems.
    assert_eq!(list("text=plums").await, of(&all[1..]));
    assert_eq!(list("text=fails%20by%20reject&status=FAILURE").await, of(&all[..1]));
    assert_eq!(list("text=fails%20by%20reject&status=SUCCESS").await, of(&[]));
    assert_eq!(list("text=pears").await, of(&[]));
    // It also matches the message of a running attempt, the problem's code, code and message together, the reason, and
    // the progress as numbers.
    assert_eq!(list("text=at%20the%20gate").await, of(&gated[..1]));
    assert_eq!(list("text=0/1%20at&status=RUNNING").await, of(&gated[..1]));
    assert_eq!(list("text=at%20the%20gate&status=WAITING").await, of(&[]));
    assert_eq!(list("text=not-yet").await, of(&all[..1]));
    assert_eq!(list("text=not-yet:%20attempt%201").await, of(&all[..1]));
    assert_eq!(list("text=rejected").await, of(&all[..1]));
    assert_eq!(list("text=3/3").await, of(&all[1..]));
    let everything = of(&[gated, all].concat());
    assert_eq!(list("").await, everything);
    let added_at = job["added_at"].as_str().expect("a timestamp");
    assert!(list(&format!("added_from={added_at}")).await.contains(&("progress".to_owned(), done)));
    assert!(!list(&format!("added_before={added_at}")).await.contains(&("progress".to_owned(), done)));
    assert_eq!(list("added_from=1969-12-31T23:00:00-02:00&added_before=2999-01-01T00:00:00%2B01:00").await, everything);
    assert_eq!(list("added_before=1970-01-01T00:00:00Z").await, of(&[]));
    // A list shows the same fields as the job itself, except for those that may be large.
    let listed = server.get("/v1/tasks/progress/jobs").await.body["jobs"][0].clone();
    for (name, value) in listed.as_object().expect("an object") {
        assert_eq!(value, &job[name], "{name}");
    }
    assert!(listed.get("args").is_none() && listed.get("response").is_none(), "{listed}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_found_by_what_they_are_and_how_they_failed() {
    let server = serve();
    let jobs = json!([
        { "args": [{ "order": 4711 }], "key": "order-4711", "priority": 5 },
        { "args": [{ "order": 4712 }] },
    ]);
    let added = server.post("/v1/tasks/keys/jobs/batch", &json!({ "jobs": jobs })).await.body;
    let [order, other] = [0, 1].map(|at| added["ids"][at].as_u64().expect("an id"));
    let failed = server.add("failing", &json!({ "args": ["reject", 9, 0] })).await;
    for (task, id) in [("keys", order), ("keys", other), ("failing", failed)] {
        server.ended(task, id).await;
    }
    let digest =
        server.get(&format!("/v1/tasks/keys/jobs/{order}/attempts")).await.body["attempts"][0]["cost"]["digest"]
            .as_str()
            .expect("a digest")
            .to_owned();
    let list = async |query: &str| {
        let page = server.get(&format!("/v1/jobs?{query}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let counted = server.get(&format!("/v1/jobs/count?{query}")).await;
        let found = ids(&page.body);
        assert_eq!((&counted.body["count"], &counted.body["exact"]), (&json!(found.len()), &json!(true)), "{query}");
        found
    };
    let keys = vec![other, order];
    assert_eq!(list("task=KEYS").await, keys);
    assert_eq!(list("task=ke*&status=SUCCESS,WAITING").await, keys);
    assert_eq!(list("task=key,progress").await, [0; 0]);
    assert_eq!(list("key=order-4711").await, [order]);
    assert_eq!(list(&format!("ids=keys:{order},failing:{failed}&order=oldest")).await, [order, failed]);
    assert_eq!(list("min_priority=1").await, [order]);
    assert_eq!(list("reason=rejected,trap").await, [failed]);
    assert_eq!(list("code=not-yet").await, [failed]);
    assert_eq!(list("code=not").await, [0; 0]);
    assert_eq!(list("args={%22/0/order%22:4712}").await, [other]);
    assert_eq!(list("args_text=471").await, keys);
    assert_eq!(list(&format!("digest={}", &digest[..8])).await, keys);
    assert_eq!(list("max_took_ms=60000&min_attempt=1").await.len(), 3);
    assert_eq!(list("ended_before=1970-01-02T00:00:00Z").await, [0; 0]);
    let page = server.get("/v1/jobs?fields=args&key=order-4711").await.body;
    assert_eq!((&page["jobs"][0]["args"], &page["looked_at"]), (&json!("[{\"order\":4711}]"), &json!(1)));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_why_a_job_waits() {
    let server = serve();
    server.close_gate("gated").await;
    let ready = ("gated", server.add("gated", &json!({ "args": ["keys", 1] })).await);
    let late = ("gated", server.add("gated", &json!({ "args": ["keys", 1], "run_at": "2020-01-01T00:00:00Z" })).await);
    let delayed = ("gated", server.add("gated", &json!({ "args": ["keys", 1], "delay_ms": 3_600_000 })).await);
    let args = json!(["retry-after", 9, 3_600_000]);
    let retrying = ("failing", server.add("failing", &json!({ "args": args })).await);
    server.until("failing", retrying.1, |job| job["waiting"] == "retrying").await;
    let on_hold = ("on-hold", server.add("on-hold", &json!({ "args": [] })).await);
    for ((task, id), waiting) in
        [(ready, "ready"), (late, "ready"), (delayed, "delayed"), (retrying, "retrying"), (on_hold, "on-hold")]
    {
        let job = server.job(task, id).await;
        assert_eq!((&job["status"], &job["waiting"]), (&json!("WAITING"), &json!(waiting)), "{job}");
        assert!(job["run_at"].is_string(), "{job}");
        let page = server.get(&format!("/v1/tasks/{task}/jobs?status=WAITING")).await;
        let jobs = page.body["jobs"].as_array().expect("jobs").clone();
        let listed = jobs.iter().find(|job| job["id"] == id).expect("it is listed");
        for member in ["waiting", "run_at", "cancelling"] {
            assert_eq!(listed[member], job[member], "{member}");
        }
        let found = server.get(&format!("/v1/tasks/{task}/jobs?text={waiting}")).await.body;
        assert!(ids(&found).contains(&id), "`text` finds what the list shows: {found}");
    }
    let found = async |word: &str| ids(&server.get(&format!("/v1/tasks/gated/jobs?text={word}")).await.body);
    assert_eq!(found("delayed").await, [delayed.1]);
    assert_eq!(found("ready").await, [late.1, ready.1]);
    let running = server.get("/v1/jobs?status=RUNNING").await.body["jobs"][0].clone();
    assert_eq!((&running["waiting"], &running["cancelling"]), (&Value::Null, &json!(false)));
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_queries_are_refused() {
    let server = serve();
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=ten",
        "limit=1&limit=1",
        "status=waiting",
        "status=WAITING,",
        "reason=odd",
        "ids=keys",
        "ids=keys:0",
        "parent=keys:x",
        "group=g1",
        "digest=G",
        "min_priority=40000",
        "args=[]",
        "args={\"0\":1}",
        "fields=all",
        "status=",
        "order=random",
        "after=1",
        "after=c0g",
        "after=c00",
        "after=cffffffffffffffff1",
        "added_from=yesterday",
        "added_before=2026-02-30T00:00:00Z",
        "added_from=2026-11-24T10:00:00+01:00",
        "colour=red",
        "Limit=1",
    ] {
        for list in ["/v1/jobs", "/v1/tasks/keys/jobs"] {
            let refused = server.get(&format!("{list}?{query}")).await;
            assert_eq!((refused.status, refused.code()), (400, "invalid-query"), "{query}");
        }
    }
    // These routes do not accept parameters; an empty query is valid.
    for path in ["/v1/tasks?limit=1", "/v1/tasks/keys?x", "/v1/tasks/keys/jobs/1/attempts?limit=1"] {
        assert_eq!(server.get(path).await.code(), "invalid-query", "{path}");
    }
    assert_eq!(server.get("/v1/jobs?").await.status, 200);
    assert_eq!(server.get("/v1/tasks/nowhere/jobs").await.code(), "unknown-task");
    server.stop();
}
