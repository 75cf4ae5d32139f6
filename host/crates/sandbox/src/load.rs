//! From a file to a plugin: read, check, compile or take from the cache, link. Never on the path of a job.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use saggar_job::Role;
use sha2::{Digest, Sha256};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::contract::{self, ImportFault, RoleError};
use crate::guest::Guest;
use crate::limiter::{MAX_MEMORIES, MAX_TABLES};
use crate::validate::{self, InvalidBytes};
use crate::{Engine, engine};

/// Why a component file is not a plugin. The file's path is the caller's to add.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the component cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// Its bytes are not an acceptable component.
    #[error(transparent)]
    Invalid(#[from] InvalidBytes),
    /// It wants something that no version of this host has.
    #[error("the component imports what this host does not have: `{}`", .0.join("`, `"))]
    UnknownImports(Vec<String>),
    /// It wants another version of something that this host has.
    #[error("the component imports `{found}`, but this host has `{wanted}`: build it for WASI 0.2 and saggar:task 0.1")]
    ImportVersion {
        /// What it imports.
        found: String,
        /// What it could import.
        wanted: String,
    },
    /// Its imports have the right names and other types.
    #[error("the component does not fit this host: {0}")]
    Link(String),
    /// It takes more of something than one sandbox may have.
    #[error("the component has {found} {what}; at most {most} fit in a sandbox")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How many it has.
        found: u32,
        /// How many it may have.
        most: u32,
    },
    /// The compiler failed.
    #[error("the component cannot be compiled: {0}")]
    Compile(String),
}

/// A component that is ready to run. Cheap to clone.
#[derive(Clone)]
pub struct Plugin(pub(crate) Arc<Loaded>);

pub(crate) struct Loaded {
    pub(crate) engine: Arc<engine::Inner>,
    pub(crate) pre: InstancePre<Guest>,
    /// Units of room that one instance takes.
    pub(crate) units: u32,
    path: PathBuf,
    digest: Arc<str>,
    size: u64,
    imports: Vec<String>,
    roles: Vec<(Role, Result<ComponentExportIndex, RoleError>)>,
}

impl Plugin {
    /// The file that it was loaded from.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The SHA-256 of the file, in hexadecimal.
    pub fn digest(&self) -> &Arc<str> {
        &self.0.digest
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// The names of what it imports.
    pub fn imports(&self) -> &[String] {
        &self.0.imports
    }

    /// Units of the engine's room that one sandbox of it takes: one for each memory it may have.
    pub fn units(&self) -> u32 {
        self.0.units
    }

    /// The roles that it can play.
    pub fn roles(&self) -> impl Iterator<Item = Role> + '_ {
        self.0.roles.iter().filter(|(_, found)| found.is_ok()).map(|(role, _)| *role)
    }

    /// Whether it can play `role`; if not, what is in the way.
    pub fn check_role(&self, role: Role) -> Result<(), RoleError> {
        self.export(role).map(|_| ())
    }

    pub(crate) fn export(&self, role: Role) -> Result<&ComponentExportIndex, RoleError> {
        match self.0.roles.iter().find(|(of, _)| *of == role) {
            Some((_, Ok(export))) => Ok(export),
            Some((_, Err(error))) => Err(error.clone()),
            None => unreachable!("every role is looked up when a plugin is loaded"),
        }
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("path", &self.0.path).field("digest", &self.0.digest).finish()
    }
}

pub(crate) async fn load(engine: &Engine, path: PathBuf) -> Result<Plugin, LoadError> {
    let _turn = engine.0.compiling.acquire().await;
    let engine = engine.clone();
    let loaded = tokio::task::spawn_blocking(move || {
        // The compiler meets code that nobody trusts; should it panic, that is one plugin's misfortune.
        catch_unwind(AssertUnwindSafe(|| load_now(&engine, path)))
            .unwrap_or_else(|_| Err(LoadError::Compile("the compiler panicked; see the host's log".into())))
    });
    loaded.await.unwrap_or_else(|error| Err(LoadError::Compile(error.to_string())))
}

fn load_now(engine: &Engine, path: PathBuf) -> Result<Plugin, LoadError> {
    let bytes = read(&path)?;
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let component = compile(engine, &bytes, &digest)?;
    let digest = digest.into();
    check_imports(engine, &component)?;
    check_size(&component)?;
    let pre = engine.0.linker.instantiate_pre(&component).map_err(|error| LoadError::Link(format!("{error:#}")))?;
    let wasmtime = &engine.0.wasmtime;
    let roles = Role::ALL.map(|role| (role, contract::find_role(wasmtime, &component, role))).into();
    let imports = component.component_type().imports(wasmtime).map(|(name, _)| contract::shown(name)).collect();
    // The first call should not pay for making the image of the memory.
    component.initialize_copy_on_write_image().map_err(|error| LoadError::Compile(format!("{error:#}")))?;
    let units = component.resources_required().map_or(1, |needs| needs.num_memories).max(1);
    let size = bytes.len() as u64;
    Ok(Plugin(Arc::new(Loaded { engine: engine.0.clone(), pre, units, path, digest, size, imports, roles })))
}

fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let metadata = std::fs::metadata(path).map_err(LoadError::Unreadable)?;
    if !metadata.is_file() {
        // A pipe or a device could be read for ever.
        return Err(LoadError::Unreadable(std::io::Error::other("it is not a regular file")));
    }
    if metadata.len() > validate::MAX_BYTES {
        return Err(InvalidBytes::TooLarge { found: metadata.len() }.into());
    }
    std::fs::read(path).map_err(LoadError::Unreadable)
}

fn compile(engine: &Engine, bytes: &[u8], digest: &str) -> Result<Component, LoadError> {
    let cache = engine.0.cache.as_ref();
    if let Some(component) = cache.and_then(|cache| cache.get(&engine.0.wasmtime, digest)) {
        return Ok(component);
    }
    validate::validate(bytes)?;
    let component =
        Component::from_binary(&engine.0.wasmtime, bytes).map_err(|error| LoadError::Compile(format!("{error:#}")))?;
    if let Some(cache) = cache {
        cache.put(digest, &component);
    }
    Ok(component)
}

fn check_imports(engine: &Engine, component: &Component) -> Result<(), LoadError> {
    let faults = contract::import_faults(&engine.0.wasmtime, &component.component_type());
    let mut unknown = Vec::new();
    for fault in faults {
        match fault {
            ImportFault::Version { found, wanted } => return Err(LoadError::ImportVersion { found, wanted }),
            ImportFault::Unknown(name) => unknown.push(name),
        }
    }
    if unknown.is_empty() { Ok(()) } else { Err(LoadError::UnknownImports(unknown)) }
}

fn check_size(component: &Component) -> Result<(), LoadError> {
    let Some(needs) = component.resources_required() else { return Ok(()) };
    for (what, found, most) in
        [("memories", needs.num_memories, MAX_MEMORIES), ("tables", needs.num_tables, MAX_TABLES)]
    {
        if found > most {
            return Err(LoadError::TooLarge { what, found, most });
        }
    }
    Ok(())
}
