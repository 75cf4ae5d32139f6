//! Compares the cost of a call with bare wasmtime and with Saggar in one run. Prints the ratios at the end.
//!
//! The bare variant is a straightforward use of wasmtime: the same engine configuration where it matters (epoch
//! interruption, pooling allocator, WASI linked), a store, an instance, a typed function, `call_async`. Saggar's
//! variant is `Sandbox::call`, with deadline, limits, cancellation, services, measurement and validation of the answer.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use saggar_job::JobId;
use saggar_sandbox::{Call, Engine, EngineOptions, Input, JobContext, Limits, RefusingServices, Sandbox, Services};
use saggar_tenant::{Flow, Tenant};
use tokio::runtime::Runtime;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable, TypedFunc};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

fn main() -> anyhow::Result<()> {
    let component = build_guest()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut criterion = Criterion::default().configure_from_args();
    let bare = Bare::new(&component)?;
    let ours = runtime.block_on(Ours::new(&component))?;
    measure(&mut criterion, &runtime, "warm/bare", |calls| bare.warm(calls));
    measure(&mut criterion, &runtime, "warm/saggar", |calls| ours.calls(calls, u32::MAX));
    measure(&mut criterion, &runtime, "fresh/bare", |calls| bare.fresh(calls));
    measure(&mut criterion, &runtime, "fresh/saggar", |calls| ours.calls(calls, 1));
    criterion.final_summary();
    // On a shared machine, many short pairs of runs give a more reliable ratio than two long runs.
    for (kind, reuse, calls) in [("warm", u32::MAX, 20_000), ("fresh", 1, 1_000)] {
        let mut ratios: Vec<f64> = (0..31)
            .map(|_| {
                let floor = runtime.block_on(bare.run(reuse == 1, calls));
                let saggar = runtime.block_on(ours.calls(calls, reuse));
                saggar.as_secs_f64() / floor.as_secs_f64()
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        println!("{kind}: saggar / bare = {:.2} (median of {}, {:.2} to {:.2})", ratios[15], 31, ratios[3], ratios[27]);
    }
    Ok(())
}

fn measure<F>(criterion: &mut Criterion, runtime: &Runtime, name: &str, calls: impl Fn(u64) -> F)
where
    F: Future<Output = Duration>,
{
    criterion.bench_function(name, |bencher| bencher.iter_custom(|iterations| runtime.block_on(calls(iterations))));
}

fn build_guest() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let guests = xtask::guests::build(&root.join("tests/guests"), &root.join("target/guests"))?;
    let empty = guests.into_iter().find(|guest| guest.name == "empty");
    Ok(empty.ok_or_else(|| anyhow::anyhow!("tests/guests has no guest `empty`"))?.path)
}

struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Wasi {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

/// The contract's `problem`.
#[derive(wasmtime::component::ComponentType, wasmtime::component::Lift)]
#[component(record)]
#[expect(dead_code, reason = "only the type matters; the values are never read")]
struct BareProblem {
    code: String,
    message: String,
    details: Option<String>,
}

/// The contract's `failure`.
#[derive(wasmtime::component::ComponentType, wasmtime::component::Lift)]
#[component(variant)]
#[expect(dead_code, reason = "only the type matters; the values are never read")]
enum BareFailure {
    #[component(name = "retry")]
    Retry(BareProblem),
    #[component(name = "retry-after")]
    RetryAfter((BareProblem, u64)),
    #[component(name = "reject")]
    Reject(BareProblem),
}

type Process = TypedFunc<(u64, &'static str), (Result<String, BareFailure>,)>;

/// Bare wasmtime.
struct Bare {
    engine: wasmtime::Engine,
    pre: InstancePre<Wasi>,
    process: wasmtime::component::ComponentExportIndex,
}

impl Bare {
    fn new(component: &Path) -> anyhow::Result<Self> {
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .concurrency_support(false)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(PoolingAllocationConfig::new()));
        let engine = wasmtime::Engine::new(&config).map_err(text)?;
        let component = Component::from_file(&engine, component).map_err(text)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(text)?;
        linker.define_unknown_imports_as_traps(&component).map_err(text)?;
        let interface = component.get_export_index(None, "saggar:task/processor@0.1.0");
        let process = component.get_export_index(interface.as_ref(), "process");
        let process = process.ok_or_else(|| anyhow::anyhow!("the guest has no `process`"))?;
        Ok(Self { pre: linker.instantiate_pre(&component).map_err(text)?, engine, process })
    }

    async fn instance(&self) -> (Store<Wasi>, Process) {
        let wasi = Wasi { ctx: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, wasi);
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = self.pre.instantiate_async(&mut store).await.expect("the guest instantiates");
        let process = instance.get_typed_func(&mut store, self.process).expect("the types match the contract");
        (store, process)
    }

    async fn warm(&self, calls: u64) -> Duration {
        let (mut store, process) = self.instance().await;
        let began = Instant::now();
        for _ in 0..calls {
            process.call_async(&mut store, (1, "[]")).await.expect("the call works").0.ok().expect("an answer");
        }
        began.elapsed()
    }

    async fn fresh(&self, calls: u64) -> Duration {
        let began = Instant::now();
        for _ in 0..calls {
            let (mut store, process) = self.instance().await;
            process.call_async(&mut store, (1, "[]")).await.expect("the call works").0.ok().expect("an answer");
        }
        began.elapsed()
    }

    async fn run(&self, fresh: bool, calls: u64) -> Duration {
        if fresh { self.fresh(calls).await } else { self.warm(calls).await }
    }
}

fn text(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

/// Saggar's sandbox.
struct Ours {
    plugin: saggar_sandbox::Plugin,
    job: JobContext,
}

impl Ours {
    async fn new(component: &Path) -> anyhow::Result<Self> {
        let engine = Engine::new(EngineOptions::default())?;
        let plugin = engine.load(component).await?;
        let task: Arc<str> = "bench".into();
        let job = JobContext { id: JobId(1), task, attempt: 1, max_attempts: 1, handler: None, trace_parent: None };
        Ok(Self { plugin, job })
    }

    async fn calls(&self, calls: u64, reuse: u32) -> Duration {
        let flow = Flow::new(Tenant::new("bench"), "bench");
        let mut sandbox = Sandbox::new(self.plugin.clone(), Limits { memory: 64 << 20, reuse }, flow);
        let services: Arc<dyn Services> = Arc::new(RefusingServices::default());
        let args: Arc<str> = "[]".into();
        let began = Instant::now();
        for _ in 0..calls {
            let call = Call {
                job: self.job.clone(),
                input: Input::Process { args: args.clone() },
                timeout: Duration::from_secs(300),
                services: services.clone(),
            };
            sandbox.call(call).await.result.expect("an answer");
        }
        began.elapsed()
    }
}
