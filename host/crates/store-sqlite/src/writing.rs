//! The writer's thread: what it is given, its start, and its end, which closes the file.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::checkpoint::Checkpoints;
use super::commit_loop::CommitLoop;
use super::connect;
use super::error::SqliteError;
use super::failure::Failure;
use super::headroom::Headroom;
use super::identity::StoreFiles;
use super::inbox::Inbox;
use super::limits::Limits;
use super::lock::HostLock;
use super::meters::Commits;
use super::shared::Registry;
use super::sync::Syncer;
use super::threads::{join, spawn};
use super::writer_state::WriterState;

/// What the writer's thread is given.
pub(super) struct Writing {
    pub(super) failure: Arc<Failure>,
    pub(super) syncer: Option<Arc<Syncer>>,
    pub(super) files: Arc<StoreFiles>,
    pub(super) headroom: Option<Headroom>,
    pub(super) checkpoints: Checkpoints,
    pub(super) checkpointing: JoinHandle<()>,
    pub(super) is_busy: Arc<AtomicBool>,
    pub(super) lock: Arc<HostLock>,
    pub(super) limits: Limits,
}

/// Starts the writer, and waits until it has loaded its state.
pub(super) fn write(
    path: &Path,
    db: Connection,
    registry: Arc<Registry>,
    inbox: Inbox,
    writing: Writing,
) -> Result<JoinHandle<()>, SqliteError> {
    let (loaded, wait) = mpsc::sync_channel(1);
    let Writing { failure, syncer, files, headroom, checkpoints, checkpointing, is_busy, lock, limits } = writing;
    let (commits, failing, closing) = (Commits::new(), Arc::clone(&failure), syncer.clone());
    let thread = spawn(path, "saggar-write", move || {
        match WriterState::load(&db, registry, limits) {
            Err(error) => {
                // Lets the checkpoint thread end.
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
        // The last connection that is closed checkpoints the WAL. Two that are closed at once may each leave it to the
        // other.
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
