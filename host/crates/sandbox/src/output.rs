//! A guest's standard output and error, split into lines for the call's services. Never fails the guest.
//!
//! A line longer than [`MAX_LINE`] is split. Bytes that are not UTF-8 are replaced. The services limit how many lines a
//! job may write.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use parking_lot::Mutex;
use saggar_job::LogSource;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::Services;
use crate::text::{cut, escaped};

/// Maximum bytes of a line, and of one `log` entry.
pub(crate) const MAX_LINE: usize = 8 * 1024;

/// Maximum bytes of one write: wasmtime-wasi allocates as many.
const MAX_WRITE: usize = 64 * 1024;

/// Maximum lines of standard error in the problem of a failed call, and the maximum bytes of each.
const TAIL_LINES: usize = 10;
const TAIL_LINE_BYTES: usize = 512;

/// The end of the output of a call, for a problem.
#[derive(Debug, Default)]
pub(crate) struct OutputTail {
    /// The last lines of standard error, each with the time when it ended.
    pub(crate) stderr: VecDeque<(Instant, String)>,
    /// The time of the last write to standard output.
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

/// Both streams of an instance, shared by the store and its streams. The lock also guards the running call.
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
    /// Sends lines to `services` from now on.
    pub(crate) fn begin(&self, services: Arc<dyn Services>) {
        self.0.lock().services = Some(services);
    }

    /// Ends a call: emits unfinished lines, drops the services, and returns the end of the output.
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

/// Standard output or standard error of an instance.
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
