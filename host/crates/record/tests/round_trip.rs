//! A recorded call and its replay, without a sandbox.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use saggar_job::{Failure, FailureKind, JobId, LogSource, Outcome, Problem, Status};
use saggar_record::{CallEnd, CallHeader, Document, Header, Journal, Record, Recording, Replay, ReplayMode, Step};
use saggar_sandbox::{Observation, Observed, Replayed, Services, Stop, TaskJob};

/// A host that adds every job as number 7 and knows none.
struct Host;

#[async_trait]
impl Services for Host {
    fn progress(&self, _: u64, _: u64, _: &str) {}

    fn log(&self, _: LogSource, _: &str) {}

    fn is_cancelled(&self) -> bool {
        false
    }

    async fn cancelled(&self) {
        std::future::pending().await
    }

    async fn add(&self, _: &str, _: String, _: u64) -> Result<JobId, Problem> {
        Ok(JobId(7))
    }

    async fn add_with(&self, _: &str, _: String, _: &str) -> Result<JobId, Problem> {
        Ok(JobId(7))
    }

    async fn get(&self, _: &str, id: JobId) -> Result<TaskJob, Problem> {
        let (current, total, message, response) = (1, 2, "half".to_owned(), None);
        Ok(TaskJob { id, status: Status::Running, current, total, message, response })
    }

    async fn cancel(&self, _: &str, _: JobId) -> Result<(), Problem> {
        Err(Problem::new("unknown-job", "there is none"))
    }
}

fn call(id: u64) -> CallHeader<'static> {
    CallHeader {
        id,
        attempt: 1,
        max_attempts: 3,
        handler: None,
        trace_parent: None,
        timeout_ms: 1_000,
        args: Cow::Borrowed("[\"ü\"]"),
    }
}

fn header() -> Header<'static> {
    Header {
        host: "0".into(),
        task: "mail.send".into(),
        process: "plugins.mail.send".into(),
        digest: "00".into(),
        run: 4,
        started_at: 1,
        memory: 1 << 20,
        is_masked: false,
    }
}

/// What the guest of these tests does.
async fn use_services(services: &dyn Services) -> (Result<JobId, Problem>, TaskJob, Result<(), Problem>) {
    services.log(LogSource::Stdout, "begins");
    let added = services.add("mail.send", "[1]".to_owned(), 0).await;
    let job = services.get("mail.send", JobId(3)).await.expect("every job runs");
    services.progress(1, 2, "half");
    (added, job, services.cancel("mail.send", JobId(9)).await)
}

fn observe(services: &dyn Services, what: Observation, observed: Observed) -> Observed {
    match services.replayed(what) {
        Some(Replayed::Observed(observed)) => observed,
        Some(Replayed::Stop(stop)) => panic!("stopped: {stop:?}"),
        None => {
            services.observed(what, &observed);
            observed
        }
    }
}

/// Records two calls in one instance; returns the record of the second.
async fn record() -> Vec<u8> {
    let recording = Recording::new(Host, Journal::default(), call(1));
    use_services(&recording).await.0.expect("an id");
    let mut journal = recording.end().expect("the journal");
    assert!(recording.end().is_none() && journal.end_call(1 << 20));
    let recording = Recording::new(Host, journal, call(2));
    observe(&recording, Observation::RandomBytes(3), Observed::Bytes(vec![1, 2, 3]));
    use_services(&recording).await.0.expect("an id");
    let journal = recording.end().expect("the journal");
    let outcome = Outcome::failure(FailureKind::Rejected, Problem::new("no", "not this one"));
    journal.record(&header(), CallEnd::new(&outcome, 5, 6)).expect("a record")
}

#[tokio::test]
async fn a_replay_gives_the_same_answers() {
    let record = Record::read(&record().await).expect("a valid record");
    assert_eq!((record.header.clone(), record.calls.len(), record.stop()), (header(), 2, None));
    assert_eq!(&*record.end.result.as_ref().expect_err("it failed").kind, "rejected");
    let call = record.last_call().expect("a call").clone();
    let replay = Replay::new(call.clone(), None, ReplayMode::Exact);
    let random = observe(&replay, Observation::RandomBytes(3), Observed::Nothing);
    assert_eq!(random, Observed::Bytes(vec![1, 2, 3]));
    assert_eq!(use_services(&replay).await, use_services(&Host).await);
    let result = replay.result();
    assert_eq!((result.divergence, result.unasked, result.effects), (None, 0, call.effects));
}

#[tokio::test]
async fn a_document_is_the_same_record() {
    let document = Document::read(&record().await).expect("a valid record");
    let text = serde_json::to_string(&document).expect("a document");
    let again: Document = serde_json::from_str(&text).expect("the same document");
    assert_eq!((&again.header, &again.entries), (&document.header, &document.entries));
    assert_eq!(Record::try_from(again).expect("a record").calls.len(), 2);
}

#[tokio::test]
async fn a_call_that_waited_is_stopped_there_again() {
    let recording = Recording::new(Host, Journal::default(), call(1));
    recording.waits_for(Observation::Poll(2));
    let journal = recording.end().expect("the journal");
    let outcome = Outcome::Failure(Failure::new(FailureKind::Timeout, Problem::new("timeout", "stopped")));
    let bytes = journal.record(&header(), CallEnd::new(&outcome, 5, 6)).expect("a record");
    let record = Record::read(&bytes).expect("a valid record");
    let call = record.last_call().expect("a call").clone();
    assert_eq!(call.steps, [Step::Observed(Observation::Poll(2), None)]);
    let replay = Replay::new(call, record.stop(), ReplayMode::Exact);
    assert_eq!(replay.replayed(Observation::Poll(2)), Some(Replayed::Stop(Stop::Timeout)));
    assert!(replay.is_cancelled() && replay.stop() == Stop::Timeout);
}

#[tokio::test]
async fn what_no_record_may_contain_is_left_out() {
    let recording = Recording::new(Host, Journal::default(), call(1));
    observe(&recording, Observation::RandomBytes(5 << 20), Observed::Bytes(vec![0; 5 << 20]));
    let mut journal = recording.end().expect("the journal");
    let outcome = Outcome::Success(Arc::from("1"));
    assert!(journal.record(&header(), CallEnd::new(&outcome, 5, 6)).is_none());
    assert!(!journal.end_call(1 << 20), "the instance has to be replaced");
}

#[test]
fn a_damaged_record_is_an_error_and_no_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let bytes = runtime.block_on(record());
    for length in 0..bytes.len() {
        assert!(Record::read(&bytes[..length]).is_err(), "{length} bytes");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            drop(Record::read(&changed));
        }
    }
}
