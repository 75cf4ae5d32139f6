//! Adding jobs: the properties of a job that a request sets, and that the same job is not added twice.

use reqwest::Method;
use saggar_tests::client::{ApiResponse, job_path, send};
use saggar_tests::server::Server;
use serde_json::{Value, json};

use super::stage::{ids, serve};

const JOBS: &str = "/v1/tasks/keys/jobs";

async fn add_with(server: &Server, path: &str, header: (&str, &str), body: &Value) -> ApiResponse {
    send(server.request(Method::POST, path).header(header.0, header.1).json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_has_the_requested_properties() {
    let server = serve();
    let added = server.post("/v1/tasks/mail.send/jobs", &json!({ "args": [1, "two"], "priority": -7 })).await;
    assert_eq!((added.status, &added.body), (201, &json!({ "id": 1, "new": true })));
    assert_eq!(added.headers["location"], "/v1/tasks/mail.send/jobs/1");
    let job = server.ended("mail.send", 1).await;
    assert_eq!(job["args"], json!([1, "two"]));
    assert_eq!(
        (&job["priority"], &job["status"], &job["response"]),
        (&json!(-7), &json!("SUCCESS"), &json!([1, "two"]))
    );
    // A task's id is case-insensitive; an empty body is a job without arguments.
    let added = server.post("/v1/tasks/MAIL.SEND/jobs", &json!({})).await;
    assert_eq!((added.status, &added.body), (201, &json!({ "id": 2, "new": true })));
    assert_eq!(server.ended("mail.send", 2).await["args"], json!([]));
    // Arguments stay as they are written.
    let body = r#"{"args":[1.50, 12345678901234567890123, "\u00e9"]}"#;
    let answer = server.raw(server.post_head(JOBS, &format!("content-length: {}\r\n", body.len())) + body);
    assert_eq!((answer.status, answer.json()), (201, json!({ "id": 1, "new": true })));
    let head = server.head(&format!("GET {}", job_path("keys", 1)), "");
    assert!(String::from_utf8(server.raw(head).body).is_ok_and(|job| job.contains(&body[8..body.len() - 1])));
    // An editor's byte order mark is ignored.
    let marked = "\u{feff}{\"args\":[7]}";
    let answer = server.raw(server.post_head(JOBS, &format!("content-length: {}\r\n", marked.len())) + marked);
    assert_eq!((answer.status, answer.json()), (201, json!({ "id": 2, "new": true })));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_for_its_time() {
    let server = serve();
    let later = server.add("keys", &json!({ "delay_ms": 3_600_000 })).await;
    let at = server.add("keys", &json!({ "run_at": "2099-12-31T23:59:59.5+01:00" })).await;
    // The later of the two times applies.
    let both = server.add("keys", &json!({ "run_at": "2099-12-31T23:59:59Z", "delay_ms": 1 })).await;
    let never = server.add("keys", &json!({ "delay_ms": u64::MAX })).await;
    let past = server.add("keys", &json!({ "run_at": "1268-01-23T17:31:53Z" })).await;
    assert_eq!(server.ended("keys", past).await["status"], "SUCCESS");
    let run_at = async |id| server.job("keys", id).await["run_at"].as_str().map(str::to_owned);
    let added_at = server.job("keys", later).await["added_at"].as_str().map(str::to_owned);
    assert!(run_at(later).await > added_at);
    assert_eq!(run_at(at).await.as_deref(), Some("2099-12-31T22:59:59.500Z"));
    assert_eq!(run_at(both).await.as_deref(), Some("2099-12-31T23:59:59.000Z"));
    assert_eq!(run_at(never).await.as_deref(), Some("9999-12-31T23:59:59.999Z"));
    let counts = server.get("/v1/tasks/keys").await.body["counts"].clone();
    assert_eq!((&counts["waiting"], &counts["delayed"], &counts["success"]), (&json!(4), &json!(4), &json!(1)));
    let late = server.add("keys", &json!({ "delay_ms": 1 })).await;
    assert_eq!(server.ended("keys", late).await["status"], "SUCCESS");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_parsed_in_the_whole_grammar_of_rfc_3339_only() {
    let server = serve();
    for (text, wanted) in [
        ("2099-12-31t22:59:59z", "2099-12-31T22:59:59.000Z"),
        ("2099-12-31 22:59:59.25-00:00", "2099-12-31T22:59:59.250Z"),
        ("2098-12-31T23:59:60Z", "2099-01-01T00:00:00.000Z"),
        ("2099-12-31T22:59:59.1234567890123456789+23:59", "2099-12-30T23:00:59.124Z"),
    ] {
        let id = server.add("keys", &json!({ "run_at": text })).await;
        assert_eq!(server.job("keys", id).await["run_at"], wanted, "{text}");
        let query = text.replace('+', "%2B").replace(' ', "%20");
        for name in ["added_from", "added_before"] {
            assert_eq!(server.get(&format!("/v1/jobs?{name}={query}")).await.status, 200, "{text}");
        }
    }
    for (text, wanted) in [
        ("2099-02-29T00:00:00Z", "there is no date 2099-02-29; that month has 28 days"),
        ("2099-02-28T24:00:00Z", "there is no time 24:00:00; times go from 00:00:00 to 23:59:59"),
        ("2099-02-28T00:00:00", "expected a time as in RFC 3339"),
        ("tomorrow", "expected a time as in RFC 3339"),
    ] {
        let body = server.post(JOBS, &json!({ "run_at": text })).await;
        let query = server.get(&format!("/v1/tasks/keys/jobs?added_from={text}")).await;
        for (refused, code, name) in [(body, "invalid-body", "run_at"), (query, "invalid-query", "added_from")] {
            let detail = refused.body["detail"].as_str().unwrap_or_default().to_owned();
            assert_eq!(refused.code(), code, "{detail}");
            assert!(detail.starts_with(&format!("`{name}`: {wanted}")), "{detail}");
        }
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_higher_priority_go_first() {
    let server = serve();
    server.close_gate("gated").await;
    let mut added = Vec::new();
    for priority in [0, i16::MIN, i16::MAX, 1] {
        added.push((
            -i32::from(priority),
            server.add("gated", &json!({ "args": ["keys", 1], "priority": priority })).await,
        ));
    }
    server.open_gate().await;
    let mut ended = Vec::new();
    for (_, id) in &added {
        let attempts =
            (server.ended("gated", *id).await, server.get(&format!("{}/attempts", job_path("gated", *id))).await);
        ended.push((attempts.1.body["attempts"][0]["started_at"].as_str().map(str::to_owned), *id));
    }
    added.sort_unstable();
    // Two may start within the same millisecond; then the times do not show their order.
    ended.sort_by_key(|(at, id)| (at.clone(), added.iter().position(|(_, added)| added == id)));
    assert_eq!(
        ended.iter().map(|(_, id)| *id).collect::<Vec<_>>(),
        added.iter().map(|(_, id)| *id).collect::<Vec<_>>()
    );
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_job_exists_once_while_it_waits_or_runs() {
    let server = serve();
    let add = async |args: Value, unique: Value| {
        let body = json!({ "args": args, "unique": unique, "delay_ms": 3_600_000 });
        let added = server.post(JOBS, &body).await;
        assert_eq!(added.body["new"], added.status == 201, "{added:?}");
        (added.status, added.body["id"].as_u64().unwrap_or_else(|| panic!("{added:?}")))
    };
    let (task, args) = (json!({ "by": "task" }), json!({ "by": "args" }));
    let first = json!({ "by": "args", "positions": [0] });
    assert_eq!(add(json!([1]), task.clone()).await, (201, 1));
    assert_eq!(add(json!([2]), task.clone()).await, (200, 1));
    assert_eq!(add(json!([{ "a": 1, "b": 2 }]), args.clone()).await, (201, 2));
    assert_eq!(add(json!([{ "b": 2, "a": 1 }]), args.clone()).await, (200, 2));
    assert_eq!(add(json!([{ "a": 1, "b": 3 }]), args).await, (201, 3));
    assert_eq!(add(json!(["ada", 1]), first.clone()).await, (201, 4));
    assert_eq!(add(json!(["ada", 2]), first.clone()).await, (200, 4));
    assert_eq!(add(json!(["bob", 1]), first).await, (201, 5));
    // Jobs without `unique` are not compared.
    assert_eq!(add(json!([1]), Value::Null).await, (201, 6));
    // An ended job does not block another one.
    assert_eq!(server.act(&format!("{}/cancel", job_path("keys", 1))).await.status, 200);
    assert_eq!(add(json!([1]), task).await, (201, 7));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_job() {
    let server = serve();
    let add = async |key: &str, args: Value| {
        let added = add_with(&server, JOBS, ("idempotency-key", key), &json!({ "args": args })).await;
        assert_eq!(added.headers["location"], job_path("keys", added.body["id"].as_u64().expect("an id")).as_str());
        assert_eq!(added.body["new"], added.status == 201, "{added:?}");
        (added.status, added.body["id"].as_u64())
    };
    assert_eq!(add("one", json!([1])).await, (201, Some(1)));
    assert_eq!(add("one", json!([1])).await, (200, Some(1)));
    assert_eq!(add("two words", json!([2])).await, (201, Some(2)));
    let job = server.ended("keys", 1).await;
    assert_eq!((&job["key"], &job["args"]), (&json!("one"), &json!([1])));
    // The key is known as long as the job is stored, even after its end.
    assert_eq!(add("one", json!([1])).await, (200, Some(1)));
    assert_eq!(server.delete(&job_path("keys", 1)).await.status, 204);
    assert_eq!(add("one", json!([3])).await, (201, Some(3)));
    // Keys are per task.
    let other = add_with(&server, "/v1/tasks/mail.send/jobs", ("idempotency-key", "one"), &json!({})).await;
    assert_eq!((other.status, &other.body), (201, &json!({ "id": 1, "new": true })));
    server.stop();
}

/// A key belongs to one request: another request with it is rejected, however the same one is formatted.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_not_reused_for_another_job() {
    let server = serve();
    let add = async |body: &str| {
        let head = format!("content-length: {}\r\nidempotency-key: one\r\n", body.len());
        let answer = server.raw(server.post_head(JOBS, &head) + body);
        (answer.status, answer.json())
    };
    let existing = (200, json!({ "id": 1, "new": false }));
    assert_eq!(add(r#"{"args":[{"a":1,"b":"\u00e9"},2.50]}"#).await.0, 201);
    // A client that formats the same JSON differently, or asks for another delay, sends the same request again.
    for same in [
        r#"{"args":[{"a":1,"b":"\u00e9"},2.50]}"#,
        r#"{"args": [ {"b":"é", "a":1}, 2.50 ], "delay_ms": 9, "priority": 0}"#,
    ] {
        assert_eq!(add(same).await, existing, "{same}");
    }
    for other in [
        r#"{}"#,
        r#"{"args":[{"a":1,"b":"\u00e9"},2.51]}"#,
        r#"{"args":[{"a":1,"b":"\u00e9"},"2.50"]}"#,
        r#"{"args":[{"a":1,"b":"\u00e9"},2.50],"priority":1}"#,
        r#"{"args":[{"a":1,"b":"\u00e9"},2.50],"unique":{"by":"task"}}"#,
    ] {
        let (status, problem) = add(other).await;
        assert_eq!((status, &problem["code"]), (409, &json!("key-reused")), "{other}");
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("`one`") && detail.contains("job 1"), "{problem}");
    }
    // Nothing of a batch is added; the error names its job. A key is also unique within a batch.
    let path = "/v1/tasks/keys/jobs/batch";
    let two = json!([{ "key": "new" }, { "key": "one" }]);
    let twice = json!([{ "key": "two", "args": [1] }, { "key": "two", "args": [2] }]);
    for jobs in [two, twice] {
        let refused = server.post(path, &json!({ "jobs": jobs })).await;
        assert_eq!((refused.status, refused.code()), (409, "key-reused"));
        assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.starts_with("job 1: ")), "{refused:?}");
    }
    let jobs = json!([{ "key": "two", "args": [1, 2] }, { "key": "two", "args": [1, 2] }]);
    assert_eq!(server.post(path, &json!({ "jobs": jobs })).await.body, json!({ "ids": [2, 2], "new": [true, false] }));
    assert_eq!(server.get("/v1/tasks/keys").await.body["counts"]["added"], 2);
    server.stop();
}

/// Of many concurrent requests with one key, exactly one adds the job and gets `new: true`.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_with_one_key_add_one_job() {
    let server = serve();
    let body = json!({});
    let adding = (0..32).map(|_| Box::pin(add_with(&server, JOBS, ("idempotency-key", "hasty"), &body)));
    let added = futures_util::future::join_all(adding).await;
    assert!(added.iter().all(|added| added.body == json!({ "id": 1, "new": added.status == 201 })), "{added:?}");
    assert_eq!(added.iter().filter(|added| added.status == 201).count(), 1);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_added_as_a_whole_or_not_at_all() {
    let server = serve();
    let batch = |task: &str| format!("/v1/tasks/{task}/jobs/batch");
    let three = json!({ "jobs": [{ "args": [1] }, { "args": [2], "priority": 1 }, { "delay_ms": 3_600_000 }] });
    let added = server.post(&batch("mail.send"), &three).await;
    assert_eq!((added.status, &added.body), (201, &json!({ "ids": [1, 2, 3], "new": [true, true, true] })));
    assert_eq!(server.ended("mail.send", 2).await["args"], json!([2]));
    // There is space for one of them, but not for two.
    server.close_gate("narrow").await;
    let two = json!({ "jobs": [{ "args": ["keys", 9] }, { "args": ["keys", 9] }] });
    let full = server.post(&batch("narrow"), &two).await;
    assert_eq!((full.status, full.code(), &full.headers["retry-after"]), (429, "queue-full", &"1".parse().unwrap()));
    let listed = server.get("/v1/tasks/narrow/jobs").await;
    assert_eq!(ids(&listed.body), [1], "{listed:?}");
    assert_eq!(server.get("/v1/tasks/mail.send").await.body["counts"]["added"], 3);
    server.stop();
}

/// The batch has 901 jobs, of which number 500 is invalid.
#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_a_batch_names_the_job_and_the_field() {
    let server = serve();
    for (task, wrong, code, wanted) in [
        (
            "mail.send",
            json!({ "args": { "a": 1 } }),
            "invalid-args",
            "job 500: `args`: the arguments of a job are one JSON array",
        ),
        (
            "mail.send",
            json!({ "args": "x" }),
            "invalid-args",
            "job 500: `args`: the arguments of a job are one JSON array",
        ),
        ("mail.send", json!({ "args": ["x".repeat(4 << 20)] }), "invalid-args", "job 500: `args`: "),
        ("mail.send", json!({ "argz": [] }), "invalid-body", "job 500: `argz`: unknown field"),
        ("mail.send", json!({ "priority": 40_000 }), "invalid-body", "job 500: `priority`: invalid value"),
        ("mail.send", json!({ "delay_ms": -1 }), "invalid-body", "job 500: `delay_ms`: invalid value"),
        (
            "mail.send",
            json!({ "run_at": "2026-02-30T00:00:00Z" }),
            "invalid-body",
            "job 500: `run_at`: there is no date",
        ),
        ("mail.send", json!({ "unique": { "by": "name" } }), "invalid-body", "job 500: `unique.by`: unknown variant"),
        (
            "mail.send",
            json!({ "unique": { "by": "args", "positions": [] } }),
            "invalid-body",
            "job 500: `unique.positions`",
        ),
        ("mail.send", json!({ "key": " " }), "invalid-body", "job 500: `key`: a key has"),
        ("mail.send", json!({ "key": 7 }), "invalid-body", "job 500: `key`: invalid type"),
        ("mail.send", json!([]), "invalid-body", "job 500: invalid type"),
    ] {
        let jobs: Vec<Value> =
            (0..901).map(|at| if at == 500 { wrong.clone() } else { json!({ "args": [at] }) }).collect();
        let refused = server.post(&format!("/v1/tasks/{task}/jobs/batch"), &json!({ "jobs": jobs })).await;
        let detail = refused.body["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!(refused.code(), code, "{detail}");
        assert!(detail.starts_with(wanted), "{detail}");
    }
    // Ids from an id source: the first job gets one, the second the same.
    let two = json!({ "jobs": [{}, {}] });
    for (task, code, wanted) in [
        ("seven", "duplicate-id", "job 1: the id 7 is taken"),
        ("last", "ids-exhausted", "job 1: "),
        ("numberless", "next-failed", "job 0: "),
    ] {
        let refused = server.post(&format!("/v1/tasks/{task}/jobs/batch"), &two).await;
        let detail = refused.body["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!(refused.code(), code, "{detail}");
        assert!(detail.starts_with(wanted), "{detail}");
    }
    assert_eq!(server.get("/v1/tasks/mail.send").await.body["counts"]["added"], 0);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_a_key_can_be_sent_again() {
    let server = serve();
    let path = "/v1/tasks/keys/jobs/batch";
    let batch = async |key: &str, jobs: Value| {
        let added = add_with(&server, path, ("idempotency-key", key), &json!({ "jobs": jobs })).await;
        (added.status, added.body["ids"].clone(), added.body["new"].clone())
    };
    let (yes, no) = (true, false);
    let three = json!([{}, { "key": "own" }, {}]);
    assert_eq!(batch("night", three.clone()).await, (201, json!([1, 2, 3]), json!([yes, yes, yes])));
    for (id, key) in [(1, "night/0"), (2, "own"), (3, "night/2")] {
        assert_eq!(server.job("keys", id).await["key"], key);
    }
    assert_eq!(batch("night", three).await, (200, json!([1, 2, 3]), json!([no, no, no])));
    // The batch may have grown.
    assert_eq!(batch("night", json!([{}, {}, {}, {}])).await, (201, json!([1, 4, 3, 5]), json!([no, yes, no, yes])));
    // Two jobs of the batch have the same key.
    let duplicates = json!([{ "key": "a" }, { "key": "a" }]);
    assert_eq!(batch("duplicates", duplicates).await, (201, json!([6, 6]), json!([yes, no])));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_sees_the_trace_that_the_request_belongs_to() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let server = serve();
    let header = format!("00-{TRACE}-b7ad6b7169203331-01");
    let path = "/v1/tasks/context/jobs";
    assert_eq!(add_with(&server, path, ("traceparent", &header), &json!({})).await.status, 201);
    let seen = server.ended("context", 1).await["response"]["trace_parent"].clone();
    assert_eq!(seen.as_str().and_then(|seen| seen.get(3..35)), Some(TRACE), "{seen}");
    // Invalid values are ignored, as the specification says.
    assert_eq!(add_with(&server, path, ("traceparent", "00-xyz"), &json!({})).await.status, 201);
    let seen = server.ended("context", 2).await["response"]["trace_parent"].clone();
    assert_ne!(seen.as_str().and_then(|seen| seen.get(3..35)), Some(TRACE), "{seen}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_added_again_with_other_arguments() {
    let server = serve();
    let args = r#"[ {"to": "ada", "id": 1970670598291982290, "x": 1.10}, "b" ]"#;
    let body = format!(r#"{{"args": {args}, "priority": 3, "delay_ms": 3600000}}"#);
    let first = server.request(Method::POST, "/v1/tasks/mail.send/jobs").header("content-type", "application/json");
    assert_eq!(send(first.body(body)).await.status, 201);
    let again = "/v1/tasks/mail.send/jobs/1/again";
    let replace = json!([{ "path": "/0/to", "value": { "name": "bob" } }, { "path": "/1", "value": null }]);
    let added = server.post(again, &json!({ "replace": replace })).await;
    assert_eq!((added.status, &added.body), (201, &json!({ "id": 2, "new": true })), "{added:?}");
    let job = server.ended("mail.send", 2).await;
    assert_eq!(job["priority"], 3);
    let text = server.request(Method::GET, "/v1/tasks/mail.send/jobs/2").send().await.expect("an answer");
    let text = text.text().await.expect("a text");
    assert!(text.contains(r#"[ {"to": {"name":"bob"}, "id": 1970670598291982290, "x": 1.10}, null ]"#), "{text}");
    for (body, status, code) in [
        (json!({ "replace": [{ "path": "/2", "value": 1 }] }), 400, "invalid-args"),
        (json!({ "replace": [{ "path": "", "value": 1 }] }), 400, "invalid-args"),
        (json!({ "replace": vec![json!({ "path": "/1", "value": 1 }); 17] }), 400, "invalid-body"),
        (json!({ "replace": [{ "path": "/1" }] }), 400, "invalid-body"),
    ] {
        let refused = server.post(again, &body).await;
        assert_eq!((refused.status, refused.code()), (status, code), "{body}");
    }
    let unknown = server.post("/v1/tasks/mail.send/jobs/99/again", &json!({})).await;
    assert_eq!((unknown.status, unknown.code()), (404, "unknown-job"));
    server.stop();
}
