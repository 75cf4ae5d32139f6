//! A client's socket as hyper sees it: ends a connection whose client reads nothing for too long, and suppresses
//! hyper's own error answers, because they are not problem documents.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use saggar_wire::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::admission::ConnectionState;

/// A client's socket.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    stream: S,
    timeout: WriteTimeout,
    refused: Option<Code>,
    /// Updated when everything written was flushed.
    state: Option<Arc<ConnectionState>>,
}

/// A timeout of writes that make no progress.
#[derive(Debug)]
struct WriteTimeout {
    limit: Duration,
    /// Created when first needed, which is rare.
    timer: Option<Pin<Box<Sleep>>>,
    is_running: bool,
}

impl<S> Socket<S> {
    /// Creates a socket whose client may read nothing for at most `limit`.
    pub(crate) fn new(stream: S, limit: Duration) -> Self {
        Self { stream, timeout: WriteTimeout { limit, timer: None, is_running: false }, refused: None, state: None }
    }

    /// Sets the state of the connection, which is updated on flush.
    pub(crate) fn with_state(self, state: &Arc<ConnectionState>) -> Self {
        Self { state: Some(Arc::clone(state)), ..self }
    }

    /// Returns the code if hyper itself refused the last request; the client has not been answered.
    pub(crate) fn refused(&self) -> Option<Code> {
        self.refused
    }

    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// Suppresses an error answer of hyper's own; returns whether it did. hyper writes it alone and in one piece:
    /// everything before it was flushed, and hyper closes after it.
    fn intercept(&mut self, bytes: &[u8]) -> bool {
        self.refused = self.refused.or_else(|| hyper_error(bytes));
        self.refused.is_some()
    }
}

/// Returns the code of an error answer of hyper's own. Unlike all error answers of the service, it has no content type.
fn hyper_error(bytes: &[u8]) -> Option<Code> {
    let code = match bytes.strip_prefix(b"HTTP/1.")?.get(1..5)? {
        b" 400" => Code::MalformedRequest,
        b" 414" | b" 431" => Code::HeadTooLarge,
        _ => return None,
    };
    let head = bytes.strip_suffix(b"\r\n\r\n")?.to_ascii_lowercase();
    let has_type = head.windows(b"\r\ncontent-type:".len()).any(|part| part == b"\r\ncontent-type:");
    (!has_type).then_some(code)
}

impl WriteTimeout {
    fn watch(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.is_running = false;
            return written;
        }
        let deadline = Instant::now() + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.is_running {
            timer.as_mut().reset(deadline);
            self.is_running = true;
        }
        let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing");
        timer.as_mut().poll(cx).map(|()| Err(timed_out()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.intercept(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.timeout.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = parts
            && self.intercept(bytes)
        {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.timeout.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        // hyper flushes after it has written everything.
        if let (Poll::Ready(Ok(())), Some(state)) = (&flushed, &self.state) {
            state.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The refusal must still be written.
        if self.refused.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[test]
    fn only_errors_without_a_content_type_are_hypers_own() {
        let code_of = |text: &str| hyper_error(text.as_bytes());
        let rest = "connection: close\r\ncontent-length: 0\r\ndate: Tue, 24 Nov 2026 10:00:00 GMT\r\n\r\n";
        let of = |line: &str| code_of(&format!("{line}\r\n{rest}"));
        assert_eq!(of("HTTP/1.1 400 Bad Request"), Some(Code::MalformedRequest));
        assert_eq!(of("HTTP/1.0 414 URI Too Long"), Some(Code::HeadTooLarge));
        assert_eq!(of("HTTP/1.1 431 Request Header Fields Too Large"), Some(Code::HeadTooLarge));
        assert_eq!(of("HTTP/1.1 404 Not Found"), None);
        assert_eq!(of("HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json"), None);
        assert_eq!(code_of("HTTP/1.1 400 Bad Request\r\n"), None);
        assert_eq!(code_of(""), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_does_not_time_out_but_one_that_reads_nothing_does() {
        let limit = Duration::from_secs(30);
        let (mut client, stream) = duplex(100);
        let mut socket = Socket::new(stream, limit);
        let writing = async {
            socket.write_all(&[b'x'; 1_000]).await?;
            socket.write_all(&[b'x'; 1_000]).await
        };
        let reading = async {
            let mut some = [0; 100];
            for _ in 0..12 {
                tokio::time::sleep(limit - Duration::from_secs(1)).await;
                client.read_exact(&mut some).await.unwrap();
            }
            Instant::now()
        };
        let (written, last_read) = tokio::join!(writing, reading);
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(last_read.elapsed(), limit);
        drop(client);
    }
}
