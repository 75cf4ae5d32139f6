//! An instance in its store: creating it, and calling its roles.

mod memory_hash;

use std::sync::Arc;
use std::time::{Duration, Instant};

use saggar_job::{Failure, FailureKind, JobId, Problem};
use saggar_tenant::Flow;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, Resource, TypedFunc};
use wasmtime::{Store, UpdateDeadline};

use crate::bindings::types;
use crate::guest::Guest;
use crate::limiter::Limiter;
use crate::plugin::{InstancePermit, Loaded};
use crate::resources::{MAX_HANDLES, MAX_RESOURCES};
use crate::script::ScriptAccess;
use crate::turn::Slices;
use crate::{Answer, Input, Plugin};

/// Maximum bytes that a guest can pass to the host in one call or answer: the largest response.
pub(crate) const MAX_TRANSFER: usize = 4 << 20;

/// A store with at most one instance. A store never frees an instance, so each instance gets its own store.
pub(crate) struct LiveInstance {
    pub(crate) store: Store<Guest>,
    /// `None` until the first call.
    instance: Option<Instance>,
    roles: RoleFuncs,
    /// Calls that succeeded.
    pub(crate) served: u32,
    /// How long the instantiation took, until the first call has taken it.
    pub(crate) instantiation: Duration,
    _permit: InstancePermit,
}

type ProcessResult = (Result<Arc<str>, types::Failure>,);
type Next = (Result<Option<u64>, types::Problem>,);
type HandlerResult = (Result<(), types::Problem>,);
type CachedFunc<Params, Answer> = Option<TypedFunc<Params, Answer>>;

/// The role functions that were called so far, because looking one up costs more than calling it.
#[derive(Default)]
struct RoleFuncs {
    process: CachedFunc<(u64, Arc<str>), ProcessResult>,
    next: CachedFunc<(), Next>,
    on_add: CachedFunc<(u64,), HandlerResult>,
    on_progress: CachedFunc<(u64, u64, u64, Arc<str>), HandlerResult>,
    on_success: CachedFunc<(u64, Arc<str>), HandlerResult>,
    on_error: CachedFunc<(u64, types::Problem), HandlerResult>,
}

impl LiveInstance {
    /// Creates an empty store for an instance of `plugin`.
    pub(crate) fn new(
        plugin: &Loaded,
        max_memory: u64,
        flow: &Flow,
        script: ScriptAccess,
        permit: InstancePermit,
    ) -> Self {
        let tenant = Arc::clone(flow.tenant());
        let slices = Slices::new(plugin.engine.turns.clone(), flow.clone());
        let limiter = Limiter::new(max_memory, plugin.engine.memory_total.clone(), tenant);
        let guest = Guest::new(limiter, slices, script, plugin.engine.has_several_tenants);
        let mut store = Store::new(plugin.pre.engine(), guest);
        store.limiter(|guest| guest);
        store.set_hostcall_fuel(MAX_TRANSFER);
        store.set_max_component_handles(MAX_HANDLES);
        store.epoch_deadline_callback(|mut store| match store.data_mut().stop_due() {
            Some(_) => Ok(UpdateDeadline::Interrupt),
            None => Ok(UpdateDeadline::YieldCustom(1, Box::pin(store.data().slices.end()))),
        });
        Self {
            store,
            instance: None,
            roles: RoleFuncs::default(),
            served: 0,
            instantiation: Duration::ZERO,
            _permit: permit,
        }
    }

    /// Returns whether the next call may use this instance: it has no data of this call outside its own memory, and is
    /// not so full that the next call might exceed a limit that it would not exceed in a fresh instance.
    pub(crate) fn is_reusable(&mut self) -> bool {
        let guest = self.store.data_mut();
        // Counted in any case, because the count is part of the resource usage of the call.
        let usage = guest.count_resources();
        let is_empty = usage.is_ok_and(|usage| !usage.holds_data && usage.count <= MAX_RESOURCES / 2);
        !guest.limiter.is_nearly_full() && is_empty && !self.holds_many_handles()
    }

    /// Returns whether the components hold at least half of the handles that they may hold, those of their own resources
    /// included. The engine does not tell their number, so one more handle is made under a limit of half as many.
    fn holds_many_handles(&mut self) -> bool {
        self.store.set_max_component_handles(MAX_HANDLES / 2);
        let probe = Resource::<()>::new_own(0).try_into_resource_any(&mut self.store);
        self.store.set_max_component_handles(MAX_HANDLES);
        // Taking the resource back removes its handle.
        probe.and_then(|probe| probe.try_into_resource::<()>(&mut self.store)).is_err()
    }

    /// Creates the instance if necessary, and makes the call. A caller that drops the future, or gets an error that is
    /// not the guest's own answer, must drop the instance, too.
    pub(crate) async fn run(
        &mut self,
        plugin: &Plugin,
        id: JobId,
        input: Input,
    ) -> wasmtime::Result<Result<Answer, Failure>> {
        let instance = self.instantiate(&plugin.0).await?;
        self.call(plugin, instance, id.0, input).await
    }

    /// Returns the instance; creates it if necessary.
    pub(crate) async fn instantiate(&mut self, plugin: &Loaded) -> wasmtime::Result<Instance> {
        // Guest code can run from here on: start functions and constructors are guest code.
        self.store.set_epoch_deadline(1);
        match self.instance {
            Some(instance) => Ok(instance),
            None => {
                let began = Instant::now();
                // Boxed; otherwise the future of each call would include space for it.
                let instance = Box::pin(plugin.pre.instantiate_async(&mut self.store)).await?;
                self.instantiation = began.elapsed();
                Ok(*self.instance.insert(instance))
            }
        }
    }

    async fn call(
        &mut self,
        plugin: &Plugin,
        instance: Instance,
        id: u64,
        input: Input,
    ) -> wasmtime::Result<Result<Answer, Failure>> {
        let Self { store, roles, .. } = self;
        let role = input.role();
        let export = || plugin.export(role).map_err(wasmtime::Error::msg);
        let result = match input {
            Input::Process { args } => {
                let func = look_up(&mut roles.process, store, instance, export)?;
                let (answer,) = func.call_async(&mut *store, (id, args)).await?;
                return Ok(answer.map(Answer::Response).map_err(failure));
            }
            Input::Next => {
                let func = look_up(&mut roles.next, store, instance, export)?;
                let (answer,) = func.call_async(&mut *store, ()).await?;
                return Ok(answer.map(|id| Answer::Id(id.map(JobId))).map_err(reject));
            }
            Input::OnAdd => look_up(&mut roles.on_add, store, instance, export)?.call_async(&mut *store, (id,)).await?,
            Input::OnProgress { current, total, message } => {
                let func = look_up(&mut roles.on_progress, store, instance, export)?;
                func.call_async(&mut *store, (id, current, total, message)).await?
            }
            Input::OnSuccess { response } => {
                let func = look_up(&mut roles.on_success, store, instance, export)?;
                func.call_async(&mut *store, (id, response)).await?
            }
            Input::OnError { problem: Problem { code, message, details } } => {
                let func = look_up(&mut roles.on_error, store, instance, export)?;
                func.call_async(&mut *store, (id, types::Problem { code, message, details })).await?
            }
        };
        Ok(result.0.map(|()| Answer::Done).map_err(reject))
    }
}

fn look_up<'a, P, R>(
    cached: &mut CachedFunc<P, R>,
    store: &mut Store<Guest>,
    instance: Instance,
    export: impl FnOnce() -> wasmtime::Result<&'a ComponentExportIndex>,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    match cached {
        Some(func) => Ok(*func),
        None => Ok(*cached.insert(instance.get_typed_func(store, export()?)?)),
    }
}

fn problem(problem: types::Problem) -> Problem {
    Problem { code: problem.code, message: problem.message, details: problem.details }
}

fn reject(of: types::Problem) -> Failure {
    Failure::new(FailureKind::Rejected, problem(of))
}

fn failure(failure: types::Failure) -> Failure {
    match failure {
        types::Failure::Retry(of) => Failure::new(FailureKind::Failed, problem(of)),
        types::Failure::RetryAfter((of, ms)) => {
            Failure { retry_after_ms: Some(ms), ..Failure::new(FailureKind::Failed, problem(of)) }
        }
        types::Failure::Reject(of) => reject(of),
    }
}
