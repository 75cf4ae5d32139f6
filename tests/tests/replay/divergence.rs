//! Another guest on the same record: where it asks something else.

use saggar_record::{Record, ReplayMode};
use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::TestHost;
use serde_json::json;

use super::rerun::rerun;

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_the_record_has_not_is_named() {
    let host = TestHost::start(App::new().simple_task("random", guests::FAILING)).await;
    let id = host.add("random", json!(["reject", 9, 0])).await;
    host.end("random", id).await;
    let bytes = host.inner().record("random", id, None).await.expect("a lookup").expect("a record");
    let record = Record::read(&bytes).expect("a valid record");
    let (_, result) = rerun(host.inner().engine(), guests::CLOCKS, &record, ReplayMode::Exact).await;
    let divergence = result.divergence.expect("the guest reads a clock");
    assert_eq!(divergence.recorded, None);
    assert!(divergence.asked.contains("Clock"), "{divergence}");
    let (report, result) = rerun(host.inner().engine(), guests::CLOCKS, &record, ReplayMode::Lenient).await;
    assert!(report.result.is_ok() && result.divergence.is_none(), "clocks go on: {report:?}");
    assert_eq!(result.made_up, 2_000);
    host.shutdown().await;
}

#[test]
fn damaged_records_are_refused() {
    for bytes in
        [&b""[..], b"saggar record 1", b"saggar record 2\n", b"saggar record 1\n", b"saggar record 1\n\xff\xff"]
    {
        assert!(Record::read(bytes).is_err(), "{bytes:?}");
    }
}
