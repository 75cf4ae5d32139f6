//! What a guest asks of its capabilities, in a record and in a replay.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use saggar_files::{FileAnswer, FileError, FileHandle, FileOperation, FileRoot};
use saggar_http_client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpTimeouts};
use saggar_job::{JobId, LogSource, Outcome, Problem};
use saggar_kv::{KvAnswer, KvChange, KvEntry, KvOperation};
use saggar_record::{
    CallEnd, CallHeader, Effects, Header, Journal, Question, Record, RecordedCall, RecordedRequest, RecordedResponse,
    Recording, Replay, ReplayMode, Reply, Step,
};
use saggar_sandbox::{Observation, Observed, Replayed, Services, Stop, TaskJob};
use tokio::time::timeout;

/// A host that answers each question about a capability.
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
        Err(Problem::new("no-tasks", "there are none"))
    }

    async fn add_with(&self, _: &str, _: String, _: &str) -> Result<JobId, Problem> {
        Err(Problem::new("no-tasks", "there are none"))
    }

    async fn get(&self, _: &str, _: JobId) -> Result<TaskJob, Problem> {
        Err(Problem::new("no-tasks", "there are none"))
    }

    async fn cancel(&self, _: &str, _: JobId) -> Result<(), Problem> {
        Err(Problem::new("no-tasks", "there are none"))
    }

    fn env(&self) -> Vec<(String, String)> {
        vec![("REGION".to_owned(), "eu".to_owned())]
    }

    fn roots(&self) -> Vec<FileRoot> {
        vec![FileRoot { path: "/data".to_owned(), write: false }]
    }

    async fn file(&self, operation: FileOperation) -> Result<FileAnswer, FileError> {
        match operation {
            FileOperation::Read { .. } => Ok(FileAnswer::Bytes(b"text".to_vec())),
            _ => Err(FileError::ReadOnly),
        }
    }

    async fn kv(&self, operation: KvOperation) -> Result<KvAnswer, Problem> {
        match operation {
            KvOperation::Get { .. } => {
                let entry = KvEntry { value: b"1".to_vec(), version: 7, expires_in_ms: None };
                Ok(KvAnswer::Entry(Some(entry)))
            }
            _ => Err(Problem::new("not-granted", "only reading is granted")),
        }
    }

    async fn http(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if request.method != "GET" {
            return Err(HttpError::new(HttpErrorKind::NotGranted, "only GET is granted"));
        }
        let headers = vec![("x-one".to_owned(), b"\xff".to_vec())];
        Ok(HttpResponse { status: 204, headers, body: request.body })
    }
}

fn request(method: &str, ms: u64) -> HttpRequest {
    HttpRequest {
        method: method.to_owned(),
        url: "https://api.example.com/a".to_owned(),
        headers: vec![("authorization".to_owned(), b"$SECRET.shop".to_vec())],
        body: vec![1, 2].into(),
        timeouts: HttpTimeouts::within(Duration::from_millis(ms)),
        max_response: 9,
    }
}

fn header() -> CallHeader<'static> {
    CallHeader {
        id: 1,
        attempt: 1,
        max_attempts: 1,
        handler: None,
        trace_parent: None,
        timeout_ms: 1_000,
        args: Cow::Borrowed("[]"),
    }
}

const READ: FileOperation = FileOperation::Read { file: FileHandle(1), offset: 0, length: 9 };

/// What the guest of these tests does; the time that it has left does not matter. Returns everything that it was answered.
async fn use_services(services: &dyn Services, ms: u64) -> String {
    let set = KvOperation::Change { key: "a".to_owned(), change: KvChange::Set { value: vec![0], ttl_ms: None } };
    let answers = (
        (services.env(), services.roots()),
        (services.file(READ).await, services.file(FileOperation::Sync { file: FileHandle(1) }).await),
        (services.kv(KvOperation::Get { key: "a".to_owned() }).await, services.kv(set).await),
        (services.http(request("GET", ms)).await, services.http(request("POST", ms)).await),
    );
    services.close_file(FileHandle(1));
    format!("{answers:?}")
}

/// Ends the recording of a call that succeeded; returns its record, as it is read.
fn end(recording: &Recording<Host>) -> Record {
    let journal = recording.end().expect("the journal");
    let header = Header {
        host: "0".into(),
        task: "a".into(),
        process: "plugins.a".into(),
        digest: "00".into(),
        run: 1,
        started_at: 1,
        memory: 1 << 20,
        is_masked: false,
    };
    let outcome = Outcome::Success(Arc::from("1"));
    let bytes = journal.record(&header, CallEnd::new(&outcome, 1, 1)).expect("a record");
    Record::read(&bytes).expect("a valid record")
}

#[tokio::test]
async fn a_replay_gives_the_same_answers_about_capabilities() {
    let recording = Recording::new(Host, Journal::default(), header());
    assert_eq!(use_services(&recording, 10).await, use_services(&Host, 10).await, "a recorded guest is answered, too");
    let record = end(&recording);
    let call = record.last_call().expect("a call").clone();
    let replay = Replay::new(call, None, ReplayMode::Exact);
    assert_eq!(use_services(&replay, 9_999).await, use_services(&Host, 10).await);
    assert_eq!((replay.result().divergence, replay.result().unasked), (None, 0));
}

fn call(steps: Vec<Step>) -> RecordedCall {
    RecordedCall { header: header(), steps, effects: Effects::default() }
}

fn exchange(reply: Option<Reply<'static>>) -> Step {
    let HttpRequest { method, url, headers, body, .. } = request("GET", 1);
    let (headers, body) = (Cow::Owned(headers), Cow::Owned(body.to_vec()));
    Step::Asked(Question::Http(RecordedRequest { method: method.into(), url: url.into(), headers, body }), reply)
}

async fn is_never_answered(asked: impl Future) -> bool {
    timeout(Duration::from_millis(1), asked).await.is_err()
}

#[tokio::test]
async fn a_request_beside_the_guest_is_answered_whenever_it_is_sent() {
    let response = RecordedResponse { status: 200, headers: Cow::Owned(Vec::new()), body: Cow::Owned(vec![1]) };
    let number = Step::Observed(Observation::RandomNumber, Some(Observed::Number(4)));
    let steps = vec![exchange(Some(Reply::Http(Ok(response)))), number];
    for is_sent_first in [true, false] {
        let replay = Replay::new(call(steps.clone()), None, ReplayMode::Exact);
        let observe = || assert!(replay.replayed(Observation::RandomNumber).is_some() && !replay.is_cancelled());
        if !is_sent_first {
            observe();
        }
        assert_eq!(replay.http(request("GET", 5)).await.map(|response| response.status), Ok(200));
        if is_sent_first {
            observe();
        }
        assert_eq!((replay.result().divergence, replay.result().unasked), (None, 0));
    }
}

#[tokio::test]
async fn a_request_sent_while_the_guest_waits_leaves_no_unanswered_wait() {
    let (wait, ready) = (Observation::Poll(1), Observed::Indices(vec![0]));
    let recording = Recording::new(Host, Journal::default(), header());
    recording.waits_for(wait);
    recording.http(request("GET", 5)).await.expect("a response");
    recording.observed(wait, &ready);
    let record = end(&recording);
    let call = record.last_call().expect("a call").clone();
    assert_eq!(call.steps.len(), 2, "{:?}", call.steps);
    assert_eq!(call.steps[0], Step::Observed(wait, Some(ready.clone())));
    assert!(matches!(call.steps[1], Step::Asked(Question::Http(_), Some(Reply::Http(Ok(_))))), "{:?}", call.steps);
    let replay = Replay::new(call, record.stop(), ReplayMode::Exact);
    assert_eq!(replay.http(request("GET", 9)).await.map(|response| response.status), Ok(204));
    assert_eq!(replay.replayed(wait), Some(Replayed::Observed(ready)));
    assert!(!replay.is_cancelled());
    assert_eq!((replay.result().divergence, replay.result().unasked), (None, 0));
}

#[tokio::test]
async fn the_same_code_goes_on_without_an_answer_to_a_request_that_the_record_does_not_have() {
    let steps = vec![Step::Observed(Observation::RandomNumber, Some(Observed::Number(4)))];
    let replay = Replay::new(call(steps.clone()), None, ReplayMode::Exact);
    assert!(is_never_answered(replay.http(request("GET", 5))).await && !replay.is_cancelled());
    assert_eq!(replay.replayed(Observation::RandomNumber), Some(Replayed::Observed(Observed::Number(4))));
    assert_eq!((replay.result().divergence, replay.result().unasked), (None, 0));
    assert!(matches!(replay.replayed(Observation::Poll(1)), Some(Replayed::Stop(_))), "it waits, as it did not before");
    assert!(replay.is_cancelled() && replay.result().divergence.is_some());
    let replay = Replay::new(call(steps), None, ReplayMode::Lenient);
    assert!(is_never_answered(replay.http(request("GET", 5))).await && replay.is_cancelled());
    assert!(replay.result().divergence.is_some(), "other code needs an answer");
}

#[tokio::test]
async fn a_guest_that_did_not_wait_for_an_answer_goes_on_without_it() {
    let read = Step::Asked(Question::File(Cow::Owned(READ)), None);
    let number = Step::Observed(Observation::RandomNumber, Some(Observed::Number(4)));
    let replay = Replay::new(call(vec![read.clone(), exchange(None), number]), Some(Stop::Timeout), ReplayMode::Exact);
    assert!(is_never_answered(replay.file(READ)).await && is_never_answered(replay.http(request("GET", 5))).await);
    assert!(!replay.is_cancelled() && replay.replayed(Observation::RandomNumber).is_some());
    let replay = Replay::new(call(vec![read]), Some(Stop::Timeout), ReplayMode::Exact);
    assert!(is_never_answered(replay.file(READ)).await);
    assert!(replay.is_cancelled() && replay.stop() == Stop::Timeout, "it waited until it was stopped");
}

#[tokio::test]
async fn another_question_about_a_capability_diverges() {
    let replay = Replay::new(call(vec![exchange(None)]), None, ReplayMode::Lenient);
    assert!(is_never_answered(replay.http(request("PUT", 5))).await && replay.is_cancelled());
    let divergence = replay.result().divergence.expect("a divergence").to_string();
    assert!(divergence.contains("http PUT https://api.example.com/a"), "{divergence}");
    let get = |key: &str| KvOperation::Get { key: key.to_owned() };
    let recorded =
        Step::Asked(Question::Kv(Cow::Owned(get("a"))), Some(Reply::Kv(Ok(Cow::Owned(KvAnswer::Entry(None))))));
    let replay = Replay::new(call(vec![recorded]), None, ReplayMode::Exact);
    assert!(is_never_answered(replay.kv(get("b"))).await && replay.is_cancelled());
    let divergence = replay.result().divergence.expect("a divergence");
    assert!(divergence.asked.contains("\"b\"") && divergence.recorded.is_some(), "{divergence}");
}
