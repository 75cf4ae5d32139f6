//! Calls of the components that the host contains for itself: the script runner as a compiler, and the type stripper. Each
//! call has an instance of its own, with limits like any guest's. Never on the path of a job.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use saggar_job::{JobId, Problem};
use saggar_tenant::Flow;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Lift, Lower, TypedFunc};

use crate::ending::{FinishedCall, classify};
use crate::engine::OwnComponent;
use crate::guest::{Current, Guest};
use crate::instance::LiveInstance;
use crate::load::{compiled, finish};
use crate::origin::Origin;
use crate::plugin::Loaded;
use crate::sandbox::{begin, drive, new_instance};
use crate::script::ScriptAccess;
use crate::turn::CallTurns;
use crate::{CallError, Engine, JobContext, Limits, LoadError, RefusingServices, Services};

/// How long a call may take. A script of 1 MiB needs some 0.1 s.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(10);

/// The memory of an instance: for a script of 4 MiB with its syntax tree. The memories of every pool are as large.
pub(crate) const MAX_MEMORY: u64 = 64 << 20;

/// Maximum bytes that a call can return: bytecode is up to three times as long as its source.
pub(crate) const MAX_ANSWER: usize = 16 << 20;

/// A function of one of the host's own components.
pub(crate) struct OwnFunction {
    pub(crate) loaded: Loaded,
    export: ComponentExportIndex,
}

impl OwnFunction {
    /// Finds a function of a component. The first call compiles the component, or takes its code from the cache.
    pub(crate) async fn load(
        engine: &Engine,
        own: &OwnComponent,
        interface: &str,
        function: &str,
    ) -> Result<Self, LoadError> {
        let origin = Origin::Own(own.bytes);
        let path = Path::new(own.name);
        let of_own = engine.for_tenant(Arc::clone(&own.tenant));
        let compiled = own.component.get_or_try_init(|| compiled(&of_own, path, &origin)).await?;
        let loaded = finish(engine, path.to_owned(), compiled, &origin)?;
        let export = compiled.component.get_export_index(None, interface);
        let export = export.and_then(|interface| compiled.component.get_export_index(Some(&interface), function));
        let missing = || LoadError::Link(format!("it does not export `{function}` of `{interface}`"));
        Ok(Self { loaded, export: export.ok_or_else(missing)? })
    }

    /// Calls it as work of `flow`. The instance gets its files from `access`.
    pub(crate) async fn call<P, R>(&self, flow: &Flow, params: P, access: ScriptAccess) -> Result<R, CallError>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let limits = Limits { memory: MAX_MEMORY, reuse: 1 };
        let mut live = Box::pin(new_instance(&self.loaded, limits, flow, MAX_TIME, access)).await?;
        live.store.set_hostcall_fuel(MAX_ANSWER);
        let began = Instant::now();
        let deadline = began + MAX_TIME;
        // Nothing of a script runs while it is compiled, so nothing of it can ask for anything.
        let services: Arc<dyn Services> = Arc::new(RefusingServices::default());
        let ticker = &self.loaded.engine.ticker;
        let call_deadline = ticker.register();
        let active_call = ticker.begin(&call_deadline, deadline);
        begin(&mut live, Current::new(context(), services.clone(), deadline, MAX_TIME));
        let turns = CallTurns::new(live.store.data().slices.clone());
        let (result, _) = {
            let run = std::pin::pin!(self.run(&mut live, params));
            drive(run, turns, &*services, deadline, began).await
        };
        drop(active_call);
        let failed = match result {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Ok(Err(error)),
            Err(stop) => Err(stop),
        };
        let guest: &Guest = live.store.data();
        let output_tail = guest.output.end();
        let ended = classify(failed, &FinishedCall { guest, output_tail: &output_tail, served: 0 });
        Err(ended.err().unwrap_or_else(|| CallError::NoCapacity(Problem::new("no-answer", "there was no answer"))))
    }

    async fn run<P, R>(&self, live: &mut LiveInstance, params: P) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let instance = live.instantiate(&self.loaded).await?;
        let func: TypedFunc<P, R> = instance.get_typed_func(&mut live.store, self.export)?;
        func.call_async(&mut live.store, params).await
    }
}

fn context() -> JobContext {
    JobContext {
        id: JobId(0),
        task: "script-runner".into(),
        attempt: 0,
        max_attempts: 0,
        handler: None,
        trace_parent: None,
    }
}
