//! A wasmtime engine with its linker. Plugins have one, and the host's own components have another, whose pool fits the
//! script runner; both have the same configuration otherwise, so compiled code fits both.

use wasmtime::InstanceAllocationStrategy;
use wasmtime::component::Linker;

use crate::config::base_config;
use crate::guest::{Guest, HasGuest};
use crate::pool::{Allocator, Capacity, KEEP_RESIDENT, KEEP_RESIDENT_OF_SCRIPTS, pooling_config};
use crate::{bindings, http, script_source, wasi};

/// Maximum sandboxes of scripts. A pool needs two mappings for each of its stacks, a process has 65,530, and the pool of the
/// plugins has up to 10,000 stacks.
const MAX_SANDBOXES_OF_SCRIPTS: u32 = 4096;

/// What instances of components are made with.
pub(crate) struct Runtime {
    pub(crate) wasmtime: wasmtime::Engine,
    pub(crate) linker: Linker<Guest>,
    /// Its capacity, where that is smaller than the engine's.
    pub(crate) capacity: Option<Capacity>,
}

/// What a pool has to have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolOptions {
    pub(crate) sandboxes: u32,
    pub(crate) max_memory: u64,
    pub(crate) zeroes_stacks: bool,
    /// Whether traps show the memories of their instances.
    pub(crate) dumps_memories: bool,
}

impl Runtime {
    /// Starts the runtime of plugins. If the pool cannot be reserved, warns and continues without one.
    pub(crate) fn of_plugins(options: PoolOptions, allocator: Allocator) -> wasmtime::Result<(Self, Allocator)> {
        let pooled = (allocator == Allocator::Pooling).then(|| pooled(options, KEEP_RESIDENT));
        let (wasmtime, allocator) = match pooled {
            Some(Ok(wasmtime)) => (wasmtime, Allocator::Pooling),
            Some(Err(error)) => {
                warn_of_no_pool(options, &error, "every new instance will be slow");
                (wasmtime::Engine::new(&config(options))?, Allocator::OnDemand)
            }
            None => (wasmtime::Engine::new(&config(options))?, Allocator::OnDemand),
        };
        let linker = link(&wasmtime)?;
        Ok((Self { wasmtime, linker, capacity: None }, allocator))
    }

    /// Starts the runtime of the host's own components, which have imports of their own. If there is no room for a second
    /// pool, warns and uses that of `plugins`.
    pub(crate) fn of_own_components(
        options: PoolOptions,
        allocator: Allocator,
        plugins: &Self,
    ) -> wasmtime::Result<Self> {
        let smaller = PoolOptions { sandboxes: options.sandboxes.min(MAX_SANDBOXES_OF_SCRIPTS), ..options };
        let pooled = (allocator == Allocator::Pooling).then(|| pooled(smaller, KEEP_RESIDENT_OF_SCRIPTS));
        let (wasmtime, sandboxes) = match pooled {
            Some(Ok(wasmtime)) => (wasmtime, smaller.sandboxes),
            Some(Err(error)) => {
                warn_of_no_pool(smaller, &error, "every new instance of a script will be slow");
                (plugins.wasmtime.clone(), options.sandboxes)
            }
            None => (plugins.wasmtime.clone(), options.sandboxes),
        };
        let mut linker = link(&wasmtime)?;
        script_source::link(&mut linker)?;
        let capacity = (sandboxes < options.sandboxes).then(|| Capacity::new(sandboxes, true));
        Ok(Self { wasmtime, linker, capacity })
    }
}

fn config(options: PoolOptions) -> wasmtime::Config {
    let mut config = base_config();
    config.async_stack_zeroing(options.zeroes_stacks).coredump_on_trap(options.dumps_memories);
    config
}

fn pooled(options: PoolOptions, keep_resident: usize) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = config(options);
    let pool = pooling_config(options.sandboxes, options.max_memory, keep_resident);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    wasmtime::Engine::new(&config)
}

fn warn_of_no_pool(options: PoolOptions, error: &wasmtime::Error, consequence: &str) {
    tracing::warn!(
        sandboxes = options.sandboxes,
        max_memory = options.max_memory,
        error = format!("{error:#}"),
        "NO POOL for sandboxes: {consequence}. Allow more address space (ulimit -v), or configure fewer slots or less memory"
    );
}

fn link(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasi::link(&mut linker)?;
    http::link(&mut linker)?;
    bindings::types::add_to_linker::<_, HasGuest>(&mut linker, |guest| guest)?;
    bindings::context::add_to_linker::<_, HasGuest>(&mut linker, |guest| guest)?;
    bindings::progress::add_to_linker::<_, HasGuest>(&mut linker, |guest| guest)?;
    bindings::log::add_to_linker::<_, HasGuest>(&mut linker, |guest| guest)?;
    bindings::tasks::add_to_linker::<_, HasGuest>(&mut linker, |guest| guest)?;
    bindings::kv::add_to_linker::<_, HasGuest>(&mut linker, |guest| guest)?;
    bindings::http::add_to_linker::<_, HasGuest>(&mut linker, |guest| guest)?;
    Ok(linker)
}
