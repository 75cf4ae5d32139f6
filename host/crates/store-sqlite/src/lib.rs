//! The store in a SQLite file: the durable default of a host.
//!
//! One thread writes (`writer`, `commit_loop`), many steps per commit; another waits for the disk (`sync`), a third
//! keeps the WAL short (`checkpoint`), a few read (`reader`, `listing`). The writer's in-memory state of a task is its
//! `task_state`, including the first jobs of its `ready_queue`. All else is in the file; `schema/*.sql` document its
//! tables. One host has exclusive use of the file (`lock`), so the writer's state in memory stays valid.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use async_trait::async_trait;
use rusqlite::Connection;
use saggar_job::{TaskKey, Timestamp};
use saggar_store::{
    AuditEntry, AuditLimits, AuditPage, AuditQuery, CountedJobs, DeploymentStore, ListQuery, Observer, Page,
    RecordingLimits, Rules, Store, StoreError, StoreHealth, TaskStore, TenantLevels,
};
use saggar_tenant::Tenant;

mod audit;
mod backup;
mod batch_context;
mod checkpoint;
mod commit_loop;
mod components;
mod connect;
mod deployments;
mod details;
mod disk;
mod error;
mod expiry_queue;
mod failure;
mod headroom;
mod identity;
mod inbox;
mod kv;
mod kv_rows;
mod limits;
mod listing;
mod lock;
mod meters;
mod number;
mod open;
mod options;
mod places;
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
mod tenant_books;
mod threads;
mod writer;
mod writer_state;
mod writing;

pub use error::SqliteError;
pub use meters::describe_metrics;
pub use options::{Durability, SqliteOptions};

/// Returns the version of the SQLite library, which is part of this program.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

use checkpoint::{Checkpoints, Room};
use deployments::SqliteDeployments;
use disk::{Database, Disk, Medium};
use failure::Failure;
use headroom::Headroom;
use identity::StoreFiles;
use limits::Limits;
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
use writing::{Writing, write};

/// A store in a SQLite file. The file is closed when the store and everything opened from it are dropped; that waits
/// for steps in progress.
///
/// When a write fails (other than on a full disk), the content of the disk is unknown. Then the store has failed: every
/// later step returns an error that says so, and [`failed`](Store::failed) resolves, so that the host can stop.
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
    /// Whether the last transaction could not begin.
    is_busy: Arc<AtomicBool>,
    syncer: Option<Arc<Syncer>>,
    reading: Vec<JoinHandle<()>>,
    writing: Option<JoinHandle<()>>,
    syncing: Option<JoinHandle<()>>,
    limits: Limits,
    /// Dropped last. The writer has it too, because it may outlive this struct.
    lock: Arc<HostLock>,
}

impl SqliteStore {
    /// Opens a store: makes its committed content durable, checks for damage, migrates an older file, and finds the
    /// attempts of a dead process. Blocks meanwhile, for up to about two seconds for a large file.
    ///
    /// # Errors
    ///
    /// If another host has the file open, or the file belongs to another program, is newer than this host, is damaged,
    /// or cannot be opened.
    pub fn open(options: &SqliteOptions) -> Result<Self, SqliteError> {
        Self::open_on(options, Medium::with_disk(|wal| Arc::new(wal)), Limits::production())
    }

    fn open_on(
        options: &SqliteOptions,
        medium: Medium<impl FnOnce(File) -> Arc<dyn Disk>>,
        limits: Limits,
    ) -> Result<Self, SqliteError> {
        connect::check_library()?;
        let database = Database { path: connect::resolve(&options.path)?, vfs: medium.vfs };
        let lock = Arc::new(HostLock::take(&database.path)?);
        let (mut db, wal) = prepare::prepare(&database, options, medium.disk)?;
        let files = StoreFiles::of(&database.path).map_err(|source| SqliteError::of_path(&database.path, source))?;
        open::warn_if_shared(&database.path);
        // If something fails below, dropping it ends the threads that were started.
        let mut inner = Inner::without_threads(database, Arc::new(files), lock, limits);
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
        let watched = Checkpoints::new(&mut db, limits.checkpoint_pages, Arc::clone(&failure), Arc::clone(&probe));
        let (checkpoints, woken, done) = watched.map_err(|source| connect::not_opened(path, source))?;
        inner.room = Some(checkpoints.room());
        let (own, failing) = (connect::for_writing(&database, true)?, Arc::clone(&failure));
        let body = move || checkpoint::run_thread(&woken, &done, &failing, || checkpoint::run(&own, &failing, &probe));
        let checkpointing = spawn(path, "saggar-checkpoint", body)?;
        let (writer, inbox) = Writer::new();
        let (syncer, lock, files) = (inner.syncer.clone(), Arc::clone(&inner.lock), Arc::clone(&inner.files));
        let is_busy = Arc::clone(&inner.is_busy);
        let writing = Writing { failure, syncer, files, headroom, checkpoints, checkpointing, is_busy, lock, limits };
        inner.writing = Some(write(path, db, Arc::clone(&inner.registry), inbox, writing)?);
        inner.writer = Some(writer);
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Copies the store as of one point in time to the file `to`, which must not exist. The store stays in use
    /// meanwhile. The copy is a store like this one. Running attempts are lost in it, as after a crash.
    ///
    /// When the future is dropped, the copy is finished all the same.
    ///
    /// # Errors
    ///
    /// If the file exists already or cannot be written. On failure no copy is left behind.
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

    /// Returns whether the store has failed. Also checks whether its files still exist, which an idle store would not
    /// notice.
    fn has_failed(&self) -> bool {
        let Inner { failure, files, .. } = &*self.inner;
        failure.check().and_then(|()| files.check(failure)).is_err()
    }

    /// Returns whether the disk is full, so that new jobs are refused. While it is, each call writes to the disk to
    /// find out.
    fn is_full(&self) -> bool {
        self.inner.room.as_ref().is_some_and(Room::is_none)
    }

    /// Returns whether another program had the file locked when the store last tried to write, so that the step was
    /// refused. While it is locked, each call makes the writer try again.
    fn is_busy(&self) -> bool {
        let is_busy = self.inner.is_busy.load(Ordering::Relaxed);
        if let Some(writer) = self.inner.writer.as_ref().filter(|_| is_busy) {
            writer.try_nothing();
        }
        is_busy
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.inner.database.path).finish_non_exhaustive()
    }
}

impl Inner {
    fn without_threads(database: Database, files: Arc<StoreFiles>, lock: Arc<HostLock>, limits: Limits) -> Self {
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
            limits,
            lock,
        }
    }

    /// Starts the thread that waits for the disk; returns the headroom of the WAL that it syncs.
    fn wait_for_disk(&mut self, db: &Connection, wal: Arc<dyn Disk>) -> Result<Headroom, SqliteError> {
        let path = &self.database.path;
        let headroom = Headroom::of(Arc::clone(&wal), db).map_err(|source| connect::not_opened(path, source))?;
        let syncer = Arc::new(Syncer::new(wal, Arc::clone(&self.files), Arc::clone(&self.failure)));
        self.syncer = Some(Arc::clone(&syncer));
        let failing = Arc::clone(&self.failure);
        let body = move || failing.guard("synced the WAL", || syncer.run());
        self.syncing = Some(spawn(&self.database.path, "saggar-sync", body)?);
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
        // The readers end first: the last connection that is closed checkpoints the WAL, which a reader cannot do. Then
        // the writer ends, which may still have answers for the syncer.
        self.readers = None;
        join(self.reading.drain(..));
        self.writer = None;
        match self.writing.take() {
            // This runs in the writer's thread: an answer that it sent had the last handle. The thread runs to its end
            // and closes the syncer there.
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
        self.inner.registry.opened(&shared);
        Ok(Arc::new(SqliteTask { shared, store: Arc::clone(&self.inner) }))
    }

    fn outlives_process(&self) -> bool {
        true
    }

    async fn tasks(&self) -> Result<Vec<TaskKey>, StoreError> {
        Ok(self.inner.registry.keys())
    }

    async fn tasks_of(&self, tenant: &str) -> Result<Vec<TaskKey>, StoreError> {
        Ok(self.inner.registry.find(tenant, None).iter().map(|shared| shared.key.clone()).collect())
    }

    async fn remove_tenant(&self, tenant: &str) -> Result<u64, StoreError> {
        let tenant = tenant.to_owned();
        self.inner.registry.forget(&tenant);
        let step = move |writer_state: &mut WriterState<'_>| writer_state.remove_tenant(&tenant).map(Ok);
        self.inner.writer()?.ask(step).await
    }

    async fn free_removed(&self, most: usize) -> Result<bool, StoreError> {
        self.inner.writer()?.ask(move |writer_state| writer_state.free_removed(most).map(Ok)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.inner.look(query, listing::page).await
    }

    async fn count(&self, query: &ListQuery) -> Result<CountedJobs, StoreError> {
        self.inner.look(query, listing::count).await
    }

    fn set_keep_bytes(&self, most: u64) {
        self.inner.registry.kept.set_most(most);
    }

    fn kept_bytes(&self) -> u64 {
        self.inner.registry.kept.bytes()
    }

    fn know_tenant(&self, tenant: &Arc<Tenant>) {
        self.inner.registry.know(tenant);
    }

    fn tenant_levels(&self, tenant: &str) -> TenantLevels {
        self.inner.registry.levels.of(tenant)
    }

    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        let limits = *self.inner.registry.audit_limits.lock();
        self.inner.writer()?.ask(audit::step(move |db| audit::append(db, &entries, &limits))).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        let (query, none) = (query.clone(), Arc::default());
        let flow = self.inner.registry.flow(query.tenant.as_ref().unwrap_or(&none), &none);
        Ok(self.inner.readers()?.query(&flow, move |db| audit::page(db, &query)).await?)
    }

    async fn remove_audit(&self, tenant: &str, most: usize) -> Result<bool, StoreError> {
        let tenant = tenant.to_owned();
        self.inner.writer()?.ask(audit::step(move |db| audit::remove(db, &tenant, most))).await
    }

    fn set_audit_limits(&self, limits: AuditLimits) {
        *self.inner.registry.audit_limits.lock() = limits;
    }

    fn set_recording_limits(&self, limits: RecordingLimits) {
        *self.inner.registry.recording_limits.lock() = limits;
    }

    fn deployments(&self) -> Arc<dyn DeploymentStore> {
        Arc::new(SqliteDeployments(Arc::clone(&self.inner)))
    }

    fn health(&self) -> StoreHealth {
        if self.has_failed() {
            StoreHealth::Failed
        } else if self.is_full() {
            StoreHealth::Full
        } else if self.is_busy() {
            StoreHealth::Busy
        } else {
            StoreHealth::Ready
        }
    }

    async fn failed(&self) -> Box<dyn std::error::Error + Send + Sync> {
        Box::new(self.inner.failure.failed().await)
    }
}

#[cfg(test)]
mod tests;
