//! The thread that interrupts guests: it ticks while guests run and sleeps otherwise.

use std::time::{Duration, Instant};

use saggar_tests::app::App;
use saggar_tests::guests;
use saggar_tests::host::TestHost;
use saggar_tests::timeout::TIMEOUT;
use serde_json::json;

/// Many ticks long, so that a running ticker ticks at least once in this time.
const WINDOW: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_hosts_ticker_sleeps_and_wakes_for_the_next_guest() {
    let task = json!({ "process": "plugins.time", "timeout": 0.1 });
    let host = TestHost::start(App::new().plugin("time", guests::HOSTILE_TIME).task("spin", &task)).await;
    for _ in 0..2 {
        let before = host.inner().engine().ticks();
        host.run("spin", json!(["spin"])).await;
        assert!(host.inner().engine().ticks() > before, "a guest that computes for 100 ms is interrupted many times");
        let deadline = Instant::now() + TIMEOUT;
        while ticks_in(&host, WINDOW).await > 0 {
            assert!(Instant::now() < deadline, "the ticker never went to sleep");
        }
        assert_eq!(ticks_in(&host, 3 * WINDOW).await, 0, "the ticker woke up by itself");
    }
    host.shutdown().await;
}

/// Counts the ticks in a period of time. Sleeps because the test asserts the absence of ticks.
async fn ticks_in(host: &TestHost, window: Duration) -> u64 {
    let before = host.inner().engine().ticks();
    tokio::time::sleep(window).await;
    host.inner().engine().ticks() - before
}
