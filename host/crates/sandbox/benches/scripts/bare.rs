//! Bare wasmtime.

use std::sync::Arc;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentType, InstancePre, Lift, Linker, Lower, ResourceTable, TypedFunc,
};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::Script;

/// What each call gets.
pub(crate) const ARGS: &str = r#"["Ada",{"a":1}]"#;

type Compile = TypedFunc<(&'static str, Vec<String>), (Result<Compiled, Vec<Diagnostic>>,)>;
type Process = TypedFunc<(u64, &'static str), (Result<String, Failure>,)>;

/// A component that is ready for instances.
pub(crate) struct Bare {
    engine: Engine,
    pre: InstancePre<Host>,
    process: ComponentExportIndex,
    host: Arc<Source>,
}

/// An instance.
pub(crate) struct Instance {
    store: Store<Host>,
    process: Process,
}

/// What an instance of the runner gets.
#[derive(Default)]
struct Source {
    text: &'static str,
    function: Option<String>,
    modules: Arc<[Module]>,
}

struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
    source: Arc<Source>,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// `saggar:script/source.module`.
#[derive(Clone, ComponentType, Lift, Lower)]
#[component(record)]
struct Module {
    file: String,
    code: Vec<u8>,
}

/// `saggar:script/compiler.compiled`.
#[derive(ComponentType, Lift)]
#[component(record)]
#[expect(dead_code, reason = "only the modules are read")]
struct Compiled {
    modules: Vec<Module>,
    functions: Vec<String>,
    engine: String,
}

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(record)]
struct Diagnostic {
    file: String,
    position: Option<Position>,
    message: String,
}

#[derive(Debug, ComponentType, Lift, Lower)]
#[component(record)]
struct Position {
    line: u32,
    column: u32,
    source: String,
}

/// The contract's `problem`.
#[derive(Debug, ComponentType, Lift)]
#[component(record)]
#[expect(dead_code, reason = "printed")]
struct Problem {
    code: String,
    message: String,
    details: Option<String>,
}

/// The contract's `failure`.
#[derive(Debug, ComponentType, Lift)]
#[component(variant)]
#[expect(dead_code, reason = "printed")]
enum Failure {
    #[component(name = "retry")]
    Retry(Problem),
    #[component(name = "retry-after")]
    RetryAfter((Problem, u64)),
    #[component(name = "reject")]
    Reject(Problem),
}

impl Bare {
    /// Prepares a plugin; so many bytes of its memory stay resident in the pool.
    pub(crate) fn plugin(resident: usize, component: &[u8]) -> anyhow::Result<Self> {
        let (engine, component, linker) = prepare(resident, component)?;
        Self::new(engine, &component, &linker, Source::default())
    }

    /// Prepares a script, which the runner itself compiles.
    pub(crate) async fn script(resident: usize, runner: &[u8], script: Script) -> anyhow::Result<Self> {
        let (engine, component, mut linker) = prepare(resident, runner)?;
        link(&mut linker).map_err(text)?;
        let source = Source { text: script.text, function: Some(script.function.into()), modules: Arc::default() };
        let mut bare = Self::new(engine, &component, &linker, source)?;
        let modules = bare.compile(&component).await?;
        let source = Source { text: script.text, function: Some(script.function.into()), modules: modules.into() };
        bare.host = Arc::new(source);
        Ok(bare)
    }

    fn new(engine: Engine, component: &Component, linker: &Linker<Host>, source: Source) -> anyhow::Result<Self> {
        let process = export(component, "saggar:task/processor@0.1.0", "process")?;
        let pre = linker.instantiate_pre(component).map_err(text)?;
        Ok(Self { engine, pre, process, host: Arc::new(source) })
    }

    /// Makes an instance.
    pub(crate) async fn instance(&self) -> anyhow::Result<Instance> {
        let wasi = WasiCtx::builder().build();
        let mut store = Store::new(&self.engine, Host { wasi, table: ResourceTable::new(), source: self.host.clone() });
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = self.pre.instantiate_async(&mut store).await.map_err(text)?;
        let process = instance.get_typed_func(&mut store, self.process).map_err(text)?;
        Ok(Instance { store, process })
    }

    async fn compile(&self, component: &Component) -> anyhow::Result<Vec<Module>> {
        let compile = export(component, "saggar:script/compiler@0.1.0", "compile")?;
        let mut store = self.instance().await?.store;
        let instance = self.pre.instantiate_async(&mut store).await.map_err(text)?;
        let compile: Compile = instance.get_typed_func(&mut store, compile).map_err(text)?;
        let (compiled,) = compile.call_async(&mut store, ("scripts/task.js", Vec::new())).await.map_err(text)?;
        compiled.map(|it| it.modules).map_err(|problems| anyhow::anyhow!("{problems:?}"))
    }
}

impl Instance {
    pub(crate) async fn call(&mut self) -> anyhow::Result<()> {
        let (answer,) = self.process.call_async(&mut self.store, (1, ARGS)).await.map_err(text)?;
        answer.map(drop).map_err(|failure| anyhow::anyhow!("{failure:?}"))
    }
}

fn prepare(resident: usize, component: &[u8]) -> anyhow::Result<(Engine, Component, Linker<Host>)> {
    let mut pool = PoolingAllocationConfig::new();
    pool.linear_memory_keep_resident(resident).max_memory_size(64 << 20).table_elements(100_000);
    pool.total_core_instances(4_000).total_tables(4_000).total_memories(1_000).total_component_instances(1_000);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&config).map_err(text)?;
    let component = Component::new(&engine, component).map_err(text)?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(text)?;
    for (name, item) in component.component_type().imports(&engine) {
        if let (true, ComponentItem::ComponentInstance(imported)) = (name.starts_with("saggar:"), item.ty) {
            let mut interface = linker.instance(name).map_err(text)?;
            for (function, item) in imported.exports(&engine) {
                if matches!(item.ty, ComponentItem::ComponentFunc(_)) {
                    let linked = interface.func_new(function, |_, _, _, _| wasmtime::bail!("not in the benchmark"));
                    linked.map_err(text)?;
                }
            }
        }
    }
    Ok((engine, component, linker))
}

/// Links what a script calls.
fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut source = linker.instance("saggar:script/source@0.1.0")?;
    source.func_wrap("text", |store: StoreContextMut<'_, Host>, (_,): (String,)| {
        Ok((Ok::<_, Vec<Diagnostic>>(store.data().source.text.to_owned()),))
    })?;
    source.func_wrap("modules", |store: StoreContextMut<'_, Host>, ()| Ok((store.data().source.modules.clone(),)))?;
    let mut context = linker.instance("saggar:task/context@0.1.0")?;
    context.func_wrap("handler", |store: StoreContextMut<'_, Host>, ()| Ok((store.data().source.function.clone(),)))?;
    context.func_wrap("task", |_, ()| Ok(("bench".to_owned(),)))?;
    linker.instance("saggar:task/log@0.1.0")?.func_new("write", |_, _, _, _| Ok(()))?;
    linker.instance("saggar:task/progress@0.1.0")?.func_new("report", |_, _, _, _| Ok(()))
}

fn export(component: &Component, interface: &str, function: &str) -> anyhow::Result<ComponentExportIndex> {
    let interface = component.get_export_index(None, interface);
    let found = interface.and_then(|interface| component.get_export_index(Some(&interface), function));
    found.ok_or_else(|| anyhow::anyhow!("the component does not export `{function}`"))
}

fn text(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
