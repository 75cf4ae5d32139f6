//! The budget of large answers: those that are on their way to their clients are together not larger than the host can hold,
//! however slowly the clients read them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

use crate::problem::Refusal;
use crate::room::{BLOCK, Room};

/// An answer that is not larger than this is not counted; the system buffers more for each connection.
pub(crate) const SMALL: usize = BLOCK;

/// Bytes of all large answers: 192 MiB, or 24 of the largest jobs. With what a store needs to read them they stay below the
/// 256 MiB that are documented.
const MAX_BLOCKS: usize = 192 * 1024 * 1024 / BLOCK;

/// Bytes of large answers that report a change when all other room is taken: two of the largest jobs.
const RESERVED_BLOCKS: usize = 16 * 1024 * 1024 / BLOCK;

/// The longest that a reader waits for room. A client that comes back later finds others gone.
const MAX_WAIT_TO_READ: Duration = Duration::from_secs(5);

/// Room for the bytes of large answers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ResponseBudget {
    answers: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
}

impl Default for ResponseBudget {
    fn default() -> Self {
        let answers = Arc::new(Semaphore::new(MAX_BLOCKS));
        Self { answers, reserve: Arc::new(Semaphore::new(RESERVED_BLOCKS)) }
    }
}

impl ResponseBudget {
    /// Room for so many bytes of an answer, before they are read. Callers wait in turn, so that many readers of something
    /// large are served in small groups.
    pub(crate) async fn room_to_read(&self, bytes: usize) -> Result<Room, Refusal> {
        Room::wait_for(bytes, &self.answers, MAX_WAIT_TO_READ).await
    }

    /// Room for an answer that reports a change. The client has to learn of the change, so there is a reserve for it, and
    /// the wait has no end.
    pub(crate) async fn room_after_change(&self, bytes: usize) -> Room {
        loop {
            if let Ok(room) = self.room_to_read(bytes).await {
                return room;
            }
            if let Ok(room) = Room::wait_for(bytes, &self.reserve, Duration::from_secs(1)).await {
                return room;
            }
        }
    }
}

/// The bytes of an answer with the room that they take, until they are written.
struct Budgeted {
    bytes: Bytes,
    _room: Room,
}

impl AsRef<[u8]> for Budgeted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Marks a response that has its room already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsBudgeted;

/// Takes room for an answer until it is written, or refuses it. Answers that last have no size; they come in pieces.
pub(crate) async fn limit_responses(State(budget): State<ResponseBudget>, request: Request, next: Next) -> Response {
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = next.run(request).await;
    if response.extensions().get::<IsBudgeted>().is_some() {
        return response;
    }
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|size| *size > SMALL) else { return response };
    let mut room = Room::default();
    // A change is reported in any case: to say that it was refused would be wrong.
    if let Err(refusal) = room.grow_to(size, &budget.answers)
        && only_reads
    {
        return refusal.into_response();
    }
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(bytes) => {
            // The body is dropped when hyper has taken it; its bytes are when they are written.
            let budgeted = Budgeted { bytes: bytes.to_bytes(), _room: room };
            Response::from_parts(parts, Body::from(Bytes::from_owner(budgeted)))
        }
        Err(error) => Refusal::internal(&format!("an answer was not made: {error}")).into_response(),
    }
}
