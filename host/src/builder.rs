//! The builder of a host: its options, and how its parts are started.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::global::BoxedTracer;
use saggar_definition::Diagnostic;
use saggar_grant::Grants;
use saggar_http_client::{HttpClient, run_program};
use saggar_job::TaskKey;
use saggar_queue::{DeploymentCause, Queue};
use saggar_sandbox::{Allocator, CompileReport, CompileState, Compiler, Engine, EngineError, EngineOptions};
use saggar_tenant::Tenant;
use saggar_worker::SharedFiles;

use crate::app::{App, Definitions, StartError};
use crate::app_location::{AppLocation, EnvValues};
use crate::env_allow::EnvAllow;
use crate::host::{CheckConfiguration, DEFAULT_KEEP_BYTES, Host, HostParts, ProblemReporter, SecretProgram};
use crate::reloads::ConfigurationCheck;
use crate::script_runner::{SCRIPT_RUNNER, TYPE_STRIPPER};
use crate::store::StoreChoice;
use crate::versions::Versions;

/// Maximum number of sandboxes of a host. Each reserves some gigabytes of address space in the pool, and a process has
/// 128 TiB.
pub(crate) const MAX_SANDBOXES: u32 = 10_000;

/// Capacity beyond what the tasks need at the start, so that a reload can add slots.
const SPARE_SANDBOXES: u32 = 64;

/// Minimum size of the pool's memories, so that tasks can request more after a reload than at the start.
const MIN_POOL_MEMORY: u64 = 64 << 20;

/// Where scratch directories are in the state directory.
const SCRATCH: &str = "scratch";

/// Builds a host.
pub struct HostBuilder {
    pub(crate) app_dir: PathBuf,
    allocator: Allocator,
    cache_dir: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    compiler: Compiler,
    store: StoreChoice,
    pub(crate) keep_events: usize,
    keep_bytes: u64,
    keep_versions: u64,
    tracer: Option<Arc<BoxedTracer>>,
    env_allow: EnvAllow,
    pub(crate) env_values: EnvValues,
    grants: Grants,
    http: HttpClient,
    secret_program: SecretProgram,
    waits_for_plugins: bool,
    report: ProblemReporter,
    check_configuration: CheckConfiguration,
    compile_report: CompileReport,
    hashes_memories: bool,
}

impl HostBuilder {
    /// Sets where wasm instances are allocated. The default is [`Allocator::Pooling`].
    #[must_use]
    pub fn allocator(self, allocator: Allocator) -> Self {
        Self { allocator, ..self }
    }

    /// Sets the directory where compiled plugins are cached. They are not cached if it is `None`, which is the default,
    /// or without a [`state_dir`](Self::state_dir).
    #[must_use]
    pub fn cache_dir(self, cache_dir: Option<PathBuf>) -> Self {
        Self { cache_dir, ..self }
    }

    /// Sets the directory of the key that authenticates cached plugins, and of scratch directories. Only this user must be
    /// able to write to it, as in `~/.local/state/saggar`, and it must not be inside an app. Without it, no task gets a
    /// scratch directory.
    #[must_use]
    pub fn state_dir(self, state_dir: Option<PathBuf>) -> Self {
        Self { state_dir, ..self }
    }

    /// Sets where plugins are parsed and compiled. The default is [`Compiler::InProcess`], which is for trusted
    /// plugins.
    #[must_use]
    pub fn compiler(self, compiler: Compiler) -> Self {
        Self { compiler, ..self }
    }

    /// Sets where jobs are stored. The default is memory.
    #[must_use]
    pub fn store(self, store: StoreChoice) -> Self {
        Self { store, ..self }
    }

    /// Sets how many of the latest events are retained for subscribers that reconnect ([`Host::follow`]). The default
    /// is 0.
    #[must_use]
    pub fn keep_events(self, keep_events: usize) -> Self {
        Self { keep_events, ..self }
    }

    /// Sets how many bytes the jobs of all tasks may take together, including ended ones. The default is 4 GiB. Each
    /// task also has a limit of its own.
    #[must_use]
    pub fn keep_bytes(self, keep_bytes: u64) -> Self {
        Self { keep_bytes, ..self }
    }

    /// Sets how many bytes of code the host keeps for each app once it has run, so that a rollback or a pin can use it. The
    /// default is 0, which keeps nothing.
    #[must_use]
    pub fn keep_versions(self, keep_versions: u64) -> Self {
        Self { keep_versions, ..self }
    }

    /// Sets the tracer that creates the spans of jobs. By default, no spans are created.
    #[must_use]
    pub fn tracer(self, tracer: Option<BoxedTracer>) -> Self {
        Self { tracer: tracer.map(Arc::new), ..self }
    }

    /// Sets the lookup for the values of `$ENV.NAME`. By default, no variable is set.
    #[must_use]
    pub fn env(self, lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.env_filtered(EnvAllow::all(), lookup)
    }

    /// Like [`env`](Self::env), but only for the variables that `allow` matches. A task that uses another one is
    /// invalid.
    #[must_use]
    pub fn env_filtered(
        self,
        allow: EnvAllow,
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self { env_allow: allow, env_values: Arc::new(lookup), ..self }
    }

    /// Sets what the tasks of the app are granted. By default, they may look up and cancel all jobs of the app if they
    /// request that, and nothing else. The tasks of tenants are granted what
    /// [`TenantSettings`](crate::TenantSettings) say.
    #[must_use]
    pub fn grants(self, grants: Grants) -> Self {
        Self { grants, ..self }
    }

    /// Sets the client for the requests that tasks are granted. The default resolves names as the operating system does, and
    /// trusts its roots.
    #[must_use]
    pub fn http_client(self, http: HttpClient) -> Self {
        Self { http, ..self }
    }

    /// Sets how programs are run that print the values of secrets. The default is [`run_program`].
    #[must_use]
    pub fn secret_program(self, run: impl Fn(&[String]) -> Result<Vec<u8>, String> + Send + Sync + 'static) -> Self {
        Self { secret_program: Arc::new(run), ..self }
    }

    /// Sets whether [`build`](Self::build) waits until all plugins are loaded; the default is `true`. Otherwise a task
    /// starts as soon as its own plugins are loaded, and its jobs wait until then.
    #[must_use]
    pub fn wait_for_plugins(self, waits_for_plugins: bool) -> Self {
        Self { waits_for_plugins, ..self }
    }

    /// Sets a function that is called with the problems of plugins as they are found, if [`build`](Self::build) does
    /// not wait for plugins, and with all problems of a reload.
    #[must_use]
    pub fn report_problems(self, report: impl Fn(&[Diagnostic]) + Send + Sync + 'static) -> Self {
        Self { report: Arc::new(report), ..self }
    }

    /// Sets a function that reloads call to check files of the embedder, such as its configuration. It may block.
    #[must_use]
    pub fn check_configuration(self, check: impl Fn() -> ConfigurationCheck + Send + Sync + 'static) -> Self {
        Self { check_configuration: Arc::new(check), ..self }
    }

    /// Sets a function that is called with the file of a plugin, relative to the app's directory, when its compilation
    /// has taken `after`, and again when it has ended.
    #[must_use]
    pub fn report_compiling(
        self,
        after: Duration,
        report: impl Fn(&Path, CompileState) + Send + Sync + 'static,
    ) -> Self {
        let root = self.app_dir.canonicalize().unwrap_or_else(|_| self.app_dir.clone());
        let report = move |path: &Path, state| report(path.strip_prefix(&root).unwrap_or(path), state);
        Self { compile_report: CompileReport::new(report).after(after), ..self }
    }

    /// Sets whether records have a hash of the memories after each attempt, so that a replay compares them. For tests: each
    /// recorded attempt then has an instance of its own. The default is `false`.
    #[must_use]
    pub fn hash_memories(self, hashes_memories: bool) -> Self {
        Self { hashes_memories, ..self }
    }

    /// Loads the app without running anything.
    pub async fn load(&self) -> Result<App, StartError> {
        Ok(self.load_with_engine().await?.0)
    }

    /// Like [`load`](Self::load); returns also the engine, to load other versions of its code.
    pub async fn load_with_engine(&self) -> Result<(App, Engine), StartError> {
        let place = self.place();
        let definitions = Definitions::load(&place);
        let engine = self.engine(&definitions)?;
        let app = definitions.resolve(&engine, &place.dir, &App::default(), &Versions::default(), |_, _| ()).await;
        Ok((app, engine))
    }

    /// Reads the app's task files, without loading any code.
    pub fn read_tasks(&self) -> saggar_definition::Loaded {
        let place = self.place();
        saggar_definition::load(&place.dir, &|name: &str| place.variable(name))
    }

    /// Returns where the app is.
    fn place(&self) -> AppLocation {
        let (dir, env_allow, env_values) = (self.app_dir.clone(), self.env_allow.clone(), self.env_values.clone());
        AppLocation::of_app(dir, env_allow, env_values, self.grants.clone())
    }

    fn engine(&self, definitions: &Definitions) -> Result<Engine, StartError> {
        let need = definitions.sandboxes();
        let sandboxes = match u32::try_from(need) {
            Ok(need) if need <= MAX_SANDBOXES => (need + SPARE_SANDBOXES).min(MAX_SANDBOXES),
            _ => return Err(StartError::TooManySlots { need, capacity: MAX_SANDBOXES }),
        };
        Ok(self.start_engine(sandboxes, definitions.max_memory())?)
    }

    /// Starts an engine as that of a host, for calls without a host. `max_memory` is the largest memory limit of its
    /// sandboxes, in bytes.
    pub fn start_engine(&self, sandboxes: u32, max_memory: u64) -> Result<Engine, EngineError> {
        Engine::new(self.engine_options(sandboxes, max_memory))
    }

    /// Returns the options of an engine with the settings of this builder.
    pub(crate) fn engine_options(&self, sandboxes: u32, max_memory: u64) -> EngineOptions {
        EngineOptions {
            sandboxes,
            max_memory: max_memory.max(MIN_POOL_MEMORY),
            allocator: self.allocator,
            cache_dir: self.cache_dir.clone(),
            state_dir: self.state_dir.clone(),
            compiler: self.compiler.clone(),
            compile_report: self.compile_report.clone(),
            script_runner: Some(SCRIPT_RUNNER),
            type_stripper: Some(TYPE_STRIPPER),
            hashes_memories: self.hashes_memories,
            ..EngineOptions::default()
        }
    }

    /// Loads the app and starts it. The problems of tasks that cannot run are in [`Host::app`]. Fails if no task can
    /// run.
    pub async fn build(self) -> Result<Host, StartError> {
        let place = self.place();
        let definitions = Definitions::load(&place);
        let tenant = Tenant::new(TaskKey::DEFAULT_TENANT);
        let engine = self.engine(&definitions)?.for_tenant(tenant.clone());
        let mut app = definitions.unresolved();
        if app.preparing.is_empty() {
            return Err(StartError::NoTask(app.problems));
        }
        let parts = self.start(engine).await?;
        if self.keep_events > 0 {
            parts.queue.keep_events(self.keep_events);
        }
        let mut later = Some(definitions);
        if let Some(definitions) = later.take_if(|_| self.waits_for_plugins) {
            let versions = Versions::of_last(parts.queue.store(), tenant.name()).await?;
            app = definitions.resolve(&parts.engine, &place.dir, &App::default(), &versions, |_, _| ()).await;
            if app.tasks.is_empty() {
                return Err(StartError::NoTask(app.problems));
            }
        }
        let host = Host::new(&parts, tenant, place, app, self.check_configuration);
        host.load_secrets(&host.place()).await;
        let deployment = match &later {
            None => Some(host.deploy(&host.app(), DeploymentCause::Start, &"start".into()).await?),
            Some(_) => None,
        };
        host.open(deployment).await?;
        host.opened.finish();
        match later {
            Some(definitions) => host.load_plugins(definitions, host.report.clone()),
            None => host.loading.finish(),
        }
        Ok(host)
    }

    /// Opens the store; returns what all apps of the process share.
    pub(crate) async fn start(&self, engine: Engine) -> Result<HostParts, StartError> {
        let store = self.store.open(&self.app_dir).await?;
        store.set_keep_bytes(self.keep_bytes);
        let clock = store.clock();
        let queue = Queue::new(store, clock.clone());
        let (tracer, files, report) = (self.tracer.clone(), self.shared_files().await, self.report.clone());
        let (http, secret_program, keep_versions) =
            (self.http.clone(), self.secret_program.clone(), self.keep_versions);
        let facts = Arc::new(self.store.facts(clock.now()));
        Ok(HostParts { engine, queue, clock, tracer, files, report, http, secret_program, keep_versions, facts })
    }

    /// Prepares the files of guests: removes the scratch directories of hosts that died.
    async fn shared_files(&self) -> SharedFiles {
        let scratch = self.state_dir.as_ref().map(|dir| dir.join(SCRATCH));
        match tokio::task::spawn_blocking(move || SharedFiles::new(scratch)).await {
            Ok(files) => files,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

impl Host {
    /// Creates a builder of a host for the app in the directory `app_dir`.
    pub fn builder(app_dir: impl Into<PathBuf>) -> HostBuilder {
        HostBuilder {
            app_dir: app_dir.into(),
            allocator: Allocator::Pooling,
            cache_dir: None,
            state_dir: None,
            compiler: Compiler::InProcess,
            store: StoreChoice::Memory,
            keep_bytes: DEFAULT_KEEP_BYTES,
            keep_versions: 0,
            keep_events: 0,
            tracer: None,
            env_allow: EnvAllow::all(),
            env_values: Arc::new(|_| None),
            grants: Grants::of_single_app(),
            http: HttpClient::of_system(),
            secret_program: Arc::new(run_program),
            waits_for_plugins: true,
            report: Arc::new(|_| ()),
            check_configuration: Arc::new(ConfigurationCheck::default),
            compile_report: CompileReport::default(),
            hashes_memories: false,
        }
    }
}
