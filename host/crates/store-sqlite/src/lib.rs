//! The store in a SQLite file: the durable default of a host.
//!
//! One thread writes (`writer`, `commit_loop`), many steps to a commit; another waits for the disk (`sync`), a third keeps the WAL short
//! (`checkpoint`), a few read (`reader`, `listing`). What the writer has in its hands of a task is its `task_state`, with the first
//! jobs of its `line`; all else is in the file, whose tables `schema/*.sql` explain. Since one host has the file to itself
//! (`lock`), what the writer remembers is true.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use async_trait::async_trait;
use rusqlite::Connection;
use saggar_job::{TaskKey, Timestamp};

use crate::meters::Commits;
use saggar_store::{ListQuery, Observer, Page, Rules, Store, StoreError, TaskStore};

mod backup;
mod batch_context;
mod checkpoint;
mod commit_loop;
mod connect;
mod details;
mod disk;
mod error;
mod expiry_queue;
mod failure;
mod headroom;
mod identity;
mod inbox;
mod listing;
mod lock;
mod meters;
mod number;
mod open;
mod options;
mod prepare;
mod probe;
mod reader;
mod ready_queue;
mod record;
mod reply_guard;
mod rewrite;
mod schema;
mod shared;
mod statements;
mod sync;
mod task;
mod task_state;
mod threads;
mod writer;
mod writer_state;

pub use error::SqliteError;
pub use meters::describe_metrics;
pub use options::{Durability, SqliteOptions};

use checkpoint::{Checkpoints, Room};
use commit_loop::CommitLoop;
use disk::{Database, Disk, Medium};
use failure::Failure;
use headroom::Headroom;
use identity::StoreFiles;
use inbox::Inbox;
use lock::HostLock;
use open::beside;
use probe::Probe;
use reader::Readers;
use shared::Registry;
use sync::Syncer;
use task::SqliteTask;
use threads::{is_this, join, spawn};
use writer::Writer;
use writer_state::WriterState;

/// Delayed jobs that take their places in one go, so that a thousand due at once do not hold up everybody. In tests so few that
/// the random histories go beyond.
const PROMOTED_AT_ONCE: usize = if cfg!(test) { 4 } else { 256 };

/// A store in a SQLite file. When it and all that was opened from it are dropped, the file is closed; that waits for steps
/// under way.
///
/// When a write fails (not: when the disk is full), nobody knows any more what is on the disk. Then the store has failed: every
/// later step answers an error that says so, and [`failed`](Self::failed) answers, for the host to stop.
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    files: Arc<StoreFiles>,
    writer: Option<Writer>,
    readers: Option<Readers>,
    registry: Arc<Registry>,
    failure: Arc<Failure>,
    room: Option<Room>,
    /// The last transaction could not begin.
    is_busy: Arc<AtomicBool>,
    syncer: Option<Arc<Syncer>>,
    reading: Vec<JoinHandle<()>>,
    writing: Option<JoinHandle<()>>,
    syncing: Option<JoinHandle<()>>,
    /// The last thing to go; the writer has it too, since it may outlive this.
    lock: Arc<HostLock>,
}

impl SqliteStore {
    /// Opens a store: makes durable what is in it, looks for damage, brings an older file up to date, finds what a dead process
    /// left. Blocks for as long as that takes, up to two seconds or so for a large file.
    ///
    /// # Errors
    ///
    /// If another host works on the file, if it is none of ours, newer than we are, or damaged, or cannot be opened.
    pub fn open(options: &SqliteOptions) -> Result<Self, SqliteError> {
        Self::open_on(options, Medium::with_disk(|wal| Arc::new(wal)))
    }

    fn open_on(
        options: &SqliteOptions,
        medium: Medium<impl FnOnce(File) -> Arc<dyn Disk>>,
    ) -> Result<Self, SqliteError> {
        connect::check_library()?;
        let database = Database { path: connect::resolve(&options.path)?, vfs: medium.vfs };
        let lock = Arc::new(HostLock::take(&database.path)?);
        let (mut db, wal) = prepare::prepare(&database, options, medium.disk)?;
        let files = StoreFiles::of(&database.path).map_err(|source| SqliteError::of_path(&database.path, source))?;
        open::warn_if_shared(&database.path);
        // If something fails below, dropping it ends the threads that were started.
        let mut inner = Inner::without_threads(database, Arc::new(files), lock);
        let database = inner.database.clone();
        let path = &database.path;
        let failure = Arc::clone(&inner.failure);
        let headroom = match options.durability {
            Durability::Full => Some(inner.wait_for_disk(&db, wal)?),
            Durability::Normal => None,
        };
        let (readers, reading) = Readers::start(&database, inner.syncer.clone())?;
        (inner.readers, inner.reading) = (Some(readers), reading);
        let probe = Probe::beside(path).map_err(|source| SqliteError::of_path(&beside(path, ".probe"), source))?;
        let probe = Arc::new(probe);
        let watched = Checkpoints::new(&mut db, medium.checkpoint_pages, Arc::clone(&failure), Arc::clone(&probe));
        let (checkpoints, woken, through) = watched.map_err(|source| connect::not_opened(path, source))?;
        inner.room = Some(checkpoints.room());
        let (own, failing) = (connect::for_writing(&database, true)?, Arc::clone(&failure));
        let attend = move || checkpoint::attend(&woken, &through, &failing, || checkpoint::run(&own, &failing, &probe));
        let checkpointing = spawn(path, "saggar-checkpoint", attend)?;
        let (writer, inbox) = Writer::new();
        let (syncer, lock, files) = (inner.syncer.clone(), Arc::clone(&inner.lock), Arc::clone(&inner.files));
        let is_busy = Arc::clone(&inner.is_busy);
        let writing = Writing { failure, syncer, files, headroom, checkpoints, checkpointing, is_busy, lock };
        inner.writing = Some(write(path, db, Arc::clone(&inner.registry), inbox, writing)?);
        inner.writer = Some(writer);
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Copies the store as it is at one moment to the file `to`, which must not be there, while it goes on. The copy is a
    /// store like this one. What runs is lost in it, as after a crash.
    ///
    /// When the future is dropped, the copy is finished all the same.
    ///
    /// # Errors
    ///
    /// If there is a file already, or it cannot be written; then there is none afterwards.
    pub async fn backup(&self, to: &Path) -> Result<(), SqliteError> {
        let (from, to, lock) = (self.inner.database.clone(), to.to_owned(), Arc::clone(&self.inner.lock));
        let copied = tokio::task::spawn_blocking(move || {
            let copied = backup::copy(&from, &to);
            drop(lock);
            copied
        });
        let copied = copied.await;
        copied.unwrap_or(Err(SqliteError::Closed))
    }

    /// Whether the store has failed. Looks whether its files are still there, which a store without work does not notice.
    pub fn has_failed(&self) -> bool {
        let Inner { failure, files, .. } = &*self.inner;
        failure.check().and_then(|()| files.check(failure)).is_err()
    }

    /// Whether the disk is full, so that what would be added is refused. While it is, this writes to it.
    pub fn is_full(&self) -> bool {
        self.inner.room.as_ref().is_some_and(Room::is_none)
    }

    /// Whether another program kept the file locked when something was last to be written, so that it was refused. While it does,
    /// each call has the writer try again.
    pub fn is_busy(&self) -> bool {
        let is_busy = self.inner.is_busy.load(Ordering::Relaxed);
        if let Some(writer) = self.inner.writer.as_ref().filter(|_| is_busy) {
            writer.try_nothing();
        }
        is_busy
    }

    /// Waits until the store has failed, and answers why. Cancel-safe.
    pub async fn failed(&self) -> SqliteError {
        self.inner.failure.failed().await
    }
}

struct Writing {
    failure: Arc<Failure>,
    syncer: Option<Arc<Syncer>>,
    files: Arc<StoreFiles>,
    headroom: Option<Headroom>,
    checkpoints: Checkpoints,
    checkpointing: JoinHandle<()>,
    is_busy: Arc<AtomicBool>,
    lock: Arc<HostLock>,
}

/// Starts the writer, and waits until it has read what it needs.
fn write(
    path: &Path,
    db: Connection,
    registry: Arc<Registry>,
    inbox: Inbox,
    writing: Writing,
) -> Result<JoinHandle<()>, SqliteError> {
    let (loaded, wait) = mpsc::sync_channel(1);
    let Writing { failure, syncer, files, headroom, checkpoints, checkpointing, is_busy, lock } = writing;
    let (commits, failing, closing) = (Commits::new(), Arc::clone(&failure), syncer.clone());
    let thread = spawn(path, "saggar-write", move || {
        match WriterState::load(&db, registry) {
            Err(error) => {
                // Lets the other thread end.
                drop(checkpoints);
                drop(loaded.send(Err(error)));
            }
            Ok(writer_state) => {
                drop(loaded.send(Ok(())));
                let mut commit_loop =
                    CommitLoop { writer_state, headroom, checkpoints, failure, syncer, files, is_busy, commits };
                let mut inbox = inbox;
                failing.guard("wrote", || commit_loop.run(&mut inbox));
            }
        }
        if let Some(syncer) = closing {
            syncer.close();
        }
        // The last one to close the file brings the WAL over; two that close it at once may both think the other does.
        join([checkpointing].into_iter());
        let finished = match failing.check() {
            Ok(()) => connect::checkpoint_on_close(&db),
            Err(_) => Ok(()),
        };
        if let Err(error) = finished.and_then(|()| db.close().map_err(|(_, error)| error)) {
            tracing::warn!(%error, "the job store could not be closed");
        }
        drop(lock);
    })?;
    match wait.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(connect::not_opened(path, error)),
        Err(_) => Err(SqliteError::Closed),
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.database.path).finish_non_exhaustive()
    }
}

impl Inner {
    fn without_threads(database: Database, files: Arc<StoreFiles>, lock: Arc<HostLock>) -> Self {
        let (registry, failure) = (Arc::default(), Arc::default());
        let (writer, readers, syncer, reading) = (None, None, None, Vec::new());
        let (room, writing, syncing) = (None, None, None);
        Self {
            database,
            files,
            writer,
            readers,
            registry,
            failure,
            room,
            is_busy: Arc::default(),
            syncer,
            reading,
            writing,
            syncing,
            lock,
        }
    }

    /// Starts the thread that waits for the disk; answers the room ahead of what it syncs.
    fn wait_for_disk(&mut self, db: &Connection, wal: Arc<dyn Disk>) -> Result<Headroom, SqliteError> {
        let path = &self.database.path;
        let headroom = Headroom::of(Arc::clone(&wal), db).map_err(|source| connect::not_opened(path, source))?;
        let syncer = Arc::new(Syncer::new(wal, Arc::clone(&self.files), Arc::clone(&self.failure)));
        self.syncer = Some(Arc::clone(&syncer));
        let failing = Arc::clone(&self.failure);
        let live = move || failing.guard("waited for the disk", || syncer.run());
        self.syncing = Some(spawn(&self.database.path, "saggar-sync", live)?);
        Ok(headroom)
    }

    fn writer(&self) -> Result<&Writer, SqliteError> {
        self.writer.as_ref().ok_or(SqliteError::Closed)
    }

    fn readers(&self) -> Result<&Readers, SqliteError> {
        self.failure.check()?;
        self.readers.as_ref().ok_or(SqliteError::Closed)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The readers go first: the last to close the file brings the WAL over, which they cannot. Then the writer, which may
        // still have answers for the syncer.
        self.readers = None;
        join(self.reading.drain(..));
        self.writer = None;
        match self.writing.take() {
            // An answer that it sends held the last handle. It goes on to its end, and closes the syncer there.
            Some(writing) if is_this(&writing) => return,
            writing => join(writing.into_iter()),
        }
        if let Some(syncer) = &self.syncer {
            syncer.close();
        }
        join(self.syncing.take().into_iter());
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn open(
        &self,
        task: &TaskKey,
        rules: &Arc<Rules>,
        now: Timestamp,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<dyn TaskStore>, StoreError> {
        let (task, rules) = (task.clone(), Arc::clone(rules));
        let step = move |writer_state: &mut WriterState<'_>| {
            writer_state.open(&task, &rules, now, observer).map(Ok::<_, StoreError>)
        };
        let shared = self.inner.writer()?.ask(step).await?;
        Ok(Arc::new(SqliteTask { shared, store: Arc::clone(&self.inner) }))
    }

    fn outlives_process(&self) -> bool {
        true
    }

    async fn tasks(&self) -> Result<Vec<TaskKey>, StoreError> {
        Ok(self.inner.registry.keys())
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        let tasks = self.inner.registry.find(&query.tenant, query.task.as_deref());
        let query = query.clone();
        Ok(self.inner.readers()?.look(move |db| listing::page(db, tasks, &query)).await?)
    }

    fn set_keep_bytes(&self, most: u64) {
        self.inner.registry.kept.set_most(most);
    }

    fn kept_bytes(&self) -> u64 {
        self.inner.registry.kept.bytes()
    }
}

#[cfg(test)]
mod tests;
