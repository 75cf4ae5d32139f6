//! The engine: the runtimes with their pools, the ticker and the cache. A process has one engine.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use saggar_tenant::{Flow, Tenant};
use tokio::sync::OnceCell;

use crate::cache;
use crate::cache::CompiledComponent;
use crate::compile_report::CompileReport;
use crate::compiler::Compiler;
use crate::limiter::MemoryTotal;
use crate::load_limit::LoadLimit;
use crate::pool::{Allocator, Capacity, PoolUsage};
use crate::runtime::{PoolOptions, Runtime};
use crate::shared_code::SharedCode;
use crate::ticker::Ticker;
use crate::turn::Turns;

/// Maximum parallel compilations. Each may use 1 GiB.
const MAX_COMPILATIONS: usize = 8;

/// The name of the tenant of an engine that works for none.
const NO_TENANT: &str = "";

/// The name of the script runner's tenant; no tenant of a host can have it.
const OWN_TENANT: &str = "saggar:script-runner";

/// Options of an engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How many sandboxes may exist at once.
    pub sandboxes: u32,
    /// Whether more sandboxes than that may want to run at once, so that idle ones must not keep their instances while few
    /// are left.
    pub is_overcommitted: bool,
    /// The largest memory limit of any sandbox, in bytes.
    pub max_memory: u64,
    /// Where instances come from.
    pub allocator: Allocator,
    /// Where compiled code is stored; with `None`, every start compiles again. Created with access for its owner only.
    pub cache_dir: Option<PathBuf>,
    /// Where the key that authenticates compiled code is stored; with `None`, nothing is cached. Created with access
    /// for its owner only.
    pub state_dir: Option<PathBuf>,
    /// Where components are parsed and compiled.
    pub compiler: Compiler,
    /// Where compilations that take long are reported.
    pub compile_report: CompileReport,
    /// Threads of the runtime that drives the sandboxes.
    pub threads: usize,
    /// The component that runs scripts; `None` if scripts cannot be loaded.
    pub script_runner: Option<&'static [u8]>,
    /// The component that blanks out the types of scripts; `None` if scripts in TypeScript cannot be loaded.
    pub type_stripper: Option<&'static [u8]>,
    /// Whether there are guests of several tenants, who do not trust each other: they see clocks of whole milliseconds only, and
    /// their stacks are zeroed after use.
    pub several_tenants: bool,
    /// Whether sandboxes can [report hashes of memories](crate::Sandbox::hash_memory). It makes traps slower.
    pub hashes_memories: bool,
    /// How often computing guests are interrupted, to check their deadline and to let others run.
    pub tick: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            sandboxes: 1000,
            is_overcommitted: false,
            max_memory: 64 << 20,
            allocator: Allocator::Pooling,
            cache_dir: None,
            state_dir: None,
            compiler: Compiler::InProcess,
            compile_report: CompileReport::default(),
            script_runner: None,
            type_stripper: None,
            several_tenants: false,
            hashes_memories: false,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            // Guests stop within a few ticks. Shorter ticks cost more, and did not stop guests sooner on a busy
            // machine.
            tick: Duration::from_millis(2),
        }
    }
}

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refused the configuration.
    #[error("the WebAssembly engine cannot start: {0}")]
    Configuration(String),
    /// The thread that interrupts guests could not be started.
    #[error("the ticker thread cannot start")]
    Ticker(#[source] std::io::Error),
}

/// Loads and runs plugins, for one tenant. Cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>, Flow);

pub(crate) struct Inner {
    pub(crate) plugins: Runtime,
    /// Started when the first script needs it; the error says why it cannot start.
    own_components: OnceLock<Result<Runtime, String>>,
    pub(crate) script_runner: Option<OwnComponent>,
    pub(crate) type_stripper: Option<OwnComponent>,
    pub(crate) ticker: Ticker,
    pub(crate) turns: Turns,
    pub(crate) capacity: Capacity,
    pub(crate) memory_total: MemoryTotal,
    pub(crate) shared_code: SharedCode,
    pub(crate) cache: Option<cache::Cache>,
    pub(crate) compiler: Compiler,
    pub(crate) compile_report: CompileReport,
    /// Limits how many files are read, and how much compiled code is loaded, at the same time.
    pub(crate) reading: LoadLimit,
    /// Limits how many compilations run at the same time.
    pub(crate) compiling: LoadLimit,
    pub(crate) has_several_tenants: bool,
    pub(crate) hashes_memories: bool,
    allocator: Allocator,
    max_memory: u64,
}

/// A component that the host contains for itself. It is compiled when the first script needs it, and shared by all of them.
pub(crate) struct OwnComponent {
    /// Its name in reports.
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
    pub(crate) component: OnceCell<CompiledComponent>,
    /// Who is charged for its compilation.
    pub(crate) tenant: Arc<Tenant>,
}

impl OwnComponent {
    fn new(name: &'static str, bytes: &'static [u8]) -> Self {
        let tenant = Tenant::new(OWN_TENANT);
        // The scripts of all tenants wait for it, so it is compiled next.
        tenant.set_weight(u32::MAX);
        Self { name, bytes, component: OnceCell::new(), tenant }
    }
}

impl Engine {
    /// Starts an engine. If the pool cannot be reserved, warns and continues without one.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let size = PoolOptions {
            sandboxes: options.sandboxes,
            max_memory: options.max_memory,
            zeroes_stacks: options.several_tenants,
            dumps_memories: options.hashes_memories,
        };
        let (plugins, allocator) = Runtime::of_plugins(size, options.allocator).map_err(configuration)?;
        let script_runner = options.script_runner.map(|bytes| OwnComponent::new("script-runner", bytes));
        let type_stripper = options.type_stripper.map(|bytes| OwnComponent::new("type-stripper", bytes));
        let ticker = Ticker::start(plugins.wasmtime.weak(), options.tick).map_err(EngineError::Ticker)?;
        let open = |dir| cache::Cache::open(dir, options.state_dir.as_deref(), &plugins.wasmtime);
        let cache = options.cache_dir.as_deref().and_then(open);
        let parallelism = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_COMPILATIONS);
        let inner = Arc::new(Inner {
            plugins,
            own_components: OnceLock::new(),
            script_runner,
            type_stripper,
            ticker,
            turns: Turns::new(options.threads, options.tick),
            capacity: Capacity::new(options.sandboxes, options.is_overcommitted),
            memory_total: MemoryTotal::default(),
            shared_code: SharedCode::default(),
            cache,
            compiler: options.compiler,
            compile_report: options.compile_report,
            reading: LoadLimit::new(parallelism),
            compiling: LoadLimit::new(parallelism),
            has_several_tenants: options.several_tenants,
            hashes_memories: options.hashes_memories,
            allocator,
            max_memory: options.max_memory,
        });
        Ok(Self(inner, Flow::new(Tenant::new(NO_TENANT), "")))
    }

    /// Returns the engine as `tenant` uses it: what it loads and compiles is charged to that tenant, within its quotas.
    /// Until then it is charged to a tenant without a name and without quotas.
    #[must_use]
    pub fn for_tenant(&self, tenant: Arc<Tenant>) -> Self {
        Self(Arc::clone(&self.0), Flow::new(tenant, ""))
    }

    /// Returns to whom the work of loading is charged.
    pub(crate) fn flow(&self) -> &Flow {
        &self.1
    }

    /// Returns the allocator in use.
    pub fn allocator(&self) -> Allocator {
        self.0.allocator
    }

    /// Returns how many sandboxes of plugins with one memory can exist at once.
    pub fn capacity(&self) -> u32 {
        self.0.capacity.total
    }

    /// Returns the largest memory limit of a sandbox, in bytes. It is fixed when the engine starts.
    pub fn max_memory(&self) -> u64 {
        self.0.max_memory
    }

    /// Returns the current usage.
    pub fn pool_usage(&self) -> PoolUsage {
        let (used_capacity, bytes) = (self.0.capacity.used(), self.0.memory_total.bytes());
        let mut usage = PoolUsage { used_capacity, bytes, ..PoolUsage::default() };
        for pool in self.0.runtimes().filter_map(|runtime| runtime.wasmtime.pooling_allocator_metrics()) {
            usage.component_instances += pool.component_instances();
            usage.core_instances += pool.core_instances();
            usage.memories += pool.memories() as u64;
            usage.tables += pool.tables() as u64;
            usage.stacks += pool.stacks() as u64;
        }
        usage
    }

    /// Returns the number of ticks so far. It does not change while no call runs.
    pub fn ticks(&self) -> u64 {
        self.0.ticker.ticks()
    }
}

impl Inner {
    /// Returns the runtime of the host's own components; the first call starts it.
    pub(crate) fn own_components(&self) -> Result<&Runtime, String> {
        let start = || {
            let size = PoolOptions {
                sandboxes: self.capacity.total,
                max_memory: self.max_memory,
                zeroes_stacks: self.has_several_tenants,
                dumps_memories: self.hashes_memories,
            };
            let runtime = Runtime::of_own_components(size, self.allocator, &self.plugins);
            let runtime = runtime.map_err(|error| format!("{error:#}"))?;
            self.ticker.add(runtime.wasmtime.weak());
            Ok(runtime)
        };
        self.own_components.get_or_init(start).as_ref().map_err(Clone::clone)
    }

    fn runtimes(&self) -> impl Iterator<Item = &Runtime> {
        let own = self.own_components.get().and_then(|started| started.as_ref().ok());
        let own = own.filter(|own| !wasmtime::Engine::same(&own.wasmtime, &self.plugins.wasmtime));
        [&self.plugins].into_iter().chain(own)
    }
}

fn configuration(error: wasmtime::Error) -> EngineError {
    EngineError::Configuration(format!("{error:#}"))
}
