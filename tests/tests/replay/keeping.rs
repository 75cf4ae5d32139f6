//! Which attempts have a record, and what it contains.

use saggar_record::Record;
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::TestHost;
use serde_json::json;

async fn record(host: &TestHost, task: &str, id: u64) -> Option<Record> {
    let bytes = host.inner().record(task, id, None).await.expect("a lookup");
    bytes.map(|bytes| Record::read(&bytes).expect("a valid record"))
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_recorded_by_default_and_only_they() {
    let task = json!({ "process": "plugins.failing", "attempts": 1, "attempt_after": 0 });
    let host = TestHost::start(App::new().plugin("failing", guests::FAILING).task("failing", &task)).await;
    let good = host.add("failing", json!(["retry", 0, 0])).await;
    host.end("failing", good).await;
    assert!(record(&host, "failing", good).await.is_none());
    let once = host.add("failing", json!(["retry", 1, 0])).await;
    host.end("failing", once).await;
    let kept = record(&host, "failing", once).await.expect("the first attempt failed");
    let call = kept.last_call().expect("a call");
    assert_eq!((call.header.id, call.header.attempt, &*call.header.args), (once, 1, "[\"retry\",1,0]"));
    assert_eq!(&*kept.end.result.as_ref().unwrap_err().problem.code, "not-yet");
    assert_eq!(kept.calls.len(), 2, "the instance had served the good job");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_survives_a_restart_and_goes_with_its_job() {
    let host = TestHost::start_durable(App::new().simple_task("failing", guests::FAILING)).await;
    let id = host.add("failing", json!(["reject", 9, 0])).await;
    host.end("failing", id).await;
    let host = host.restart_durable().await;
    assert!(record(&host, "failing", id).await.is_some());
    host.inner().delete("failing", id).await.expect("an ended job");
    assert!(record(&host, "failing", id).await.is_none());
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn masked_arguments_and_tasks_without_records() {
    let task = |record, mask| json!({ "process": "plugins.failing", "sandbox": { "record": record, "mask": mask } });
    let app = App::new()
        .plugin("failing", guests::FAILING)
        .task("masked", &task(json!("failures"), json!(["/2"])))
        .task("off", &task(json!("off"), json!([])));
    let host = TestHost::start(app).await;
    let id = host.add("masked", json!(["reject", 9, 1234])).await;
    host.end("masked", id).await;
    let kept = record(&host, "masked", id).await.expect("a record");
    assert!(kept.header.is_masked);
    assert_eq!(&*kept.last_call().expect("a call").header.args, "[\"reject\",9,\"masked\"]");
    let id = host.add("off", json!(["reject", 9, 0])).await;
    host.end("off", id).await;
    assert!(record(&host, "off", id).await.is_none());
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_attempts_is_recorded() {
    let task = json!({ "process": "plugins.echo", "sandbox": { "record": 0.5 } });
    let host = TestHost::start(App::new().plugin("echo", guests::ECHO).task("echo", &task)).await;
    let mut recorded = 0;
    for number in 0..100 {
        let id = host.add("echo", json!([number])).await;
        host.end("echo", id).await;
        recorded += u32::from(record(&host, "echo", id).await.is_some());
    }
    // Which attempts these are depends on their ids only.
    assert!((25..=75).contains(&recorded), "{recorded} of 100");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_asks_for_too_much_has_no_record() {
    let task = json!({ "process": "plugins.empty", "sandbox": { "record": "all" } });
    let host = TestHost::start(App::new().plugin("empty", guests::EMPTY).task("empty", &task)).await;
    let large = host.add("empty", json!(["x".repeat((4 << 20) - 4)])).await;
    host.end("empty", large).await;
    assert!(record(&host, "empty", large).await.is_none(), "the arguments alone have 4 MiB");
    let small = host.add("empty", json!(["x"])).await;
    host.end("empty", small).await;
    let kept = record(&host, "empty", small).await.expect("a record");
    assert_eq!(kept.calls.len(), 1, "the instance of the large job was replaced");
    host.shutdown().await;
}
