//! One connection: bounds what it may cost, answers its requests until the listener stops, and says what is wrong with
//! bytes that are no request.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::code::Code;
use crate::head;
use crate::listener::Limits;
use crate::socket::Socket;
use crate::sse::Lasting;

/// How long a listener that stops lets a client have the rest of an answer that lasts. Such answers end at once, and their
/// clients come back for what they miss, so that one that reads slowly need not keep anybody waiting.
const LASTING_REST: Duration = Duration::from_secs(1);

/// What every connection needs.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    /// No more requests are taken.
    pub(crate) stop: CancellationToken,
    /// All are closed.
    pub(crate) abort: CancellationToken,
}

impl Connections {
    /// Serves one, to its end.
    pub(crate) async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Self { router, limits, stop, abort } = self;
        let lasts = Arc::new(AtomicBool::new(false));
        let router = TowerToHyperService::new(router);
        let service = service_fn(|request| {
            let (answering, lasts) = (router.call(request), Arc::clone(&lasts));
            async move {
                let answered = answering.await;
                let lasting = answered.as_ref().is_ok_and(|answer| answer.extensions().get::<Lasting>().is_some());
                lasts.store(lasting, Ordering::Relaxed);
                answered
            }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head_bytes)
            .max_headers(limits.headers)
            .serve_connection(TokioIo::new(Socket::new(stream, limits.write_time)), service);
        let mut ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = stop.cancelled() => None,
        };
        if ended.is_none() {
            Pin::new(&mut connection).graceful_shutdown();
            ended = tokio::select! {
                ended = &mut connection => Some(ended),
                () = abort.cancelled() => None,
                () = tokio::time::sleep(LASTING_REST), if lasts.load(Ordering::Relaxed) => None,
            };
        }
        let Some(ended) = ended else { return };
        if let Err(error) = &ended {
            tracing::debug!(%error, "a connection broke off");
        }
        let http1::Parts { io, read_buf, .. } = connection.into_parts();
        let socket = io.into_inner();
        if let Some(code) = socket.refused().or_else(|| ended.err().and_then(|error| no_request(&error, &read_buf))) {
            head::refuse(socket.into_stream(), code).await;
        }
    }
}

/// What is wrong with the head that a connection broke off in, if it did. `rest` is what was read of the next head.
fn no_request(error: &hyper::Error, rest: &[u8]) -> Option<Code> {
    match rest.is_empty() {
        // The client has only idled for too long, or is gone.
        true => None,
        false if error.is_timeout() => Some(Code::HeadTimeout),
        false if error.is_parse() || error.is_incomplete_message() => Some(Code::MalformedRequest),
        false => None,
    }
}

#[cfg(test)]
mod tests;
