//! One connection: limits its cost, answers its requests until the listener stops, and refuses bytes that are not a
//! request.

use std::net::IpAddr;
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

use crate::admission::ConnectionState;
use crate::connection_tenant::ConnectionTenant;
use crate::limits::Limits;
use crate::malformed;
use crate::socket::Socket;
use crate::sse::Streaming;

/// How long a stopping listener lets a client read the rest of a streaming answer. Such answers end at once, and their
/// clients reconnect for the events that they missed, so the stop does not wait for slow readers.
const STREAMING_GRACE: Duration = Duration::from_secs(1);

/// The state that all connections share.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    /// Cancelled when no more requests are accepted.
    pub(crate) stop: CancellationToken,
    /// Cancelled when all connections are closed.
    pub(crate) abort: CancellationToken,
}

/// The properties of a connection's last answer that decide how the connection ends.
#[derive(Debug, Default)]
struct LastAnswer {
    /// It is a streaming answer.
    is_streaming: AtomicBool,
    /// It refused a request whose body may not have arrived completely.
    may_have_unread_body: AtomicBool,
}

impl LastAnswer {
    fn set(&self, is_streaming: bool, may_have_unread_body: bool) {
        self.is_streaming.store(is_streaming, Ordering::Relaxed);
        self.may_have_unread_body.store(may_have_unread_body, Ordering::Relaxed);
    }

    fn record(&self, answer: &Response, has_body: bool) {
        let is_refusal = answer.status().is_client_error() || answer.status().is_server_error();
        self.set(answer.extensions().get::<Streaming>().is_some(), has_body && is_refusal);
    }

    /// Resets the state at the start of the next request.
    fn reset(&self) {
        self.set(false, false);
    }
}

impl Connections {
    /// Waits for the first bytes until `first_head_by`; returns whether any have arrived.
    pub(crate) async fn wait_for_bytes(
        &self,
        stream: &TcpStream,
        state: &ConnectionState,
        first_head_by: Instant,
    ) -> bool {
        tokio::select! {
            readable = timeout_at(first_head_by, stream.readable()) => matches!(readable, Ok(Ok(()))),
            () = state.evicted.cancelled() => false,
            () = self.stop.cancelled() => false,
        }
    }

    /// Serves a connection until it ends. Its first head has to be complete by `first_head_by`.
    pub(crate) async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        state: Arc<ConnectionState>,
        first_head_by: Instant,
        address: IpAddr,
    ) {
        let Self { router, limits, stop, abort } = self;
        let last = Arc::new(LastAnswer::default());
        let router = TowerToHyperService::new(router);
        let tenant = ConnectionTenant::of(Arc::clone(&state), address);
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(Arc::clone(&tenant));
            last.reset();
            state.begin();
            let has_body = !request.body().is_end_stream();
            let (answering, last, state) = (router.call(request), Arc::clone(&last), Arc::clone(&state));
            async move {
                let answered = answering.await;
                answered.iter().for_each(|answer| last.record(answer, has_body));
                answered.map(|answer| answer.map(|body| TrackedBody { body, state }))
            }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head_bytes)
            .max_headers(limits.headers)
            .serve_connection(TokioIo::new(Socket::new(stream, limits.write_time).with_state(&state)), service);
        let too_slow = async {
            tokio::time::sleep_until(first_head_by).await;
            if !state.is_fresh() {
                std::future::pending().await
            }
        };
        let mut ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = stop.cancelled() => None,
            // An evicted connection gets no answer, because that would take time.
            () = state.evicted.cancelled() => return,
            () = too_slow => {
                let http1::Parts { io, read_buf, .. } = connection.into_parts();
                if !read_buf.is_empty() {
                    malformed::refuse(io.into_inner().into_stream(), Code::HeadTimeout).await;
                }
                return;
            }
        };
        if ended.is_none() {
            // The body of an earlier refusal was read completely; otherwise hyper would have ended the connection.
            last.may_have_unread_body.store(false, Ordering::Relaxed);
            Pin::new(&mut connection).graceful_shutdown();
            ended = tokio::select! {
                ended = &mut connection => Some(ended),
                () = abort.cancelled() => None,
                () = tokio::time::sleep(STREAMING_GRACE), if last.is_streaming.load(Ordering::Relaxed) => None,
            };
        }
        let Some(ended) = ended else { return };
        if let Err(error) = &ended {
            tracing::debug!(%error, "a connection failed");
        }
        let has_unread_body = ended.is_ok() && last.may_have_unread_body.load(Ordering::Relaxed);
        let http1::Parts { io, read_buf, .. } = connection.into_parts();
        let socket = io.into_inner();
        if let Some(code) = socket.refused().or_else(|| ended.err().and_then(|error| malformed_head(&error, &read_buf)))
        {
            malformed::refuse(socket.into_stream(), code).await;
        } else if has_unread_body {
            malformed::discard(socket.into_stream()).await;
        }
    }
}

/// The body of an answer; updates the connection's state when hyper drops the body.
struct TrackedBody {
    body: axum::body::Body,
    state: Arc<ConnectionState>,
}

impl HttpBody for TrackedBody {
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

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.state.answered();
    }
}

/// Returns the code for the incomplete or invalid head at the end of a connection, if any. `rest` is the part of that
/// head that was read.
fn malformed_head(error: &hyper::Error, rest: &[u8]) -> Option<Code> {
    match rest.is_empty() {
        // The client was only idle for too long, or has disconnected.
        true => None,
        false if error.is_timeout() => Some(Code::HeadTimeout),
        false if error.is_parse() || error.is_incomplete_message() => Some(Code::MalformedRequest),
        false => None,
    }
}

#[cfg(test)]
mod tests;
