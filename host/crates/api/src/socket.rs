//! A client's socket as hyper sees it: ends a connection whose client reads nothing for too long, and holds back the answers that
//! hyper makes by itself, because they are not problem documents.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use saggar_wire::Code;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::door::ConnectionState;

/// A socket.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    stream: S,
    timeout: WriteTimeout,
    refused: Option<Code>,
    /// Its state is set when everything was written.
    place: Option<Arc<ConnectionState>>,
}

/// Ends writes that make no progress.
#[derive(Debug)]
struct WriteTimeout {
    limit: Duration,
    /// Made when it is first needed, which is rare.
    timer: Option<Pin<Box<Sleep>>>,
    is_running: bool,
}

impl<S> Socket<S> {
    /// A socket of a client that may read nothing for at most `limit`.
    pub(crate) fn new(stream: S, limit: Duration) -> Self {
        Self { stream, timeout: WriteTimeout { limit, timer: None, is_running: false }, refused: None, place: None }
    }

    /// The same socket, with the place of its connection.
    pub(crate) fn at(self, place: &Arc<ConnectionState>) -> Self {
        Self { place: Some(Arc::clone(place)), ..self }
    }

    /// Why hyper refused the last request by itself; the client has not been answered.
    pub(crate) fn refused(&self) -> Option<Code> {
        self.refused
    }

    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// Holds back an answer of hyper's own. hyper writes it alone and in one piece: everything before it was flushed, and
    /// hyper closes after it.
    fn hold_back(&mut self, bytes: &[u8]) -> bool {
        self.refused = self.refused.or_else(|| bare_answer(bytes));
        self.refused.is_some()
    }
}

/// The code of an answer of hyper's own. It is known by having no content type, which all our error answers have.
fn bare_answer(bytes: &[u8]) -> Option<Code> {
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
        let gives_up = Instant::now() + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(gives_up)));
        if !self.is_running {
            timer.as_mut().reset(gives_up);
            self.is_running = true;
        }
        let too_long = || io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing");
        timer.as_mut().poll(cx).map(|()| Err(too_long()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.hold_back(bytes) {
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
            && self.hold_back(bytes)
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
        // hyper flushes when everything was written.
        if let (Poll::Ready(Ok(())), Some(place)) = (&flushed, &self.place) {
            place.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The refusal has still to be written.
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
    fn only_errors_without_a_type_are_hypers_own() {
        let bare = |text: &str| bare_answer(text.as_bytes());
        let rest = "connection: close\r\ncontent-length: 0\r\ndate: Tue, 24 Nov 2026 10:00:00 GMT\r\n\r\n";
        let of = |line: &str| bare(&format!("{line}\r\n{rest}"));
        assert_eq!(of("HTTP/1.1 400 Bad Request"), Some(Code::MalformedRequest));
        assert_eq!(of("HTTP/1.0 414 URI Too Long"), Some(Code::HeadTooLarge));
        assert_eq!(of("HTTP/1.1 431 Request Header Fields Too Large"), Some(Code::HeadTooLarge));
        assert_eq!(of("HTTP/1.1 404 Not Found"), None);
        assert_eq!(of("HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json"), None);
        assert_eq!(bare("HTTP/1.1 400 Bad Request\r\n"), None);
        assert_eq!(bare(""), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_may_be_slow_but_not_take_nothing() {
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
