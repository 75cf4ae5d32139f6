//! The budget of large answers: those that are on their way to their clients are together not larger than the host can hold, however
//! slowly the clients take them.

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;

use crate::body::{BLOCK, Room};
use crate::problem::Refusal;
use crate::service::Service;

/// An answer that is not larger than this is not counted; the system keeps more for each connection.
pub(crate) const SMALL: usize = BLOCK;

/// Bytes of all large answers: 192 MiB, or 24 of the largest jobs. With what a store needs beside to read them they stay below
/// the 256 MiB that are documented.
pub(crate) const MAX_BLOCKS: usize = 192 * 1024 * 1024 / BLOCK;

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

/// Marks a response that holds its room already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsBudgeted;

/// Bytes of large answers that tell of a change when all other room is taken: two of the largest jobs.
pub(crate) const RESERVED_BLOCKS: usize = 16 * 1024 * 1024 / BLOCK;

/// Holds room for an answer until it is written, or refuses it. Answers that last have no size; they come in pieces.
pub(crate) async fn hold(State(service): State<Service>, request: Request, next: Next) -> Response {
    let looks = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = next.run(request).await;
    if response.extensions().get::<IsBudgeted>().is_some() {
        return response;
    }
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|size| *size > SMALL) else { return response };
    let mut room = Room::default();
    // What was changed is told in any case: that it was refused would be a lie.
    if let Err(refusal) = room.grow_to(size, service.answers())
        && looks
    {
        return refusal.into_response();
    }
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(bytes) => {
            // The body is dropped when it has been handed on to be written; its bytes are when they are written.
            let budgeted = Budgeted { bytes: bytes.to_bytes(), _room: room };
            Response::from_parts(parts, Body::from(Bytes::from_owner(budgeted)))
        }
        Err(error) => Refusal::internal(&format!("an answer was not made: {error}")).into_response(),
    }
}
