//! Compiles scripts and calls them in instances with the limits of production.

use std::thread;
use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::error::Context as _;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, Trap};

use crate::host::Host;
use crate::host::bindings::exports::saggar::script::compiler::{Compiled, Diagnostic};
use crate::host::bindings::saggar::task::types::{Failure, Problem};
use crate::host::bindings::{Runner as World, RunnerPre};

const TICK: Duration = Duration::from_millis(5);

/// Ticks after which a call is stopped, unless more are given: one second.
const TIMEOUT_TICKS: u64 = 200;

/// The runner's component, ready for instances.
pub(crate) struct Runner {
    pub(crate) engine: Engine,
    /// Ticks after which a call or a compilation is stopped.
    pub(crate) timeout_ticks: u64,
    pre: RunnerPre<Host>,
}

/// What a call of a role ended with.
#[derive(Debug)]
pub(crate) enum Ending {
    /// With an answer: JSON, or the text `none`.
    Answer(String),
    Retry(Problem),
    RetryAfter(Problem, u64),
    Reject(Problem),
    /// The instance trapped: the reason.
    Trap(String),
}

/// One of the contract's functions with its arguments.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    /// The processor, with the arguments as JSON.
    Process(String),
    Next,
    OnAdd,
    OnProgress(u64, u64, String),
    OnSuccess(String),
    OnError(String),
}

/// An instance with a script.
pub(crate) struct Instance {
    pub(crate) store: Store<Host>,
    timeout_ticks: u64,
    world: World,
}

/// A compiled script, or what is wrong with it.
pub(crate) type CompilerAnswer = Result<Compiled, Vec<Diagnostic>>;

impl Runner {
    pub(crate) fn new(component: &[u8]) -> Result<Self> {
        Self::with_resident(component, 64 << 10)
    }

    /// Prepares a component; this many bytes of a memory stay resident between instances.
    pub(crate) fn with_resident(component: &[u8], resident: usize) -> Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_memories(20).total_core_instances(400).linear_memory_keep_resident(resident);
        pool.max_core_instances_per_component(20).table_elements(100_000).max_memory_size(64 << 20);
        let mut config = Config::new();
        config.epoch_interruption(true).allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, component).context("the component does not compile")?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        World::add_to_linker::<Host, HasSelf<Host>>(&mut linker, |host| host)?;
        let pre = RunnerPre::new(linker.instantiate_pre(&component)?)?;
        let ticked = engine.weak();
        thread::spawn(move || {
            while let Some(engine) = ticked.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        });
        Ok(Self { engine, timeout_ticks: TIMEOUT_TICKS, pre })
    }

    /// Makes an instance.
    pub(crate) fn instance(&self, host: Host) -> Result<Instance> {
        let mut store = Store::new(&self.engine, host);
        store.limiter(|host| &mut host.limits);
        store.set_epoch_deadline(self.timeout_ticks);
        let world = self.pre.instantiate(&mut store)?;
        Ok(Instance { store, timeout_ticks: self.timeout_ticks, world })
    }

    /// Compiles a script; returns what the compiler answered, and what the host was called for. The outer error is a trap.
    pub(crate) fn compile(
        &self,
        files: &[(String, String)],
        functions: &[String],
    ) -> Result<(CompilerAnswer, Vec<String>)> {
        let mut instance = self.instance(Host::new(files))?;
        let compiler = instance.world.saggar_script_compiler();
        let entry = files.first().map(|(file, _)| file.as_str()).unwrap_or_default();
        let compiled = compiler.call_compile(&mut instance.store, entry, functions)?;
        Ok((compiled, std::mem::take(&mut instance.store.data_mut().events)))
    }
}

impl Instance {
    /// Calls a function of the script in a role, for the job `id`.
    pub(crate) fn call(&mut self, role: &Role, function: &str, id: u64) -> Ending {
        let host = self.store.data_mut();
        (host.handler, host.job) = (Some(function.into()), id);
        self.store.set_epoch_deadline(self.timeout_ticks);
        let (world, store) = (&self.world, &mut self.store);
        let nothing = |result: wasmtime::Result<Result<(), Problem>>| {
            result.map(|it| it.map(|()| "none".to_owned()).map_err(Ending::Reject))
        };
        let result = match role {
            Role::Process(args) => {
                let result = world.saggar_task_processor().call_process(store, id, args);
                result.map(|it| it.map_err(Ending::from))
            }
            Role::Next => {
                let result = world.saggar_task_id_source().call_next(store);
                let text = |id: Option<u64>| id.map_or("none".into(), |id| id.to_string());
                result.map(|it| it.map(text).map_err(Ending::Reject))
            }
            Role::OnAdd => nothing(world.saggar_task_add_handler().call_on_add(store, id)),
            Role::OnProgress(current, total, message) => {
                nothing(world.saggar_task_progress_handler().call_on_progress(store, id, *current, *total, message))
            }
            Role::OnSuccess(response) => {
                nothing(world.saggar_task_success_handler().call_on_success(store, id, response))
            }
            Role::OnError(message) => {
                let problem = Problem { code: "trap".into(), message: message.clone(), details: None };
                nothing(world.saggar_task_error_handler().call_on_error(store, id, &problem))
            }
        };
        match result {
            Ok(Ok(answer)) => Ending::Answer(answer),
            Ok(Err(ending)) => ending,
            Err(error) => Ending::Trap(trap(&error)),
        }
    }
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry(problem) => Self::Retry(problem),
            Failure::RetryAfter((problem, after_ms)) => Self::RetryAfter(problem, after_ms),
            Failure::Reject(problem) => Self::Reject(problem),
        }
    }
}

/// Returns the reason of a trap.
pub(crate) fn trap(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => "timeout".into(),
        Some(trap) => trap.to_string(),
        None => format!("{error:#}"),
    }
}
