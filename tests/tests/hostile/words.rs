//! Guests that send invalid text, invalid JSON or malicious text.

use saggar::FailureKind;
use saggar_tests::{foreach_behaviour_of_words, guests};

use super::assert_tests_exist;
use super::withstand::{Attack, Ended};

foreach_behaviour_of_words!(assert_tests_exist);

async fn words(behaviour: &'static str) -> Ended {
    Attack::by_guest(guests::HOSTILE_WORDS, behaviour).withstand().await
}

/// Asserts that the text cannot deceive a terminal or a reader of logs.
fn assert_harmless(text: &str) {
    let treacherous = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!text.contains(treacherous), "{text:?} is not harmless");
    assert!(text.contains("all is well"), "{text:?} lost its harmless part");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_invalid_utf8() {
    words("answer_invalid_utf8").await.by(FailureKind::Trap, "trap");
}

#[tokio::test(flavor = "multi_thread")]
async fn report_invalid_utf8() {
    words("report_invalid_utf8").await.by(FailureKind::Trap, "trap");
}

#[tokio::test(flavor = "multi_thread")]
async fn log_invalid_utf8() {
    words("log_invalid_utf8").await.by(FailureKind::Trap, "trap");
}

#[tokio::test(flavor = "multi_thread")]
async fn report_from_beyond_memory() {
    words("report_from_beyond_memory").await.by(FailureKind::Trap, "trap");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_deep_json() {
    words("answer_deep_json").await.by(FailureKind::Trap, "invalid-response");
}

#[tokio::test(flavor = "multi_thread")]
async fn add_deep_json() {
    words("add_deep_json").await.by(FailureKind::Rejected, "invalid-args");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_invalid_json() {
    words("answer_invalid_json").await.by(FailureKind::Trap, "invalid-response");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_nothing() {
    words("answer_nothing").await.by(FailureKind::Trap, "invalid-response");
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_with_invalid_json() {
    let ended = words("fail_with_invalid_json").await;
    ended.by(FailureKind::Rejected, "odd");
    assert_eq!(ended.job.problem.unwrap().details, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_with_megabytes() {
    let ended = words("fail_with_megabytes").await;
    ended.by(FailureKind::Rejected, &"c".repeat(64));
    let problem = ended.job.problem.unwrap();
    assert_eq!((problem.message.len(), problem.details), (4096, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_with_escapes() {
    let problem = words("fail_with_escapes").await.job.problem.unwrap();
    assert_harmless(&problem.code);
    assert_harmless(&problem.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_escapes() {
    let ended = words("log_escapes").await;
    ended.well();
    assert_eq!(ended.log.len(), 1, "{:?}", ended.log);
    ended.log.iter().for_each(|line| assert_harmless(line));
}

#[tokio::test(flavor = "multi_thread")]
async fn print_escapes() {
    let ended = words("print_escapes").await;
    ended.well();
    assert_eq!(ended.log.len(), 2, "{:?}", ended.log);
    ended.log.iter().for_each(|line| assert_harmless(line));
}

#[tokio::test(flavor = "multi_thread")]
async fn report_escapes() {
    let ended = words("report_escapes").await;
    ended.well();
    assert_harmless(&ended.job.message);
}
