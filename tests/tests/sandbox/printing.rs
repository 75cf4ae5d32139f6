//! Output is logged for the job whose call wrote it, even without line breaks.

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::TestHost;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn output_without_a_line_break_is_in_the_log_of_its_job() {
    let task = json!({ "process": "plugins.it" });
    let host = TestHost::start(App::new().plugin("it", guests::MURMURING).task("it", &task)).await;
    for word in ["secret", "public", "third"] {
        let id = host.add("it", json!([word, false])).await;
        host.end("it", id).await;
        assert_eq!(host.log("it", id).await, [format!("process {word}")]);
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_of_a_failing_call_is_in_the_log_of_its_job() {
    let task = json!({ "process": "plugins.it" });
    let host = TestHost::start(App::new().plugin("it", guests::MURMURING).task("it", &task)).await;
    let failed = host.run("it", json!(["secret", true])).await;
    assert_eq!(host.log("it", failed.id).await[0], "process secret");
    let next = host.run("it", json!(["public", false])).await;
    assert_eq!(host.log("it", next.id).await, ["process public"]);
    // These arguments are rejected before the plugin's own code runs.
    let refused = host.run("it", json!([1])).await;
    assert!(host.log("it", refused.id).await.iter().all(|line| !line.contains("public")));
    host.shutdown().await;
}

/// One plugin has all roles; they are called one after the other, for three jobs.
#[tokio::test(flavor = "multi_thread")]
async fn output_of_handlers_is_in_the_log_of_their_job() {
    let of = |reference: &str| json!(format!("plugins.it{reference}"));
    let event = json!({ "next": of(""), "add": of(""), "success": of(""), "error": of("") });
    let task = json!({ "process": "plugins.it", "event": event });
    let host = TestHost::start(App::new().plugin("it", guests::MURMURING).task("it", &task)).await;
    for (id, word, fails) in [(1, "one", false), (2, "two", true), (3, "three", false)] {
        assert_eq!(host.add("it", json!([word, fails])).await, id);
        host.end("it", id).await;
        host.idle().await;
        let log = host.log("it", id).await;
        let count = |line: &str| log.iter().filter(|found| *found == line).count();
        assert_eq!(
            (count("next"), count(&format!("add {id}")), count(&format!("process {word}"))),
            (1, 1, 1),
            "{log:?}"
        );
        if fails {
            // A failing handler is called again.
            assert!(count(&format!("error {id}")) >= 1, "{log:?}");
        } else {
            assert_eq!(count(&format!("success {word}")), 1, "{log:?}");
        }
        let others = ["one", "two", "three"].into_iter().filter(|other| *other != word);
        others.for_each(|other| assert!(!log.iter().any(|line| line.contains(other)), "{other} in {log:?}"));
    }
    host.shutdown().await;
}

/// The guest does not use the SDK and does not buffer its output: the host ends the line with the call.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_line_ends_with_its_call() {
    let host = TestHost::start(App::new().simple_task("it", guests::LEAKING)).await;
    for _ in 0..2 {
        let job = host.run("it", json!(["nothing", 0])).await;
        assert_eq!(host.log("it", job.id).await, ["nothing is leaked"]);
    }
    host.shutdown().await;
}
