//! A guest's standard output and error: cut into lines and handed to the call's services. Never breaks the guest.
//!
//! A line longer than [`MAX_LINE`] is cut into several. Bytes that are not UTF-8 are replaced. How many lines a job may
//! write is the services' business.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::text::{cut, escaped};
use crate::{LogSource, Services};

/// Bytes of one line, and of one `log` entry.
pub(crate) const MAX_LINE: usize = 8 * 1024;

/// Bytes that a guest may write at once: wasmtime-wasi allocates as much for it.
const MAX_WRITE: usize = 64 * 1024;

/// Lines of standard error that are kept for the problem of a call which fails, and bytes of each of them.
const TAIL_LINES: usize = 10;
const TAIL_LINE_BYTES: usize = 512;

/// What a call wrote last, for the problem that it may end in.
#[derive(Debug, Default)]
pub(crate) struct OutputTail {
    /// The last lines of standard error, each with the time when it ended.
    pub(crate) stderr: VecDeque<(Instant, String)>,
    /// When it last wrote to standard output.
    pub(crate) stdout_at: Option<Instant>,
}

impl OutputTail {
    fn record(&mut self, source: LogSource, line: &str) {
        if source == LogSource::Stdout {
            self.stdout_at = Some(Instant::now());
        } else if !line.trim_ascii().is_empty() {
            if self.stderr.len() == TAIL_LINES {
                self.stderr.pop_front();
            }
            self.stderr.push_back((Instant::now(), cut(line, TAIL_LINE_BYTES).to_owned()));
        }
    }
}

/// Both streams of an instance. Shared between the store and the streams in it; the call that runs is behind the lock.
#[derive(Default)]
pub(crate) struct Output(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    services: Option<Arc<dyn Services>>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    output_tail: OutputTail,
}

impl Output {
    /// From now on, lines go to `services`.
    pub(crate) fn begin(&self, services: Arc<dyn Services>) {
        self.0.lock().services = Some(services);
    }

    /// The call is over: hands on what has no line end yet, forgets the services, and returns what was written last.
    pub(crate) fn end(&self) -> OutputTail {
        let mut lines = self.0.lock();
        let Lines { services, stdout, stderr, output_tail } = &mut *lines;
        if let Some(services) = services.take() {
            for (source, rest) in [(LogSource::Stdout, stdout), (LogSource::Stderr, stderr)] {
                if !rest.is_empty() {
                    emit(&*services, output_tail, source, rest);
                    rest.clear();
                }
            }
        }
        std::mem::take(output_tail)
    }

    fn write(&self, source: LogSource, bytes: &[u8]) {
        let mut lines = self.0.lock();
        let Lines { services, stdout, stderr, output_tail } = &mut *lines;
        let Some(services) = services else { return };
        let rest = if source == LogSource::Stdout { stdout } else { stderr };
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            for piece in piece.chunks(MAX_LINE) {
                if rest.len() + piece.len() > MAX_LINE {
                    emit(&**services, output_tail, source, rest);
                    rest.clear();
                }
                rest.extend_from_slice(piece);
            }
            if rest.last() == Some(&b'\n') {
                rest.pop();
                emit(&**services, output_tail, source, rest);
                rest.clear();
            }
        }
    }
}

fn emit(services: &dyn Services, output_tail: &mut OutputTail, source: LogSource, line: &[u8]) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    let text = escaped(&text);
    output_tail.record(source, &text);
    services.log(source, &text);
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
