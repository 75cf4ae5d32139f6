//! Decides for each file whether the file itself is loaded, or a version of it that the store keeps.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{FutureExt, Stream, StreamExt};
use saggar_job::CodeFile;
use saggar_sandbox::{Engine, Plugin};

use super::{CodeFiles, CodeKey, LoadedCode, LoadedFile, LoadedVersion, Wanted, plugins, scripts};
use crate::versions::{NO_CONTENT, ScriptArchive, Versions, content_of};

/// How many files load at once. The engine limits how many of them compile at once.
const CONCURRENT_LOADS: usize = 32;

/// Loads code, and has what that takes.
#[derive(Clone, Copy)]
struct Loader<'a> {
    engine: &'a Engine,
    files: &'a CodeFiles,
    versions: &'a Versions,
}

/// Loads each file once, unless it is the same as in the code `known`. Yields the files as they become ready. Dropping the
/// stream stops the loading.
pub(crate) fn load_all<'a>(
    engine: &'a Engine,
    files: &'a CodeFiles,
    versions: &'a Versions,
    known: &'a LoadedCode,
    wanted: Vec<Wanted>,
) -> impl Stream<Item = (CodeKey, LoadedVersion)> + Send + Unpin + 'a {
    let loader = Loader { engine, files, versions };
    let load = move |Wanted { key, functions }: Wanted| {
        async move {
            let known = known.get(&key);
            let loaded = match &key.pin {
                Some(pin) => loader.pinned(&key.file, pin, functions, known).await,
                None => loader.chosen(&key.file, functions, known).await,
            };
            (key, loaded)
        }
        .boxed()
    };
    futures_util::stream::iter(wanted.into_iter().map(load)).buffer_unordered(CONCURRENT_LOADS)
}

impl Loader<'_> {
    /// Loads a file, or the version that a rollback has chosen instead of it.
    async fn chosen(self, file: &CodeFile, functions: BTreeSet<String>, known: Option<Plugin>) -> LoadedVersion {
        if !self.versions.may_override(file) {
            return LoadedVersion::of(self.file(file, functions, known).await);
        }
        let (content, loaded) = match file {
            // A plugin that is not to run is not compiled either.
            CodeFile::Plugin(name) => (plugins::content(self.engine, &self.files.plugins, name).await, None),
            CodeFile::Script(_) => {
                let loaded = self.file(file, functions.clone(), known.clone()).await;
                (loaded.usable().map(|script| content_of(&script).to_string()), Some(loaded))
            }
        };
        let content = content.as_deref().unwrap_or(NO_CONTENT);
        match (self.versions.instead_of(file, content), loaded) {
            (Some(chosen), _) => {
                let loaded = self.version(file, &chosen.digest, functions, known).await;
                LoadedVersion { instead_of: Some(content.into()), ..LoadedVersion::of(loaded) }
            }
            (None, Some(loaded)) => LoadedVersion::of(loaded),
            (None, None) => LoadedVersion::of(self.file(file, functions, known).await),
        }
    }

    /// Loads the version of a file that a task pins: from the file if it has this version.
    async fn pinned(
        self,
        file: &CodeFile,
        pin: &Arc<str>,
        functions: BTreeSet<String>,
        known: Option<Plugin>,
    ) -> LoadedVersion {
        let has_store = self.versions.has_store();
        // Which version of a script its files have is known only when it is compiled.
        let is_found = match file {
            CodeFile::Plugin(name) => {
                plugins::content(self.engine, &self.files.plugins, name).await.is_some_and(|content| content == **pin)
            }
            CodeFile::Script(_) => true,
        };
        if is_found || !has_store {
            let loaded = self.file(file, functions.clone(), known.clone()).await;
            let is_in_file = match loaded.usable() {
                // A file may have changed since it was looked at.
                Some(code) => code.digest() == pin,
                // A plugin that was found and cannot be used says why.
                None => is_found && matches!(file, CodeFile::Plugin(_)),
            };
            if is_in_file || !has_store {
                return LoadedVersion { is_unpinned: !is_in_file, ..LoadedVersion::of(loaded) };
            }
        }
        LoadedVersion::of(self.version(file, pin, functions, known).await)
    }

    async fn file(self, file: &CodeFile, functions: BTreeSet<String>, known: Option<Plugin>) -> LoadedFile {
        let Self { engine, files, .. } = self;
        match file {
            CodeFile::Plugin(name) => LoadedFile::Plugin(plugins::load(engine, &files.plugins, name, known).await),
            CodeFile::Script(_) => {
                LoadedFile::Script(scripts::load(engine, &files.scripts, file.file(), functions, known).await)
            }
        }
    }

    /// Loads a version that the store keeps.
    async fn version(
        self,
        file: &CodeFile,
        digest: &str,
        functions: BTreeSet<String>,
        known: Option<Plugin>,
    ) -> LoadedFile {
        let Self { engine, files, versions } = self;
        let bytes = match versions.bytes(digest).await {
            Ok(bytes) => bytes,
            Err(why) => return LoadedFile::Unavailable(why),
        };
        match file {
            CodeFile::Plugin(name) => {
                LoadedFile::Plugin(plugins::load_version(engine, &files.plugins, name, bytes, known).await)
            }
            CodeFile::Script(_) => match ScriptArchive::read(&bytes) {
                Ok(archive) => LoadedFile::Script(scripts::load_version(engine, archive, functions, known).await),
                Err(why) => LoadedFile::Unavailable(why),
            },
        }
    }
}

impl LoadedVersion {
    fn of(loaded: LoadedFile) -> Self {
        Self { loaded, instead_of: None, is_unpinned: false }
    }
}
