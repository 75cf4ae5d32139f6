//! The files of one call: each operation of its guest runs on a thread that may block, within the tenant's share.

use std::convert::identity;
use std::mem;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;
use saggar_files::{FileAnswer, FileError, FileHandle, FileOperation, FileRoot, RootDir, RootSource, Session};
use saggar_grant::{DirGranted, Granted};
use saggar_tenant::{FairPermit, Flow};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::runtime::Runtime;

/// The files of one call. Nothing is opened before the guest uses a file.
#[derive(Default)]
pub(crate) struct CallFiles {
    open: OnceLock<OpenSession>,
    /// What the guest has closed since the last operation.
    closed: Mutex<Vec<FileHandle>>,
}

struct OpenSession {
    session: Arc<Mutex<Session>>,
    /// Where the session is closed if nobody waits for it.
    background: TaskTracker,
}

/// The answer to an operation, and why it was refused, for the job's log.
pub(crate) struct Performed {
    pub(crate) answer: Result<FileAnswer, FileError>,
    pub(crate) notice: Option<String>,
}

/// An operation that is to be performed.
struct Work {
    session: Arc<Mutex<Session>>,
    closed: Vec<FileHandle>,
    operation: FileOperation,
}

impl Work {
    /// Blocks.
    fn run(self, mut permit: FairPermit) -> Performed {
        let began = Instant::now();
        let mut session = self.session.lock();
        session.close_handles(self.closed);
        let answer = session.perform(self.operation);
        let notice = session.take_notice();
        permit.set_time(began.elapsed());
        Performed { answer, notice }
    }
}

impl CallFiles {
    /// Performs an operation of a guest of `flow`. If the future is dropped, an operation that has begun goes on.
    pub(crate) async fn perform(
        &self,
        runtime: &Runtime,
        flow: &Flow,
        granted: &Granted,
        operation: FileOperation,
    ) -> Performed {
        if granted.dirs.is_empty() && granted.scratch.is_none() {
            return Performed { answer: Err(FileError::NotGranted), notice: None };
        }
        let shared = runtime.shared_files();
        let session = self.open.get_or_init(|| {
            let session = Session::new(shared.files.clone(), runtime.tenant_files.clone(), root_dirs(granted));
            OpenSession { session: Arc::new(Mutex::new(session)), background: runtime.background.clone() }
        });
        let (session, closed) = (session.session.clone(), mem::take(&mut *self.closed.lock()));
        let work = Work { session, closed, operation };
        let done = match shared.limit.try_acquire(1) {
            Some(permit) => tokio::task::spawn_blocking(move || work.run(permit)).await,
            // In a task of its own: a guest that computes meanwhile polls nothing, and would keep its permit.
            None => {
                let (limit, flow) = (shared.limit.clone(), flow.clone());
                let waiting = async move {
                    let permit = limit.acquire(&flow, 1).await;
                    tokio::task::spawn_blocking(move || work.run(permit)).await
                };
                runtime.background.spawn(waiting).await.and_then(identity)
            }
        };
        match done {
            Ok(performed) => performed,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Performed { answer: Err(FileError::Io), notice: None },
            },
        }
    }

    /// Closes a file or directory with the next operation, or with the call.
    pub(crate) fn close(&self, handle: FileHandle) {
        self.closed.lock().push(handle);
    }

    /// Closes everything, and removes the scratch directory, when the call has ended. Waits for an operation that goes on.
    pub(crate) async fn end(&self) {
        let Some(OpenSession { session, .. }) = self.open.get() else { return };
        let session = session.clone();
        // It fails if the closing panicked, or the runtime stops; then the next start of a host cleans up.
        let _ = tokio::task::spawn_blocking(move || session.lock().close()).await;
    }
}

impl Drop for CallFiles {
    fn drop(&mut self) {
        let Some(OpenSession { session, background }) = self.open.take() else { return };
        let is_closed = session.try_lock().is_some_and(|session| session.is_closed());
        // Without a runtime, the whole host is gone.
        if !is_closed && Handle::try_current().is_ok() {
            background.spawn_blocking(move || session.lock().close());
        }
    }
}

/// Returns how guests see the directories that were granted.
pub(crate) fn roots(granted: &Granted) -> Vec<FileRoot> {
    Session::roots(&root_dirs(granted))
}

fn root_dirs(granted: &Granted) -> Vec<RootDir> {
    let of_host = |dir: &DirGranted| RootDir {
        name: dir.name.clone(),
        source: RootSource::Host(dir.path.clone()),
        write: dir.write,
        max_bytes: dir.max_bytes,
        max_files: dir.max_files,
    };
    granted.dirs.iter().map(of_host).chain(granted.scratch.map(RootDir::scratch)).collect()
}
