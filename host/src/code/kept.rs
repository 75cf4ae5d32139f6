//! Loads code that a host has kept, without the app that it was part of.

use std::io;
use std::sync::Arc;

use saggar_job::CodeFile;
use saggar_sandbox::{Engine, LoadError, Plugin, ScriptError};

use super::{plugins, scripts};
use crate::versions::ScriptArchive;

/// Why kept code cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// It is not the files of a script.
    #[error("{0}")]
    Damaged(String),
    /// The component cannot be loaded.
    #[error(transparent)]
    Component(#[from] LoadError),
    /// The script cannot be compiled.
    #[error(transparent)]
    Script(#[from] ScriptError),
}

/// Loads the component or script that a task calls `code`, from bytes that [`Host::version`](crate::Host::version) or
/// `GET /v1/versions/DIGEST` has returned.
pub async fn load_version(engine: &Engine, code: &CodeFile, bytes: Arc<[u8]>) -> Result<Plugin, VersionError> {
    match code {
        CodeFile::Plugin(_) => {
            let opened = engine.read_blocking(move || plugins::in_memory(&bytes)).await;
            let opened = opened.unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
            Ok(engine.load_file(code.file(), opened.map_err(LoadError::Unreadable)?).await?)
        }
        CodeFile::Script(_) => {
            let ScriptArchive { entry, files } = ScriptArchive::read(&bytes).map_err(VersionError::Damaged)?;
            Ok(engine.load_script(&entry, &[], scripts::reader_of(files)).await?)
        }
    }
}
