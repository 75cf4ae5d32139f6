//! The store in a SQLite file: the durable default of a host.
//!
//! One thread writes (`writer`, `desktop`), many steps to a commit; another waits for the disk (`sync`), a third keeps the WAL short
//! (`checkpoint`), a few read (`reader`, `listing`). What the writer has in its hands of a task is its `shelf`, with the first
//! jobs of its `line`; all else is in the file, whose tables `schema/*.sql` explain. Since one host has the file to itself
//! (`lock`), what the writer remembers is true.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use async_trait::async_trait;
use rusqlite::Connection;
use saggar_job::{TaskKey, Timestamp};

use super::{Store, TaskStore};
use crate::meters::Commits;
use crate::{ListQuery, Page, Rules, StoreError};

mod backup;
mod checkpoint;
mod connect;
mod desktop;
mod details;
mod ended;
mod error;
mod failure;
mod handed;
mod headroom;
mod inbox;
mod ledger;
mod line;
mod listing;
mod lock;
mod number;
mod owed;
mod probe;
mod reader;
mod record;
mod schema;
mod shared;
mod shelf;
mod statements;
mod sync;
mod task;
mod workshop;
mod writer;

pub use error::SqliteError;

use checkpoint::{Checkpoints, Room};
use desktop::Desktop;
use failure::Failure;
use headroom::Headroom;
use inbox::Inbox;
use lock::{HostLock, beside};
use owed::Patience;
use probe::Probe;
use reader::Readers;
use shared::Registry;
use sync::{Disk, Syncer};
use task::SqliteTask;
use workshop::Workshop;
use writer::Writer;

/// What an answered step survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power cut.
    #[default]
    Full,
    /// The death of the process, however it dies. After a power cut the last moments may be missing, whole and in order.
    Normal,
}

/// Where and how a store is to be opened.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    path: PathBuf,
    durability: Durability,
    most_bytes: Option<u64>,
}

impl SqliteOptions {
    /// The file at `path`, which is made if it is not there (its directory is not), with full durability.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), durability: Durability::Full, most_bytes: None }
    }

    /// The same with another durability.
    #[must_use]
    pub fn with_durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// The same, with a database that grows to no more than `bytes`, as if the disk were full then. The WAL beside it is not
    /// counted.
    #[must_use]
    pub fn with_most_bytes(self, bytes: u64) -> Self {
        Self { most_bytes: Some(bytes), ..self }
    }
}

/// A store in a SQLite file. When it and all that was opened from it are dropped, the file is closed; that waits for steps
/// under way.
///
/// When a write fails (not: when the disk is full), nobody knows any more what is on the disk. Then the store has failed: every
/// later step answers an error that says so, and [`failed`](Self::failed) answers, for the host to stop.
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    writer: Option<Writer>,
    readers: Option<Readers>,
    registry: Arc<Registry>,
    failure: Arc<Failure>,
    room: Option<Room>,
    syncer: Option<Arc<Syncer>>,
    reading: Vec<JoinHandle<()>>,
    writing: Option<JoinHandle<()>>,
    syncing: Option<JoinHandle<()>>,
    /// The last thing to go; the writer has it too, since it may outlive this.
    lock: Arc<HostLock>,
}

impl SqliteStore {
    /// Opens a store: looks for damage, brings an older file up to date, finds what a dead process left. Blocks for as long
    /// as that takes, up to two seconds or so for a large file.
    ///
    /// # Errors
    ///
    /// If another host works on the file, if it is none of ours, newer than we are, or damaged, or cannot be opened.
    pub fn open(options: &SqliteOptions) -> Result<Self, SqliteError> {
        Self::open_on(options, |wal| Box::new(wal))
    }

    /// `disk` makes of the WAL's file what is synced.
    fn open_on(options: &SqliteOptions, disk: impl FnOnce(File) -> Box<dyn Disk>) -> Result<Self, SqliteError> {
        connect::check_library()?;
        let path = connect::resolve(&options.path)?;
        let lock = Arc::new(HostLock::take(&path)?);
        let mut db = prepare(&path, options)?;
        // If something fails below, dropping it ends the threads that were started.
        let mut inner = Inner::without_threads(path, lock);
        let path = inner.path.clone();
        let failure = Arc::clone(&inner.failure);
        let headroom = match options.durability {
            Durability::Full => Some(inner.wait_for_disk(&db, disk)?),
            Durability::Normal => None,
        };
        let (readers, reading) = Readers::start(&path, inner.syncer.clone())?;
        (inner.readers, inner.reading) = (Some(readers), reading);
        let probe = Probe::beside(&path)
            .map_err(|source| SqliteError::Path { path: path.clone(), source: Arc::new(source) })?;
        let probe = Arc::new(probe);
        let watched = Checkpoints::new(&mut db, Arc::clone(&failure), Arc::clone(&probe));
        let (checkpoints, woken, through) = watched.map_err(|source| connect::not_opened(&path, source))?;
        inner.room = Some(checkpoints.room());
        let (own, failing) = (connect::for_writing(&path, true)?, Arc::clone(&failure));
        let attend = move || checkpoint::attend(&woken, &through, &failing, || checkpoint::run(&own, &failing, &probe));
        let checkpointing = spawn(&path, "saggar-checkpoint", attend)?;
        let (writer, inbox) = Writer::new();
        let (syncer, lock) = (inner.syncer.clone(), Arc::clone(&inner.lock));
        let writing = Writing { failure, syncer, headroom, checkpoints, checkpointing, lock };
        inner.writing = Some(write(&path, db, Arc::clone(&inner.registry), inbox, writing)?);
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
        let (from, to) = (self.inner.path.clone(), to.to_owned());
        let copied = tokio::task::spawn_blocking(move || backup::copy(&from, &to)).await;
        copied.unwrap_or(Err(SqliteError::Closed))
    }

    /// Whether the store has failed.
    pub fn has_failed(&self) -> bool {
        self.inner.failure.check().is_err()
    }

    /// Whether the disk is full, so that what would be added is refused. While it is, this writes to it.
    pub fn is_full(&self) -> bool {
        self.inner.room.as_ref().is_some_and(Room::is_none)
    }

    /// Waits until the store has failed, and answers why. Cancel-safe.
    pub async fn failed(&self) -> SqliteError {
        self.inner.failure.failed().await
    }
}

/// Opens the file for the writer and makes it fit to work on.
fn prepare(path: &Path, options: &SqliteOptions) -> Result<Connection, SqliteError> {
    let db = connect::for_writing(path, true)?;
    if schema::version_of(&db, path)? > 0 && !connect::quick_check(&db, path)? {
        tracing::warn!(path = %path.display(), "the job store is large; only a part of it was checked for damage");
    }
    schema::migrate(&db, path)?;
    let set = || {
        // Commits do not wait for the disk; `sync` does, for them.
        db.pragma_update(None, "synchronous", "NORMAL")?;
        if let Some(bytes) = options.most_bytes {
            let page_size: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page_size;
            db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        Ok(())
    };
    set().map_err(|source| connect::not_opened(path, source))?;
    // So that a file that was just made is found again after a power cut.
    if let Some(directory) = path.parent() {
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|source| SqliteError::Path { path: directory.to_owned(), source: Arc::new(source) })?;
    }
    Ok(db)
}

struct Writing {
    failure: Arc<Failure>,
    syncer: Option<Arc<Syncer>>,
    headroom: Option<Headroom>,
    checkpoints: Checkpoints,
    checkpointing: JoinHandle<()>,
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
    let Writing { failure, syncer, headroom, checkpoints, checkpointing, lock } = writing;
    let (commits, failing, closing) = (Commits::new(), Arc::clone(&failure), syncer.clone());
    let thread = spawn(path, "saggar-write", move || {
        match Workshop::load(&db, registry) {
            Err(error) => {
                // Lets the other thread end.
                drop(checkpoints);
                drop(loaded.send(Err(error)));
            }
            Ok(workshop) => {
                drop(loaded.send(Ok(())));
                let (owed, patience) = (None, Patience::default());
                let mut desktop = Desktop { workshop, headroom, checkpoints, failure, syncer, commits, owed, patience };
                let mut inbox = inbox;
                failing.guard("wrote", || desktop.run(&mut inbox));
            }
        }
        if let Some(syncer) = closing {
            syncer.close();
        }
        // The last one to close the file brings the WAL over; two that close it at once may both think the other does.
        join([checkpointing].into_iter());
        if let Err((_, error)) = db.close() {
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

fn spawn(path: &Path, name: &str, life: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, SqliteError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(life);
    thread.map_err(|source| SqliteError::Path { path: path.to_owned(), source: Arc::new(source) })
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

impl Inner {
    fn without_threads(path: PathBuf, lock: Arc<HostLock>) -> Self {
        let (registry, failure) = (Arc::default(), Arc::default());
        let (writer, readers, syncer, reading) = (None, None, None, Vec::new());
        let (room, writing, syncing) = (None, None, None);
        Self { path, writer, readers, registry, failure, room, syncer, reading, writing, syncing, lock }
    }

    /// Starts the thread that waits for the disk; answers the room ahead of what it syncs.
    fn wait_for_disk(
        &mut self,
        db: &Connection,
        disk: impl FnOnce(File) -> Box<dyn Disk>,
    ) -> Result<Headroom, SqliteError> {
        let wal = beside(&self.path, "-wal");
        let opened = OpenOptions::new().write(true).open(&wal).and_then(|file| Ok((file.try_clone()?, file)));
        let (file, wal) = opened.map_err(|source| SqliteError::Path { path: wal, source: Arc::new(source) })?;
        let headroom = Headroom::of(wal, db).map_err(|source| connect::not_opened(&self.path, source))?;
        let syncer = Arc::new(Syncer::new(disk(file), Arc::clone(&self.failure)));
        self.syncer = Some(Arc::clone(&syncer));
        let failing = Arc::clone(&self.failure);
        let live = move || failing.guard("waited for the disk", || syncer.run());
        self.syncing = Some(spawn(&self.path, "saggar-sync", live)?);
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

fn is_this(thread: &JoinHandle<()>) -> bool {
    thread.thread().id() == std::thread::current().id()
}

/// Waits for the end of threads, save for this one: an answer that a thread of the store sends may have held the last handle.
fn join(threads: impl Iterator<Item = JoinHandle<()>>) {
    for thread in threads.filter(|thread| !is_this(thread)) {
        if thread.join().is_err() {
            tracing::error!("a thread of the job store had panicked");
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn open(&self, task: &TaskKey, rules: &Arc<Rules>, now: Timestamp) -> Result<Arc<dyn TaskStore>, StoreError> {
        let (task, rules) = (task.clone(), Arc::clone(rules));
        let step = move |workshop: &mut Workshop<'_>| workshop.open(&task, &rules, now).map(Ok::<_, StoreError>);
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
