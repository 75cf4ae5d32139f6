//! Waiting for the disk. With `synchronous = FULL` SQLite would wait inside each commit, and the writer with it. Here
//! SQLite commits without waiting (`NORMAL`: a commit only writes its pages to the WAL), and this thread syncs the WAL
//! before any answer that promises durability is sent. The guarantee is the same, while the writer continues with the
//! next batch.
//!
//! This is sound because a commit only appends pages to the WAL. One `fdatasync` of the file makes all commits durable
//! that were written to it before, in order. A commit that a power cut tore is detected by its checksum, and recovery
//! stops there. The other syncs of `FULL` are made in `NORMAL` as well: the header of a reset WAL is synced before its
//! first page is written, and a checkpoint syncs the WAL before it touches the database, and the database before the
//! WAL is reset.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use metrics::Histogram;
use parking_lot::{Condvar, Mutex};

use super::disk::Disk;
use super::error::SqliteError;
use super::failure::Failure;
use super::identity::StoreFiles;
use crate::meters;

/// An answer that is ready to be sent, called with the result of its commit or sync.
pub(super) type Answer = Box<dyn FnOnce(Result<(), SqliteError>) + Send>;

pub(super) struct Syncer {
    wal: Arc<dyn Disk>,
    files: Arc<StoreFiles>,
    waiting: Mutex<Waiting>,
    woken: Condvar,
    /// The last durable commit.
    durable: AtomicU64,
    /// The last commit with an answer that waits until it is durable.
    promised: AtomicU64,
    failure: Arc<Failure>,
    seconds: Histogram,
    /// Locked during a sync, because the kernel reports a page that it could not write only once, to the sync that
    /// comes first.
    syncing: Mutex<()>,
}

#[derive(Default)]
struct Waiting {
    answers: VecDeque<Vec<Answer>>,
    /// The last commit that was written.
    written: u64,
    closed: bool,
    /// Whether the thread is syncing or sending answers.
    busy: bool,
}

impl Syncer {
    pub(super) fn new(wal: Arc<dyn Disk>, files: Arc<StoreFiles>, failure: Arc<Failure>) -> Self {
        let (durable, promised) = (AtomicU64::new(0), AtomicU64::new(0));
        let (waiting, woken, seconds) = (Mutex::default(), Condvar::new(), meters::sync_seconds());
        Self { wal, files, waiting, woken, durable, promised, failure, seconds, syncing: Mutex::new(()) }
    }

    /// Returns the last durable commit.
    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Registers that the commit `seq` is about to be made and must become durable.
    pub(super) fn announce(&self, seq: u64) {
        self.promised.store(seq, Ordering::Release);
    }

    /// Returns whether all commits that must become durable are durable, including everything that was read before this
    /// call.
    fn is_all_durable(&self) -> bool {
        self.promised.load(Ordering::Acquire) <= self.durable()
    }

    /// Sends an answer that was read from the file once everything that it may contain is durable, so that no caller
    /// sees a state that a power cut may undo.
    pub(super) fn send_read(&self, answer: Answer) {
        if self.is_all_durable() {
            return answer(Ok(()));
        }
        self.waiting.lock().answers.push_back(vec![answer]);
        self.woken.notify_one();
    }

    /// Sends the answers when the commit `seq` is durable.
    pub(super) fn send_when_durable(&self, seq: u64, answers: Vec<Answer>) {
        let mut waiting = self.waiting.lock();
        waiting.written = seq;
        waiting.answers.push_back(answers);
        self.woken.notify_one();
    }

    /// Syncs in the calling thread and sends the answers when the commit `seq` is durable, if no other answers wait;
    /// otherwise passes them to the syncer's thread. Saves a single commit two thread switches, which cost as much as a
    /// fast disk.
    pub(super) fn sync_here(&self, seq: u64, answers: Vec<Answer>) {
        // Only the caller's thread commits, so no answers to other commits arrive meanwhile.
        if self.is_idle() { self.sync(seq, answers) } else { self.send_when_durable(seq, answers) }
    }

    /// Returns whether no answer waits for the disk.
    pub(super) fn is_idle(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.answers.is_empty() && !waiting.busy
    }

    /// Lets the thread end when all answers are sent.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.woken.notify_one();
    }

    /// Runs the thread.
    pub(super) fn run(&self) {
        loop {
            let (answers, written) = {
                let mut waiting = self.waiting.lock();
                waiting.busy = false;
                while waiting.answers.is_empty() {
                    if waiting.closed {
                        return;
                    }
                    self.woken.wait(&mut waiting);
                }
                waiting.busy = true;
                (std::mem::take(&mut waiting.answers), waiting.written)
            };
            self.sync(written, answers.into_iter().flatten());
        }
    }

    fn sync(&self, written: u64, answers: impl IntoIterator<Item = Answer>) {
        let syncing = self.syncing.lock();
        // After a failed sync the kernel may have dropped the pages: another sync would return success without writing
        // them.
        let fate = self.failure.check().and_then(|()| {
            let began = Instant::now();
            let synced = self.wal.sync();
            self.seconds.record(began.elapsed().as_secs_f64());
            synced.map_err(|error| self.failure.fail("the WAL could not be synced", &error))?;
            // Data that was synced to a deleted file is lost all the same.
            self.files.check(&self.failure)
        });
        drop(syncing);
        if fate.is_ok() {
            self.durable.fetch_max(written, Ordering::AcqRel);
        }
        answers.into_iter().for_each(|answer| answer(fate.clone()));
    }
}
