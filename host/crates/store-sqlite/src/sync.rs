//! Waiting for the disk. With `synchronous = FULL` SQLite would wait inside of each commit, and the writer with it. Here it
//! commits without waiting (`NORMAL`: the commit's pages are written to the WAL, and that is all), and this thread makes the
//! file system put the WAL on the disk before any answer that promises to last is sent: the same promise, while the writer
//! goes on with the next batch.
//!
//! That is sound because a commit is nothing but pages appended to the WAL. One `fdatasync` of the file makes every commit
//! last that was written to it before, in order, and one that a power cut tore is found by its checksum and ends what is
//! read. What else `FULL` does is done in `NORMAL` as well: the head of a WAL that begins anew is synced before the first page
//! follows it, and a checkpoint syncs the WAL before it touches the database, and the database before the WAL begins anew.

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

/// An answer that is ready to be sent, when its fate is known.
pub(super) type Answer = Box<dyn FnOnce(Result<(), SqliteError>) + Send>;

pub(super) struct Syncer {
    wal: Arc<dyn Disk>,
    files: Arc<StoreFiles>,
    waiting: Mutex<Waiting>,
    woken: Condvar,
    /// The last commit that is on the disk.
    durable: AtomicU64,
    /// The last commit that somebody was promised to be told of when it is on the disk.
    promised: AtomicU64,
    failure: Arc<Failure>,
    seconds: Histogram,
    /// Held during a sync: the kernel tells of a page that it could not write once, to whoever syncs then.
    syncing: Mutex<()>,
}

#[derive(Default)]
struct Waiting {
    answers: VecDeque<Vec<Answer>>,
    /// The last commit that was written.
    written: u64,
    closed: bool,
    /// The thread is at it.
    busy: bool,
}

impl Syncer {
    pub(super) fn new(wal: Arc<dyn Disk>, files: Arc<StoreFiles>, failure: Arc<Failure>) -> Self {
        let (durable, promised) = (AtomicU64::new(0), AtomicU64::new(0));
        let (waiting, woken, seconds) = (Mutex::default(), Condvar::new(), meters::sync_seconds());
        Self { wal, files, waiting, woken, durable, promised, failure, seconds, syncing: Mutex::new(()) }
    }

    /// The last commit that is on the disk.
    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// The commit `seq` is about to be made, and has to last.
    pub(super) fn announce(&self, seq: u64) {
        self.promised.store(seq, Ordering::Release);
    }

    /// Whether everything that has to last is on the disk, and so all that was seen before this was asked.
    fn has_kept_all(&self) -> bool {
        self.promised.load(Ordering::Acquire) <= self.durable()
    }

    /// Sends an answer that was read from the file, when all that it may have seen is on the disk: nobody is told of
    /// something that a power cut may undo.
    pub(super) fn send_read(&self, answer: Answer) {
        if self.has_kept_all() {
            return answer(Ok(()));
        }
        self.waiting.lock().answers.push_back(vec![answer]);
        self.woken.notify_one();
    }

    /// Sends the answers when the commit `seq` is on the disk.
    pub(super) fn send_when_durable(&self, seq: u64, answers: Vec<Answer>) {
        let mut waiting = self.waiting.lock();
        waiting.written = seq;
        waiting.answers.push_back(answers);
        self.woken.notify_one();
    }

    /// Waits for the disk here and sends the answers when the commit `seq` is on it, if nobody else waits for it; else
    /// hands them to the thread. Spares a commit that comes alone two changes of threads, which cost as much as a fast disk.
    pub(super) fn sync_here(&self, seq: u64, answers: Vec<Answer>) {
        // Only who calls this commits, so no other answers to a commit come meanwhile.
        if self.is_idle() { self.sync(seq, answers) } else { self.send_when_durable(seq, answers) }
    }

    /// Whether nobody waits for the disk.
    pub(super) fn is_idle(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.answers.is_empty() && !waiting.busy
    }

    /// Lets the thread end when all answers are sent.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.woken.notify_one();
    }

    /// The thread's life.
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
        // After a failed sync the kernel may have dropped the pages: another one would answer success for nothing.
        let fate = self.failure.check().and_then(|()| {
            let began = Instant::now();
            let synced = self.wal.sync();
            self.seconds.record(began.elapsed().as_secs_f64());
            synced.map_err(|error| self.failure.fail("the WAL could not be put on the disk", &error))?;
            // What was synced to a file without a name is lost all the same.
            self.files.check(&self.failure)
        });
        drop(syncing);
        if fate.is_ok() {
            self.durable.fetch_max(written, Ordering::AcqRel);
        }
        answers.into_iter().for_each(|answer| answer(fate.clone()));
    }
}
