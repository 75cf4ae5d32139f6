//! The answer with a job whose texts are large: the stored texts are written to the client without copies, and count
//! against the budget until they are written.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use hyper::body::{Frame, SizeHint};
use saggar_job::{State, Timestamp};

use crate::jobs::KnownJob;
use crate::problem::Refusal;
use crate::response_budget::IsBudgeted;
use crate::room::Room;
use crate::show;

/// Returns the answer with this job as it is at `now`. `room` is the room of its texts.
pub(crate) fn answer(mut known: KnownJob, room: Room, now: Timestamp) -> Response {
    let room = Arc::new(room);
    let args = std::mem::replace(&mut known.job.args, "[]".into());
    let response = match &mut known.job.life.state {
        State::Success { response, .. } => Some(std::mem::replace(response, "null".into())),
        _ => None,
    };
    // The placeholders are recognized by their address, so no text of the job can be mistaken for one.
    let job = show::job(known, now);
    let mut placeholders = vec![(job.args.get().as_ptr(), Text::bytes(args, &room))];
    if let (Some(placeholder), Some(response)) = (&job.response, response) {
        placeholders.push((placeholder.get().as_ptr(), Text::bytes(response, &room)));
    }
    let mut pieces = PieceWriter { placeholders, done: VecDeque::new(), buffer: Vec::new() };
    if let Err(error) = serde_json::to_writer(&mut pieces, &job) {
        return Refusal::internal(&format!("the answer cannot be serialized: {error}")).into_response();
    }
    let mut response = Response::new(Body::new(pieces.into_body()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.extensions_mut().insert(IsBudgeted);
    response
}

/// A text in transit to the client, with its room.
struct Text {
    text: Arc<str>,
    _room: Arc<Room>,
}

impl Text {
    fn bytes(text: Arc<str>, room: &Arc<Room>) -> Bytes {
        Bytes::from_owner(Self { text, _room: Arc::clone(room) })
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// A writer of a document in pieces that replaces placeholders with their texts.
struct PieceWriter {
    placeholders: Vec<(*const u8, Bytes)>,
    done: VecDeque<Bytes>,
    buffer: Vec<u8>,
}

impl PieceWriter {
    fn end_piece(&mut self) {
        if !self.buffer.is_empty() {
            self.done.push_back(std::mem::take(&mut self.buffer).into());
        }
    }

    fn into_body(mut self) -> PiecesBody {
        self.end_piece();
        let remaining = self.done.iter().map(|piece| piece.len() as u64).sum();
        PiecesBody { pieces: self.done, remaining }
    }
}

impl io::Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // serde_json writes raw JSON in one call.
        match self.placeholders.iter().position(|(placeholder, _)| std::ptr::eq(*placeholder, bytes.as_ptr())) {
            Some(at) => {
                let (_, text) = self.placeholders.swap_remove(at);
                self.end_piece();
                self.done.push_back(text);
            }
            None => self.buffer.extend_from_slice(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A body whose pieces are all in memory.
struct PiecesBody {
    pieces: VecDeque<Bytes>,
    remaining: u64,
}

impl HttpBody for PiecesBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let piece = self.pieces.pop_front();
        self.remaining -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use saggar_job::{FailureKind, JobId, Life, Problem, Run};
    use saggar_queue::{Job, Progress};

    use super::*;

    fn job(state: State, args: &str) -> KnownJob {
        let life = Life { state, attempt: 1, run: Run(1) };
        // The message equals the placeholder of the arguments.
        let progress = Progress { current: 1, total: 2, message: "[]".into() };
        let job = Job {
            id: JobId(7),
            args: args.into(),
            priority: 0,
            added_at: Timestamp(1),
            life,
            progress,
            key: Some("null".into()),
            unique: None,
            callbacks: Vec::new(),
            origin: None,
        };
        KnownJob { task: "mail.send".into(), max_attempts: 1, job, explanation: None }
    }

    #[tokio::test]
    async fn the_document_equals_that_of_a_small_job() {
        let ended_at = Timestamp(5);
        let problem = Problem { details: Some("[1e400]".into()), ..Problem::new("odd", "null") };
        for state in [
            State::Success { response: "{\"a\":[1e400]}".into(), ended_at },
            State::Success { response: "null".into(), ended_at },
            State::Failure { reason: FailureKind::Failed, problem, ended_at },
            State::Waiting { run_at: Timestamp(9), on_hold: false, problem: None },
        ] {
            for args in ["[]", "[ 1.50,\"\\u00e9\" ]"] {
                let expected = serde_json::to_string(&show::job(job(state.clone(), args), Timestamp(7))).unwrap();
                let response = answer(job(state.clone(), args), Room::default(), Timestamp(7));
                assert_eq!(response.body().size_hint().exact(), Some(expected.len() as u64));
                let bytes = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(std::str::from_utf8(&bytes).unwrap(), expected);
            }
        }
    }

    #[tokio::test]
    async fn texts_are_not_copied_and_release_their_room_when_written() {
        let all = saggar_tenant::FairSemaphore::new(10, 1);
        let mut room = Room::default();
        room.grow_to(3 * crate::room::BLOCK, &all).unwrap();
        let known = job(State::Success { response: "7".repeat(1_000).into(), ended_at: Timestamp(5) }, "[1]");
        let text = known.job.response().unwrap().as_ptr();
        let mut body = answer(known, room, Timestamp(7)).into_body();
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().await {
            pieces.push(frame.unwrap().into_data().unwrap());
        }
        drop(body);
        assert!(pieces.iter().any(|piece| std::ptr::eq(piece.as_ptr(), text)));
        assert_eq!(all.free(), 7, "the room was released before the text was written");
        drop(pieces);
        assert_eq!(all.free(), 10);
    }
}
