//! One connection: limits what it may cost, answers its requests until the listener stops, and reports what is wrong with
//! bytes that are not a request.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use saggar_wire::Code;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::door::ConnectionState;
use crate::limits::Limits;
use crate::malformed;
use crate::socket::Socket;
use crate::sse::Streaming;

/// How long a stopping listener lets a client read the rest of a streaming answer. Such answers end at once, and their
/// clients come back for what they missed, so the stop does not wait for one that reads slowly.
const STREAMING_REST: Duration = Duration::from_secs(1);

/// What all connections share.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    /// No more requests are taken.
    pub(crate) stop: CancellationToken,
    /// All are closed.
    pub(crate) abort: CancellationToken,
}

/// What the last answer of a connection means for its end.
#[derive(Debug, Default)]
struct LastAnswer {
    /// It is a streaming answer.
    streams: AtomicBool,
    /// It refused a request with a body, which may not have arrived completely.
    may_leave_rest: AtomicBool,
}

impl LastAnswer {
    fn set(&self, streams: bool, may_leave_rest: bool) {
        self.streams.store(streams, Ordering::Relaxed);
        self.may_leave_rest.store(may_leave_rest, Ordering::Relaxed);
    }

    fn note(&self, answer: &Response, has_body: bool) {
        let is_refusal = answer.status().is_client_error() || answer.status().is_server_error();
        self.set(answer.extensions().get::<Streaming>().is_some(), has_body && is_refusal);
    }

    /// Resets it when the next request begins.
    fn forget(&self) {
        self.set(false, false);
    }
}

impl Connections {
    /// Waits for the first bytes, until `first_head_by`; returns whether any have arrived.
    pub(crate) async fn has_come(&self, stream: &TcpStream, place: &ConnectionState, first_head_by: Instant) -> bool {
        tokio::select! {
            readable = timeout_at(first_head_by, stream.readable()) => matches!(readable, Ok(Ok(()))),
            () = place.evicted.cancelled() => false,
            () = self.stop.cancelled() => false,
        }
    }

    /// Serves a connection to its end. Its first head has to be complete by `first_head_by`.
    pub(crate) async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        place: Arc<ConnectionState>,
        first_head_by: Instant,
    ) {
        let Self { router, limits, stop, abort } = self;
        let last = Arc::new(LastAnswer::default());
        let router = TowerToHyperService::new(router);
        let service = service_fn(|request: Request<Incoming>| {
            last.forget();
            place.begin();
            let has_body = !request.body().is_end_stream();
            let (answering, last, place) = (router.call(request), Arc::clone(&last), Arc::clone(&place));
            async move {
                let answered = answering.await;
                answered.iter().for_each(|answer| last.note(answer, has_body));
                answered.map(|answer| answer.map(|body| Watched { body, place }))
            }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head_bytes)
            .max_headers(limits.headers)
            .serve_connection(TokioIo::new(Socket::new(stream, limits.write_time).at(&place)), service);
        let too_slow = async {
            tokio::time::sleep_until(first_head_by).await;
            if !place.is_fresh() {
                std::future::pending().await
            }
        };
        let mut ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = stop.cancelled() => None,
            // A connection that makes room gets no answer, because that would take time.
            () = place.evicted.cancelled() => return,
            () = too_slow => {
                let http1::Parts { io, read_buf, .. } = connection.into_parts();
                if !read_buf.is_empty() {
                    malformed::refuse(io.into_inner().into_stream(), Code::HeadTimeout).await;
                }
                return;
            }
        };
        if ended.is_none() {
            // An earlier refusal is over, or hyper would have ended the connection.
            last.may_leave_rest.store(false, Ordering::Relaxed);
            Pin::new(&mut connection).graceful_shutdown();
            ended = tokio::select! {
                ended = &mut connection => Some(ended),
                () = abort.cancelled() => None,
                () = tokio::time::sleep(STREAMING_REST), if last.streams.load(Ordering::Relaxed) => None,
            };
        }
        let Some(ended) = ended else { return };
        if let Err(error) = &ended {
            tracing::debug!(%error, "a connection broke off");
        }
        let leaves_rest = ended.is_ok() && last.may_leave_rest.load(Ordering::Relaxed);
        let http1::Parts { io, read_buf, .. } = connection.into_parts();
        let socket = io.into_inner();
        if let Some(code) = socket.refused().or_else(|| ended.err().and_then(|error| no_request(&error, &read_buf))) {
            malformed::refuse(socket.into_stream(), code).await;
        } else if leaves_rest {
            malformed::discard(socket.into_stream()).await;
        }
    }
}

/// The body of an answer; sets the state of the connection's place when hyper has taken all of it.
struct Watched {
    body: axum::body::Body,
    place: Arc<ConnectionState>,
}

impl HttpBody for Watched {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.place.answered();
    }
}

/// What is wrong with the head that a connection ended in, if it did. `rest` is what was read of the next head.
fn no_request(error: &hyper::Error, rest: &[u8]) -> Option<Code> {
    match rest.is_empty() {
        // The client only idled for too long, or is gone.
        true => None,
        false if error.is_timeout() => Some(Code::HeadTimeout),
        false if error.is_parse() || error.is_incomplete_message() => Some(Code::MalformedRequest),
        false => None,
    }
}

#[cfg(test)]
mod tests;
