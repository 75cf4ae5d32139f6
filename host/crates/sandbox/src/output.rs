//! A guest's standard output and error: cut into lines and handed to the call's services. Never breaks the guest.
//!
//! A line longer than [`MAX_LINE`] is cut into several. Bytes that are not UTF-8 are replaced. How many lines a job may
//! write is the services' business.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::text::visible;
use crate::{LogSource, Services};

/// Bytes of one line, and of one `log` entry.
pub(crate) const MAX_LINE: usize = 8 * 1024;

/// Bytes that a guest may write at once: wasmtime-wasi allocates as much for it.
const MAX_WRITE: usize = 64 * 1024;

/// Both streams of an instance. Shared between the store and the streams in it; the call that runs is behind the lock.
#[derive(Default)]
pub(crate) struct Output(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    services: Option<Arc<dyn Services>>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Output {
    /// From now on, lines go to `services`.
    pub(crate) fn begin(&self, services: Arc<dyn Services>) {
        self.0.lock().services = Some(services);
    }

    /// The call is over: hands on what has no line end yet, and forgets the services.
    pub(crate) fn end(&self) {
        let mut lines = self.0.lock();
        let Lines { services, stdout, stderr } = &mut *lines;
        if let Some(services) = services.take() {
            for (source, rest) in [(LogSource::Stdout, stdout), (LogSource::Stderr, stderr)] {
                if !rest.is_empty() {
                    emit(&*services, source, rest);
                    rest.clear();
                }
            }
        }
    }

    fn write(&self, source: LogSource, bytes: &[u8]) {
        let mut lines = self.0.lock();
        let Lines { services, stdout, stderr } = &mut *lines;
        let Some(services) = services else { return };
        let rest = if source == LogSource::Stdout { stdout } else { stderr };
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            for piece in piece.chunks(MAX_LINE) {
                if rest.len() + piece.len() > MAX_LINE {
                    emit(&**services, source, rest);
                    rest.clear();
                }
                rest.extend_from_slice(piece);
            }
            if rest.last() == Some(&b'\n') {
                rest.pop();
                emit(&**services, source, rest);
                rest.clear();
            }
        }
    }
}

fn emit(services: &dyn Services, source: LogSource, line: &[u8]) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    services.log(source, &visible(&String::from_utf8_lossy(line)));
}

/// One of the two streams.
#[derive(Clone)]
pub(crate) struct Stream {
    pub(crate) output: Arc<Output>,
    pub(crate) source: LogSource,
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.output.write(self.source, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.output.write(self.source, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
