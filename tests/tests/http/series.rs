//! What tasks did in the last hours.

use serde_json::{Value, json};

use super::stage::serve;

fn sum(series: &Value, what: &str) -> u64 {
    series[what].as_array().unwrap_or_else(|| panic!("{series}")).iter().filter_map(Value::as_u64).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_has_what_a_task_did() {
    let server = serve();
    for number in 0..3 {
        let id = server.add("mail.send", &json!({ "args": [number] })).await;
        server.ended("mail.send", id).await;
    }
    let failed = server.add("failing", &json!({ "args": ["reject", 9, 0] })).await;
    server.ended("failing", failed).await;
    let series = server.get("/v1/series?task=Mail.Send").await;
    assert_eq!((series.status, &series.body["step_ms"]), (200, &json!(10_000)), "{series:?}");
    let series = series.body;
    assert_eq!((sum(&series, "added"), sum(&series, "started"), sum(&series, "succeeded")), (3, 3, 3), "{series}");
    assert_eq!((sum(&series, "failed"), sum(&series, "retried")), (0, 0), "{series}");
    let steps = series["added"].as_array().map(Vec::len);
    for list in [&series["retried"], &series["duration_ms"]["p99"], &series["start_delay_ms"]["p50"]] {
        assert_eq!(list.as_array().map(Vec::len), steps, "{series}");
    }
    assert!(series["start_delay_ms"]["p50"].as_array().is_some_and(|all| all.iter().any(Value::is_number)), "{series}");
    let all = server.get("/v1/series").await.body;
    assert_eq!((sum(&all, "added"), sum(&all, "succeeded"), sum(&all, "failed")), (4, 3, 1), "{all}");
    assert_eq!(all["duration_ms"], Value::Null);
    let none = server.get("/v1/series?from=2999-01-01T00:00:00Z").await.body;
    assert_eq!(none["added"].as_array().map(Vec::len), Some(1), "the present step");
    for (query, code) in [("task=nothing", "unknown-task"), ("from=now", "invalid-query"), ("step=1", "invalid-query")]
    {
        assert_eq!(server.get(&format!("/v1/series?{query}")).await.code(), code, "{query}");
    }
    server.stop();
}
