//! Loads plugins: reads and checks a file, compiles it or gets its code from the cache, and links it. Never on the path
//! of a job.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use saggar_job::Role;
use saggar_tenant::{Quota, QuotaExceeded};
use sha2::{Digest, Sha256};
use tokio::task::JoinError;
use wasmtime::component::Component;

use crate::Engine;
use crate::cache::{CompiledComponent, PluginDigest, hex};
use crate::compiler::compile::NotCompiled;
use crate::contract::{self, ImportProblem};
use crate::invalid_bytes::{InvalidBytes, MAX_BYTES};
use crate::limiter::{MAX_MEMORIES, MAX_TABLES};
use crate::native::TrustedCode;
use crate::origin::Origin;
use crate::plugin::{Loaded, Plugin};
use crate::runtime::Runtime;

/// Why a component file is not a plugin. The caller adds the path.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the component")]
    Unreadable(#[source] std::io::Error),
    /// Its bytes are not an acceptable component.
    #[error(transparent)]
    Invalid(#[from] InvalidBytes),
    /// It has imports that this host does not provide in any version.
    #[error("the component imports what this host does not provide: `{}`", .0.join("`, `"))]
    UnknownImports(Vec<String>),
    /// It imports another version of an interface that this host provides.
    #[error(
        "the component imports `{found}`, but this host provides `{wanted}`: build it for WASI 0.2 and saggar:task 0.1"
    )]
    ImportVersion {
        /// What it imports.
        found: String,
        /// What this host provides.
        wanted: String,
    },
    /// Its imports have the right names but other types.
    #[error("the component does not fit this host: {0}")]
    Link(String),
    /// It needs more memories or tables than a sandbox may have.
    #[error("the component has {found} {what}; at most {most} fit in a sandbox")]
    TooLarge {
        /// What it needs.
        what: &'static str,
        /// How many it needs.
        found: u32,
        /// The maximum.
        most: u32,
    },
    /// The tenant may not compile.
    #[error(transparent)]
    Quota(QuotaExceeded),
    /// The compiler failed.
    #[error("cannot compile the component: {0}")]
    Compile(String),
}

impl From<NotCompiled> for LoadError {
    fn from(refusal: NotCompiled) -> Self {
        match refusal {
            NotCompiled::Invalid(invalid) => Self::Invalid(invalid),
            NotCompiled::Failed(why) => Self::Compile(why),
        }
    }
}

impl Engine {
    /// Reads, checks and compiles the component in the file `path`. The first load can take seconds. Can be called
    /// concurrently. Dropping the future stops the compilation.
    pub async fn load(&self, path: impl Into<PathBuf>) -> Result<Plugin, LoadError> {
        self.load_unless(path.into(), None).await
    }

    /// Like [`load`](Self::load), after `known` was loaded from the same file. Returns `known` if the content of the
    /// file is the same, so that it is not loaded twice.
    pub async fn reload(&self, path: impl Into<PathBuf>, known: &Plugin) -> Result<Plugin, LoadError> {
        self.load_unless(path.into(), Some(known)).await
    }

    async fn load_unless(&self, path: PathBuf, known: Option<&Plugin>) -> Result<Plugin, LoadError> {
        let opened = path.clone();
        let file = blocking(move || open(&opened)).await?;
        load_file(self, path, file, known).await
    }

    /// Like [`load`](Self::load), for a file that the caller has opened; `path` is its name.
    pub async fn load_file(&self, path: impl Into<PathBuf>, file: File) -> Result<Plugin, LoadError> {
        load_file(self, path.into(), file, None).await
    }

    /// Runs `work`, which reads files of the tenant's app, on a thread that may block. How much is read at the same time is
    /// limited and shared by weight between tenants. Work that has begun continues if the future is dropped. Fails if
    /// `work` panics.
    pub async fn read_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        self.0.reading.run_blocking(self.flow(), work).await
    }

    /// Like [`reload`](Self::reload), for a file that the caller has opened; `path` is its name.
    pub async fn reload_file(&self, path: impl Into<PathBuf>, file: File, known: &Plugin) -> Result<Plugin, LoadError> {
        load_file(self, path.into(), file, Some(known)).await
    }
}

async fn load_file(engine: &Engine, path: PathBuf, file: File, known: Option<&Plugin>) -> Result<Plugin, LoadError> {
    let file = Arc::new(file);
    if let Some(known) = known
        && has_content_of(engine, &file, known).await?
    {
        return Ok(known.clone());
    }
    let origin = Origin::File(file);
    let compiled = compiled(engine, &path, &origin).await?;
    let engine = engine.clone();
    blocking(move || Ok(Plugin(Arc::new(finish(&engine, path, &compiled, &origin)?)))).await
}

/// Returns whether the content of a file is that of a known plugin.
async fn has_content_of(engine: &Engine, file: &Arc<File>, known: &Plugin) -> Result<bool, LoadError> {
    let _permit = engine.0.reading.acquire(engine.flow()).await;
    let (file, known) = (file.clone(), known.clone());
    blocking(move || {
        let digest: PluginDigest = Sha256::digest(&read(&file)?).into();
        Ok(known.digest().as_ref() == hex(&digest).as_str())
    })
    .await
}

/// Compiles a component, or takes its code from the cache. Reads the component once to look up its code, and again when
/// it can be compiled, so loads that wait for a permit keep only the open file, not its content, in memory. `path` is its
/// name in reports.
pub(crate) async fn compiled(engine: &Engine, path: &Path, origin: &Origin) -> Result<CompiledComponent, LoadError> {
    {
        let _permit = engine.0.reading.acquire(engine.flow()).await;
        if let CachedOrSource::Cached(compiled) = cached_or_source(engine, origin).await? {
            return Ok(compiled);
        }
    }
    // The script runner is compiled for all tenants.
    let payer = match origin {
        Origin::File(_) => Some(Arc::clone(engine.flow().tenant())),
        Origin::Own(_) => None,
    };
    let _of_tenant = match &payer {
        Some(payer) => Some(payer.hold_when_free(Quota::Compilations).await.map_err(LoadError::Quota)?),
        None => None,
    };
    let _permit = engine.0.compiling.acquire(engine.flow()).await;
    // Another load of the same bytes may have compiled them meanwhile.
    let Source { bytes, digest } = match cached_or_source(engine, origin).await? {
        CachedOrSource::Cached(compiled) => return Ok(compiled),
        CachedOrSource::Source(source) => source,
    };
    if let Some(payer) = &payer {
        payer.check_cpu().map_err(LoadError::Quota)?;
    }
    let size = bytes.len() as u64;
    let wasmtime = &origin.runtime(&engine.0).map_err(LoadError::Link)?.wasmtime;
    let compilation = engine.0.compiler.run(wasmtime, bytes, payer);
    let code = engine.0.compile_report.watch(path, compilation).await?;
    let (engine, origin) = (engine.clone(), origin.clone());
    blocking(move || {
        let runtime = origin.runtime(&engine.0).map_err(LoadError::Link)?;
        let component = TrustedCode::just_compiled(&code).deserialize(&runtime.wasmtime).map_err(compile_error)?;
        if let Some(cache) = &engine.0.cache {
            cache.put(&digest, &code);
        }
        let component = origin.share(&engine, digest, component);
        Ok(CompiledComponent { component, digest, size })
    })
    .await
}

/// A component that has not been compiled yet.
struct Source {
    bytes: Vec<u8>,
    digest: PluginDigest,
}

enum CachedOrSource {
    Cached(CompiledComponent),
    Source(Source),
}

/// Reads a component and looks up its compiled code.
async fn cached_or_source(engine: &Engine, origin: &Origin) -> Result<CachedOrSource, LoadError> {
    let (engine, origin) = (engine.clone(), origin.clone());
    blocking(move || {
        let bytes = match &origin {
            Origin::File(file) => read(file)?,
            Origin::Own(bytes) => bytes.to_vec(),
        };
        let digest = Sha256::digest(&bytes).into();
        let wasmtime = &origin.runtime(&engine.0).map_err(LoadError::Link)?.wasmtime;
        let from_cache = || {
            let component = engine.0.cache.as_ref()?.get(wasmtime, &digest)?;
            Some(origin.share(&engine, digest, component))
        };
        let cached = origin.shared(&engine, &digest).or_else(from_cache);
        Ok(match cached {
            Some(component) => {
                CachedOrSource::Cached(CompiledComponent { component, digest, size: bytes.len() as u64 })
            }
            None => CachedOrSource::Source(Source { bytes, digest }),
        })
    })
    .await
}

/// Runs blocking work on a thread for such work. Catches panics, because the compiled code comes from our compiler, but
/// its source is not trusted.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    let caught = || {
        catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(LoadError::Compile("loading it panicked; see the host's log".into())))
    };
    tokio::task::spawn_blocking(caught).await.unwrap_or_else(|error| Err(LoadError::Compile(error.to_string())))
}

/// Links a compiled component and inspects its imports and exports.
pub(crate) fn finish(
    engine: &Engine,
    path: PathBuf,
    CompiledComponent { component: code, digest, size }: &CompiledComponent,
    origin: &Origin,
) -> Result<Loaded, LoadError> {
    let component: &Component = code;
    check_imports(component, origin)?;
    check_size(component)?;
    let Runtime { wasmtime, linker, capacity } = origin.runtime(&engine.0).map_err(LoadError::Link)?;
    let pre = linker.instantiate_pre(component).map_err(|error| LoadError::Link(format!("{error:#}")))?;
    let roles = Role::ALL.map(|role| (role, contract::find_role(wasmtime, component, role))).into();
    let imports = component.component_type().imports(wasmtime).map(|(name, _)| contract::display_name(name)).collect();
    // Create the memory image now; otherwise the first call would.
    component.initialize_copy_on_write_image().map_err(compile_error)?;
    let units = component.resources_required().map_or(1, |needs| needs.num_memories).max(1);
    let digest = hex(digest).into();
    let engine = engine.0.clone();
    let code = code.clone();
    let capacity = capacity.clone();
    Ok(Loaded { engine, capacity, pre, code, units, path, digest, size: *size, imports, roles, script: None })
}

fn compile_error(error: wasmtime::Error) -> LoadError {
    LoadError::Compile(format!("{error:#}"))
}

fn open(path: &Path) -> Result<File, LoadError> {
    // Do not block on a pipe.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(LoadError::Unreadable)
}

/// Reads a whole file, up to the size limit.
fn read(mut file: &File) -> Result<Vec<u8>, LoadError> {
    let metadata = file.metadata().map_err(LoadError::Unreadable)?;
    if !metadata.is_file() {
        // A pipe or a device might never end.
        return Err(LoadError::Unreadable(io::Error::other("it is not a regular file")));
    }
    if metadata.len() > MAX_BYTES {
        return Err(InvalidBytes::TooLarge { found: metadata.len() }.into());
    }
    file.rewind().map_err(LoadError::Unreadable)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(LoadError::Unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(InvalidBytes::TooLarge { found: bytes.len() as u64 }.into());
    }
    Ok(bytes)
}

fn check_imports(component: &Component, origin: &Origin) -> Result<(), LoadError> {
    let problems = contract::import_problems(component.engine(), &component.component_type());
    let mut unknown = Vec::new();
    for problem in problems {
        match problem {
            ImportProblem::Version { found, wanted } => return Err(LoadError::ImportVersion { found, wanted }),
            ImportProblem::Unknown(name) if matches!(origin, Origin::Own(_)) && name == contract::SCRIPT_SOURCE => {}
            ImportProblem::Unknown(name) => unknown.push(name),
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
