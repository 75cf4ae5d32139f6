//! Following a log of a real queue, with a paused clock that advances automatically.

use saggar_job::{LogSource, Timestamp};
use saggar_queue::JobLog;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::fixture::{Fixture, stream_permit};

fn follow(fixture: &Arc<Fixture>, id: JobId, read: usize) -> LogLines {
    let permit = stream_permit(&CancellationToken::new());
    LogLines::new(permit, fixture.task.clone(), id, read)
}

async fn write(fixture: &Fixture, id: JobId, texts: &[&str]) {
    let line = |text: &&str| LogLine { at: Timestamp(1), source: LogSource::Stdout, text: (*text).to_owned() };
    fixture.task.log(id, texts.iter().map(line).collect()).await.unwrap();
}

/// Returns the next piece: the name of each event, with its id and text if it has them.
async fn piece(lines: &mut LogLines) -> Vec<String> {
    let text = String::from_utf8(lines.next().await.expect("another piece").into_bytes()).unwrap();
    let field = |event: &str, name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    let shown = |event: &str| {
        let name = field(event, "event: ")?;
        let line = field(event, "data: ").and_then(|data| serde_json::from_str::<wire::LogLine>(&data).ok());
        Some([Some(name), field(event, "id: "), line.map(|line| line.text)].into_iter().flatten().collect::<Vec<_>>())
    };
    text.split_terminator("\n\n").filter_map(shown).map(|event| event.join(" ")).collect()
}

#[tokio::test(start_paused = true)]
async fn lines_are_sent_when_they_are_written_and_then_the_end() {
    let fixture = Fixture::new(0).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    write(&fixture, id, &["one", "two"]).await;
    let mut lines = follow(&fixture, id, 0);
    assert!(piece(&mut lines).await.is_empty(), "the first piece has lines");
    assert_eq!(piece(&mut lines).await, ["log 1 one", "log 2 two"]);
    let began = Instant::now();
    let (next, ()) = tokio::join!(piece(&mut lines), write(&fixture, id, &["three"]));
    assert_eq!((next, began.elapsed().as_millis()), (vec!["log 3 three".to_owned()], 0));
    assert!(
        piece(&mut lines).await.is_empty() && began.elapsed().as_secs() == 15,
        "no comment after 15 s without lines"
    );
    write(&fixture, id, &["four"]).await;
    fixture.succeed(claim).await;
    assert_eq!(piece(&mut lines).await, ["log 4 four", "end"]);
    assert!(lines.next().await.is_none());

    let mut again = follow(&fixture, id, 3);
    piece(&mut again).await;
    assert_eq!(piece(&mut again).await, ["log 4 four", "end"]);
}

#[tokio::test(start_paused = true)]
async fn a_log_ends_when_its_job_is_deleted() {
    let fixture = Fixture::new(0).await;
    let id = fixture.add().await;
    let mut lines = follow(&fixture, id, 0);
    piece(&mut lines).await;
    let (next, deleted) = tokio::join!(piece(&mut lines), fixture.task.delete(id));
    deleted.unwrap();
    assert_eq!(next, ["end"]);
}

#[tokio::test(start_paused = true)]
async fn a_large_log_is_sent_in_pieces_and_the_report_of_dropped_lines_has_no_id() {
    let fixture = Fixture::new(0).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    write(&fixture, id, &["x"; JobLog::GUEST_LINES + 1]).await;
    fixture.succeed(claim).await;
    let mut lines = follow(&fixture, id, 0);
    piece(&mut lines).await;
    let mut all = Vec::new();
    while all.last().is_none_or(|last| last != "end") {
        let piece = piece(&mut lines).await;
        assert!((1..400).contains(&piece.len()), "{}", piece.len());
        all.extend(piece);
    }
    assert_eq!(all.len(), JobLog::GUEST_LINES + 2);
    assert_eq!(all[JobLog::GUEST_LINES - 1], format!("log {} x", JobLog::GUEST_LINES));
    assert_eq!(all[JobLog::GUEST_LINES], "log 1 lines (1 bytes) were dropped here: the job's log is full");
}

#[tokio::test(start_paused = true)]
async fn the_buffered_bytes_of_a_large_log_are_limited() {
    let fixture = Fixture::new(0).await;
    let id = fixture.add().await;
    let claim = fixture.claim().await;
    let text = "x".repeat(200);
    write(&fixture, id, &vec![&*text; JobLog::GUEST_LINES]).await;
    fixture.succeed(claim).await;
    let mut lines = follow(&fixture, id, 0);
    let mut all = Vec::new();
    while all.last().is_none_or(|last| last != "end") {
        all.extend(piece(&mut lines).await);
        let buffered: usize = lines.lines.as_slice().iter().map(|line| line.text.len()).sum();
        assert!(buffered <= BATCH_BYTES, "{buffered}");
    }
    let numbers = (1..=JobLog::GUEST_LINES).map(|number| format!("log {number} {text}"));
    assert_eq!(all, numbers.chain(["end".to_owned()]).collect::<Vec<_>>());
}
