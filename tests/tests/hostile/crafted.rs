//! Attacks below the level of the bindings.

use saggar::FailureKind;
use saggar_tests::crafted::attack;
use saggar_tests::foreach_attack;

use super::assert_tests_exist;
use super::withstand::Attack;

foreach_attack!(assert_tests_exist);

fn crafted(name: &str) -> Attack {
    Attack::by_component(attack(name).expect("the attack can be built"))
}

#[tokio::test(flavor = "multi_thread")]
async fn spin_in_start() {
    crafted("spin_in_start").forever().without_benign_mode().withstand().await.by_timeout();
}

#[tokio::test(flavor = "multi_thread")]
async fn spin_in_realloc() {
    crafted("spin_in_realloc").forever().withstand().await.by_timeout();
}

#[tokio::test(flavor = "multi_thread")]
async fn spin_in_post_return() {
    crafted("spin_in_post_return").forever().withstand().await.by_timeout();
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_in_post_return() {
    crafted("trap_in_post_return").withstand().await.by(FailureKind::Trap, "trap");
}

#[tokio::test(flavor = "multi_thread")]
async fn allocate_beyond_memory() {
    crafted("allocate_beyond_memory").withstand().await.by(FailureKind::Trap, "trap");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_from_beyond_memory() {
    crafted("answer_from_beyond_memory").withstand().await.by(FailureKind::Trap, "trap");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_area_beyond_memory() {
    crafted("answer_area_beyond_memory").withstand().await.by(FailureKind::Trap, "trap");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_area_at_an_odd_address() {
    crafted("answer_area_at_an_odd_address").withstand().await.by(FailureKind::Trap, "trap");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_an_unknown_case() {
    crafted("answer_an_unknown_case").withstand().await.by(FailureKind::Trap, "trap");
}

#[tokio::test(flavor = "multi_thread")]
async fn dive() {
    crafted("dive").withstand().await.by(FailureKind::Trap, "stack-overflow");
}

#[tokio::test(flavor = "multi_thread")]
async fn start_with_a_gigabyte() {
    starts_too_large("start_with_a_gigabyte").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn start_with_a_large_table() {
    starts_too_large("start_with_a_large_table").await;
}

/// Asserts that a component whose instances can never fit is refused when it is loaded.
async fn starts_too_large(name: &str) {
    let why = crafted(name).without_benign_mode().refused().await.expect("no sandbox has that much memory");
    assert!(why.contains("attacker") && why.contains("set `sandbox.memory` to at least"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn grow_two_memories() {
    crafted("grow_two_memories").withstand().await.by(FailureKind::OutOfMemory, "out-of-memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn grow_sixteen_memories() {
    let why = crafted("grow_sixteen_memories").refused().await.expect("no sandbox has that many memories");
    assert!(why.contains("16") && why.contains("memories"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn grow_a_table() {
    let ended = crafted("grow_a_table").withstand().await;
    ended.by(FailureKind::OutOfMemory, "out-of-memory");
    let message = ended.job.problem.map(|problem| problem.message).unwrap_or_default();
    for part in ["100001 table entries in all", "at most 100000 are allowed", "keep fewer references"] {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grow_sixteen_tables() {
    crafted("grow_sixteen_tables").withstand().await.by(FailureKind::OutOfMemory, "out-of-memory");
}
