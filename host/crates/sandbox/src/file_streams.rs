//! Streams of files. What a stream does is asked of the call's services, one operation at a time.
//!
//! What a guest observes does not depend on how long an operation takes: a stream asks when the guest reads or writes, and
//! shows the answer when the guest has waited for it, not before.

use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use saggar_files::{FileAnswer, FileError, FileHandle, FileOperation};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::Services;
use crate::file_resources::{FileStreams, STREAM_BYTES};

/// The file of a stream.
pub(crate) struct StreamedFile {
    pub(crate) services: Arc<dyn Services>,
    pub(crate) handle: FileHandle,
    pub(crate) _counted: FileStreams,
}

/// A question, which was asked, and whose answer is shown to nobody who does not wait for it.
struct Asked<T: Send + 'static> {
    question: BoxFuture<'static, T>,
    answer: Option<T>,
}

impl<T: Send + 'static> Asked<T> {
    /// Asks at once.
    fn new(question: impl Future<Output = T> + Send + 'static) -> Self {
        let mut question: BoxFuture<'static, T> = Box::pin(question);
        let answer = (&mut question).now_or_never();
        Self { question, answer }
    }

    /// Waits for the answer, which is given once.
    async fn answer(&mut self) -> T {
        match self.answer.take() {
            Some(answer) => answer,
            None => (&mut self.question).await,
        }
    }
}

/// Reads a file from a position on.
pub(crate) struct FileInput {
    file: StreamedFile,
    offset: u64,
    state: Reading,
}

enum Reading {
    Idle,
    Asked(Asked<Result<FileAnswer, FileError>>),
    Read(Bytes),
    Failed(FileError),
    Closed,
}

impl FileInput {
    pub(crate) fn new(file: StreamedFile, offset: u64) -> Self {
        Self { file, offset, state: Reading::Idle }
    }

    /// Asks for the next bytes, unless the stream has some or has asked already.
    fn ask(&mut self, length: usize) {
        if matches!(self.state, Reading::Idle) {
            let (services, file, offset) = (Arc::clone(&self.file.services), self.file.handle, self.offset);
            let length = u32::try_from(length.clamp(1, STREAM_BYTES)).unwrap_or(u32::MAX);
            let operation = FileOperation::Read { file, offset, length };
            self.state = Reading::Asked(Asked::new(async move { services.file(operation).await }));
        }
    }

    /// Waits for the answer, if the stream has asked.
    async fn settle(&mut self) {
        if let Reading::Asked(asked) = &mut self.state {
            self.state = match asked.answer().await {
                Ok(FileAnswer::Bytes(bytes)) if bytes.is_empty() => Reading::Closed,
                Ok(FileAnswer::Bytes(bytes)) => Reading::Read(bytes.into()),
                Ok(_) => Reading::Failed(FileError::Io),
                Err(error) => Reading::Failed(error),
            };
        }
    }
}

#[async_trait]
impl InputStream for FileInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size > 0 {
            self.ask(size);
        }
        match mem::replace(&mut self.state, Reading::Closed) {
            Reading::Read(mut bytes) => {
                let read = bytes.split_to(size.min(bytes.len()));
                self.offset = self.offset.saturating_add(read.len() as u64);
                self.state = if bytes.is_empty() { Reading::Idle } else { Reading::Read(bytes) };
                Ok(read)
            }
            Reading::Failed(error) => Err(StreamError::LastOperationFailed(wasmtime::Error::new(error))),
            Reading::Closed => Err(StreamError::Closed),
            waiting @ (Reading::Idle | Reading::Asked(_)) => {
                self.state = waiting;
                Ok(Bytes::new())
            }
        }
    }

    /// Asks for as many bytes as the guest wants, so that it does not see what the file was before.
    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size > 0 {
            self.ask(size);
            self.settle().await;
        }
        self.read(size)
    }

    async fn cancel(&mut self) {
        self.settle().await;
        self.state = Reading::Closed;
    }
}

#[async_trait]
impl Pollable for FileInput {
    async fn ready(&mut self) {
        self.ask(STREAM_BYTES);
        self.settle().await;
    }
}

/// Writes a file from a position on, or at its end.
pub(crate) struct FileOutput {
    file: StreamedFile,
    /// `None` to write at the end.
    offset: Option<u64>,
    state: Writing,
}

enum Writing {
    Idle,
    /// With the length of what is written.
    Asked(Asked<Result<(), FileError>>, u64),
    Failed(FileError),
    Closed,
}

impl FileOutput {
    pub(crate) fn new(file: StreamedFile, offset: Option<u64>) -> Self {
        Self { file, offset, state: Writing::Idle }
    }

    /// Waits until everything is written.
    async fn settle(&mut self) {
        if let Writing::Asked(asked, length) = &mut self.state {
            let length = *length;
            self.state = match asked.answer().await {
                Ok(()) => {
                    self.offset = self.offset.map(|offset| offset.saturating_add(length));
                    Writing::Idle
                }
                Err(error) => Writing::Failed(error),
            };
        }
    }

    /// Returns the last failure, once; after it the stream is closed.
    fn failure(&mut self) -> StreamResult<()> {
        match &self.state {
            Writing::Idle | Writing::Asked(..) => Ok(()),
            Writing::Closed => Err(StreamError::Closed),
            Writing::Failed(error) => {
                let error = wasmtime::Error::new(*error);
                self.state = Writing::Closed;
                Err(StreamError::LastOperationFailed(error))
            }
        }
    }
}

#[async_trait]
impl OutputStream for FileOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.failure()?;
        if !matches!(self.state, Writing::Idle) || bytes.len() > STREAM_BYTES {
            return Err(StreamError::trap("more was written than `check-write` permits"));
        }
        let length = bytes.len() as u64;
        let asked = write_all(Arc::clone(&self.file.services), self.file.handle, self.offset, bytes);
        self.state = Writing::Asked(Asked::new(asked), length);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.failure()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.failure()?;
        Ok(if matches!(self.state, Writing::Idle) { STREAM_BYTES } else { 0 })
    }

    async fn cancel(&mut self) {
        self.settle().await;
        self.state = Writing::Closed;
    }
}

#[async_trait]
impl Pollable for FileOutput {
    async fn ready(&mut self) {
        self.settle().await;
    }
}

async fn write_all(
    services: Arc<dyn Services>,
    file: FileHandle,
    mut offset: Option<u64>,
    mut bytes: Bytes,
) -> Result<(), FileError> {
    while !bytes.is_empty() {
        let operation = FileOperation::Write { file, offset, bytes: bytes.to_vec() };
        match services.file(operation).await? {
            // Never more than was asked for, whatever the services say.
            FileAnswer::Written(length) if (1..=bytes.len() as u64).contains(&length) => {
                bytes.advance(usize::try_from(length).unwrap_or(bytes.len()));
                offset = offset.map(|offset| offset.saturating_add(length));
            }
            _ => return Err(FileError::Io),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use saggar_job::{JobId, LogSource, Problem};

    use super::*;
    use crate::TaskJob;

    /// A file in memory, with a bound.
    #[derive(Default)]
    struct MemoryFile {
        bytes: Mutex<Vec<u8>>,
        operations: Mutex<usize>,
    }

    const MAX_BYTES: usize = 100_000;

    #[async_trait]
    impl Services for MemoryFile {
        fn progress(&self, _current: u64, _total: u64, _message: &str) {}

        fn log(&self, _source: LogSource, _text: &str) {}

        fn is_cancelled(&self) -> bool {
            false
        }

        async fn cancelled(&self) {
            std::future::pending().await
        }

        async fn add(&self, _task: &str, _args: String, _delay_ms: u64) -> Result<JobId, Problem> {
            Err(Problem::new("no-tasks", ""))
        }

        async fn add_with(&self, _task: &str, _args: String, _options: &str) -> Result<JobId, Problem> {
            Err(Problem::new("no-tasks", ""))
        }

        async fn get(&self, _task: &str, _id: JobId) -> Result<TaskJob, Problem> {
            Err(Problem::new("no-tasks", ""))
        }

        async fn cancel(&self, _task: &str, _id: JobId) -> Result<(), Problem> {
            Err(Problem::new("no-tasks", ""))
        }

        async fn file(&self, operation: FileOperation) -> Result<FileAnswer, FileError> {
            *self.operations.lock() += 1;
            let mut all = self.bytes.lock();
            match operation {
                FileOperation::Read { offset, length, .. } => {
                    let from = all.len().min(offset as usize);
                    let to = all.len().min(from + length as usize);
                    Ok(FileAnswer::Bytes(all[from..to].to_vec()))
                }
                FileOperation::Write { offset, bytes, .. } => {
                    let from = offset.map_or(all.len(), |offset| offset as usize);
                    let end = (from + bytes.len()).min(MAX_BYTES);
                    if end <= from {
                        return Err(FileError::Quota);
                    }
                    let length = all.len().max(end);
                    all.resize(length, 0);
                    all[from..end].copy_from_slice(&bytes[..end - from]);
                    Ok(FileAnswer::Written((end - from) as u64))
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn streamed(services: &Arc<MemoryFile>) -> StreamedFile {
        StreamedFile { services: services.clone(), handle: FileHandle(1), _counted: FileStreams::default() }
    }

    #[tokio::test]
    async fn a_stream_reads_to_the_end() {
        let services = Arc::new(MemoryFile::default());
        *services.bytes.lock() = b"hello world".to_vec();
        let mut input = FileInput::new(streamed(&services), 6);
        assert_eq!(&*input.blocking_read(3).await.unwrap(), b"wor");
        services.bytes.lock().extend(b"s!");
        assert_eq!(&*input.blocking_read(100).await.unwrap(), b"lds!", "it reads what is there now");
        assert!(matches!(input.blocking_read(100).await, Err(StreamError::Closed)));
    }

    #[tokio::test]
    async fn an_answer_is_shown_after_a_wait_however_soon_it_was_there() {
        let services = Arc::new(MemoryFile::default());
        *services.bytes.lock() = b"hello".to_vec();
        let mut input = FileInput::new(streamed(&services), 0);
        for _ in 0..3 {
            assert!(input.read(10).unwrap().is_empty());
        }
        assert_eq!(*services.operations.lock(), 1, "it asked when the guest read");
        input.ready().await;
        assert_eq!(&*input.read(10).unwrap(), b"hello");
    }

    #[tokio::test]
    async fn a_stream_that_is_ready_has_bytes() {
        let services = Arc::new(MemoryFile::default());
        *services.bytes.lock() = b"hello".to_vec();
        let mut input = FileInput::new(streamed(&services), 0);
        input.ready().await;
        assert_eq!(&*input.read(2).unwrap(), b"he");
        assert_eq!(&*input.read(100).unwrap(), b"llo");
        assert_eq!(*services.operations.lock(), 1);
    }

    #[tokio::test]
    async fn writes_follow_each_other() {
        let services = Arc::new(MemoryFile::default());
        let mut output = FileOutput::new(streamed(&services), Some(2));
        assert_eq!(output.check_write().unwrap(), STREAM_BYTES);
        output.write(Bytes::from_static(b"ab")).unwrap();
        assert_eq!(output.check_write().unwrap(), 0, "the guest has to wait");
        assert!(matches!(output.write(Bytes::from_static(b"c")), Err(StreamError::Trap(_))));
        output.ready().await;
        output.blocking_write_and_flush(Bytes::from_static(b"cd")).await.unwrap();
        assert_eq!(*services.bytes.lock(), b"\0\0abcd");
        let mut end = FileOutput::new(streamed(&services), None);
        end.write(Bytes::from_static(b"ef")).unwrap();
        end.cancel().await;
        assert_eq!(*services.bytes.lock(), b"\0\0abcdef", "what was written is not lost with the stream");
    }

    #[tokio::test]
    async fn a_failure_is_reported_once() {
        let services = Arc::new(MemoryFile::default());
        let mut output = FileOutput::new(streamed(&services), Some(MAX_BYTES as u64 - 1));
        let failed = output.blocking_write_and_flush(Bytes::from_static(b"ab")).await;
        let Err(StreamError::LastOperationFailed(error)) = failed else { panic!("{failed:?}") };
        assert_eq!(error.downcast_ref::<FileError>(), Some(&FileError::Quota));
        assert!(matches!(output.check_write(), Err(StreamError::Closed)));
        assert_eq!(services.bytes.lock().len(), MAX_BYTES, "the first byte had room");
        let too_much = Bytes::from(vec![0; STREAM_BYTES + 1]);
        let mut other = FileOutput::new(streamed(&services), Some(0));
        assert!(matches!(other.write(too_much), Err(StreamError::Trap(_))));
    }
}
