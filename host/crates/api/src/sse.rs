//! Server-sent events: writing events, and streaming answers.

use std::convert::Infallible;
use std::fmt::Display;
use std::io::Write;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use serde::Serialize;

/// The media type of server-sent events.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// A piece is sent when it reaches this size, even if more events are ready. A slow client has only this, and the
/// socket's buffer, in memory.
pub(crate) const PIECE_BYTES: usize = 16 * 1024;

/// Milliseconds after which a disconnected client reconnects. A restart of a host takes some seconds.
const RETRY_MS: u32 = 1_000;

/// Events that are sent together.
#[derive(Debug, Default)]
pub(crate) struct Piece(Vec<u8>);

/// The source of the pieces of an answer.
pub(crate) trait Pieces: Send + 'static {
    /// Returns the next piece, built after the previous one was passed on to the client; `None` ends the answer.
    fn next(&mut self) -> impl Future<Output = Option<Piece>> + Send;
}

/// Marks a streaming answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streaming;

impl Piece {
    /// Creates the first piece of an answer.
    pub(crate) fn first() -> Self {
        Self(format!("retry: {RETRY_MS}\n\n").into_bytes())
    }

    /// Adds an event, with an id if a client can continue after it.
    pub(crate) fn add(&mut self, id: Option<impl Display>, name: &str, data: &impl Serialize) {
        // Writing to memory does not fail, and wire types always serialize to JSON without line breaks.
        if let Some(id) = id {
            let _ = writeln!(self.0, "id: {id}");
        }
        let _ = write!(self.0, "event: {name}\ndata: ");
        let _ = serde_json::to_writer(&mut self.0, data);
        self.0.extend_from_slice(b"\n\n");
    }

    /// Adds a comment, which only shows that the connection is alive.
    pub(crate) fn add_comment(&mut self) {
        self.0.extend_from_slice(b":\n\n");
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Takes the events that were added; `None` if there are none.
    pub(crate) fn take(&mut self) -> Option<Self> {
        (!self.0.is_empty()).then(|| std::mem::take(self))
    }

    /// Returns whether it has to be sent before more is added.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= PIECE_BYTES
    }
}

/// Returns the answer that consists of these pieces.
pub(crate) fn answer(pieces: impl Pieces) -> Response {
    let body = futures_util::stream::unfold(pieces, async |mut pieces| {
        let piece = pieces.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(piece.into_bytes())), pieces))
    });
    // Asks proxies not to buffer.
    let headers = [
        (CONTENT_TYPE, EVENT_STREAM),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let mut response = (headers, Body::from_stream(body)).into_response();
    response.extensions_mut().insert(Streaming);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_in_data_do_not_break_an_event() {
        let mut piece = Piece::default();
        piece.add(Some(7), "log", &"one\r\ntwo\n\ndata: three");
        piece.add(None::<u8>, "end", &());
        piece.add_comment();
        let expected = "id: 7\nevent: log\ndata: \"one\\r\\ntwo\\n\\ndata: three\"\n\nevent: end\ndata: null\n\n:\n\n";
        assert_eq!(String::from_utf8(piece.into_bytes()).unwrap(), expected);
    }
}
