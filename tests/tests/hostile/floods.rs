//! Guests that request a million of something.

use saggar::FailureKind;
use saggar_tests::{foreach_behaviour_of_floods, guests};

use super::assert_tests_exist;
use super::withstand::{Attack, Ended};

foreach_behaviour_of_floods!(assert_tests_exist);

async fn flood(behaviour: &'static str) -> Ended {
    Attack::by_guest(guests::HOSTILE_FLOODS, behaviour).withstand().await
}

/// Asserts that the log has a limited number of lines, and reports that some were dropped.
fn assert_log_is_bounded(log: &[String]) {
    let bytes: usize = log.iter().map(String::len).sum();
    assert!(!log.is_empty() && log.len() <= 20_000 && bytes <= 4 << 20, "{} lines, {bytes} bytes", log.len());
    assert!(log.last().is_some_and(|line| line.contains("dropped")), "{:?}", log.last());
}

#[tokio::test(flavor = "multi_thread")]
async fn report_a_million_times() {
    let ended = flood("report_a_million_times").await;
    ended.well();
    let job = ended.job;
    assert_eq!((job.current, job.total, job.message.len()), (1_000_000, 1_000_000, 1024));
}

#[tokio::test(flavor = "multi_thread")]
async fn log_a_million_lines() {
    let ended = flood("log_a_million_lines").await;
    ended.well();
    assert_log_is_bounded(&ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn print_a_million_lines() {
    let ended = flood("print_a_million_lines").await;
    ended.well();
    assert_log_is_bounded(&ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn print_an_endless_line() {
    let ended = flood("print_an_endless_line").await;
    ended.well();
    assert_log_is_bounded(&ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_a_million_pollables() {
    flood("open_a_million_pollables").await.by(FailureKind::Trap, "handle-limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_a_million_streams() {
    flood("open_a_million_streams").await.by(FailureKind::Trap, "handle-limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn draw_a_gigabyte_at_once() {
    flood("draw_a_gigabyte_at_once").await.by(FailureKind::Trap, "random-limit");
}

/// Allowed, like any other computation: it uses the guest's own time, and 64 KiB of the host's memory.
#[tokio::test(flavor = "multi_thread")]
async fn draw_a_gigabyte_in_pieces() {
    flood("draw_a_gigabyte_in_pieces").await.well();
}

#[tokio::test(flavor = "multi_thread")]
async fn add_jobs_forever() {
    let answer = flood("add_jobs_forever").await.well();
    let refused = answer["refused"].as_str().unwrap();
    assert!(["queue-full", "budget-spent"].contains(&refused), "{answer}");
    assert!(answer["count"].as_u64().unwrap() <= 100_000, "{answer}");
}
