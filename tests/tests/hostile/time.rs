//! Guests that never return.

use saggar::FailureKind;
use saggar_tests::{foreach_behaviour_of_time, guests};

use super::assert_tests_exist;
use super::withstand::Attack;

foreach_behaviour_of_time!(assert_tests_exist);

fn time(behaviour: &'static str) -> Attack {
    Attack::by_guest(guests::HOSTILE_TIME, behaviour).forever()
}

#[tokio::test(flavor = "multi_thread")]
async fn spin() {
    time("spin").withstand().await.by_timeout();
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_memory_forever() {
    time("copy_memory_forever").with_memory(64).withstand().await.by_timeout();
}

#[tokio::test(flavor = "multi_thread")]
async fn report_forever() {
    time("report_forever").withstand().await.by_timeout();
}

#[tokio::test(flavor = "multi_thread")]
async fn sleep_an_hour() {
    time("sleep_an_hour").withstand().await.by_timeout();
}

#[tokio::test(flavor = "multi_thread")]
async fn poll_without_waiting() {
    time("poll_without_waiting").withstand().await.by_timeout();
}

#[tokio::test(flavor = "multi_thread")]
async fn recurse_forever() {
    time("recurse_forever").withstand().await.by(FailureKind::Trap, "stack-overflow");
}

#[tokio::test(flavor = "multi_thread")]
async fn recurse_through_the_host() {
    time("recurse_through_the_host").until_it_ends().withstand().await.by(FailureKind::Trap, "stack-overflow");
}
