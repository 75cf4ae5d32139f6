//! A sandbox, which a slot owns. It keeps an instance warm between calls, guards each call, and drops the instance when
//! it has served enough calls or failed.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use saggar_job::{Failure, FailureKind, Problem};
use saggar_tenant::Flow;

use crate::ending::{FinishedCall, classify};
use crate::guest::Current;
use crate::instance::LiveInstance;
use crate::observation::Stop;
use crate::plugin::Loaded;
use crate::script::ScriptAccess;
use crate::slice::Slice;
use crate::ticker::CallDeadline;
use crate::turn::CallTurns;
use crate::warm_instance::WarmInstance;
use crate::{Answer, Call, CallError, Plugin, Report, Services};

/// Limits of one sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all memories, tables and resources of an instance together.
    pub memory: u64,
    /// Maximum calls of one instance; 1 creates a fresh instance for each call.
    pub reuse: u32,
}

/// Runs instances of one plugin, one after the other.
pub struct Sandbox {
    plugin: Plugin,
    limits: Limits,
    flow: Flow,
    call_deadline: Arc<CallDeadline>,
    warm: Arc<WarmInstance>,
    hashes_memory: bool,
}

impl Sandbox {
    /// Creates an empty sandbox for `plugin`. The first call creates the instance. What its calls compute is charged to
    /// `flow`.
    pub fn new(plugin: Plugin, limits: Limits, flow: Flow) -> Self {
        let call_deadline = plugin.0.engine.ticker.register();
        let warm = WarmInstance::of(flow.tenant());
        Self { plugin, limits, flow, call_deadline, warm, hashes_memory: false }
    }

    /// Makes each further call report a hash of the instance's memories, which then serves no other call. Does nothing if the
    /// engine was started without [`EngineOptions::hashes_memories`](crate::EngineOptions::hashes_memories).
    pub fn hash_memory(&mut self) {
        self.hashes_memory = self.plugin.0.engine.hashes_memories;
    }

    /// Returns the plugin of this sandbox.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Drops the instance, if there is one, and releases its memory and capacity.
    pub fn retire(&mut self) {
        drop(self.warm.take());
    }

    /// Returns whether it has an instance, which the next call uses unless it is given up before.
    pub fn is_warm(&self) -> bool {
        self.warm.is_occupied()
    }

    /// Drops the instance if other sandboxes may need its capacity. Call it between two calls.
    pub fn retire_if_scarce(&mut self) {
        if self.plugin.0.is_capacity_scarce() {
            self.retire();
        }
    }

    /// Makes a call. Dropping the future stops the guest and drops the instance. A panic of the host ends only this
    /// call: the instance is dropped, and the sandbox can be called again.
    pub async fn call(&mut self, call: Call) -> Report {
        let (began, role) = (Instant::now(), call.input.role());
        let (id, task, trace_parent) = (call.job.id, Arc::clone(&call.job.task), call.job.trace_parent.clone());
        match AssertUnwindSafe(self.call_guest(call, began)).catch_unwind().await {
            Ok(report) => report,
            Err(_) => {
                self.retire();
                let trace_id = trace_parent.as_deref().and_then(|context| context.split('-').nth(1));
                tracing::error!(%task, %id, role = role.interface(), trace_id, "the host panicked during a call");
                let problem = Problem::new("host-panic", "the host panicked during the call; its log says where");
                Report { took: began.elapsed(), ..Report::without_call(CallError::failed(FailureKind::Trap, problem)) }
            }
        }
    }

    async fn call_guest(&mut self, call: Call, began: Instant) -> Report {
        let warm = self.warm.take();
        let fresh = warm.is_none();
        let mut live = match warm {
            Some(live) => live,
            None => match Box::pin(fresh_instance(&self.plugin, self.limits, &self.flow, call.timeout)).await {
                Ok(live) => live,
                Err(error) => return Report::without_call(error),
            },
        };
        let engine = &self.plugin.0.engine;
        let mut turns = CallTurns::new(live.store.data().slices.clone());
        let must_wait = turns.must_wait();
        if must_wait {
            poll_fn(|cx| turns.poll_turn(cx)).await;
        }
        // Waiting does not count. Most warm calls did not wait, and reading the clock is a good part of their cost.
        let called = if fresh || must_wait { Instant::now() } else { began };
        let deadline = called + call.timeout;
        let active_call = engine.ticker.begin(&self.call_deadline, deadline);
        let Call { job, input, timeout, services } = call;
        let id = job.id;
        begin(&mut live, Current::new(job, services.clone(), deadline, timeout));
        let (result, time) = {
            let run = pin!(live.run(&self.plugin, id, input));
            drive(run, turns, &*services, deadline, called).await
        };
        drop(active_call);
        let memory_hash = if self.hashes_memory { hash_memory(&mut live, &self.plugin, &result).await } else { None };
        Report { memory_hash, ..self.finish(live, result, time, fresh) }
    }

    fn finish(
        &mut self,
        mut live: LiveInstance,
        result: Result<wasmtime::Result<Result<Answer, Failure>>, Stop>,
        time: CallTime,
        fresh: bool,
    ) -> Report {
        // Any end other than the guest's own answer leaves the instance in an unknown state.
        let answered = matches!(result, Ok(Ok(_)));
        let guest = live.store.data();
        let output_tail = guest.output.end();
        let result = classify(result, &FinishedCall { guest, output_tail: &output_tail, served: live.served });
        let current = live.store.data_mut().current.take();
        let used_imports = current.map(|current| current.used_imports).unwrap_or_default();
        let instantiation = std::mem::take(&mut live.instantiation);
        let reusable = live.is_reusable();
        let peak_memory = live.store.data().limiter.peak_bytes();
        live.served += 1;
        if answered && reusable && live.served < self.limits.reuse && !self.hashes_memory {
            self.warm.keep(live, time.ended);
        }
        let (cpu, took, memory_hash) = (time.cpu, time.took, None);
        Report { result, cpu, took, peak_memory, fresh, instantiation, used_imports, memory_hash }
    }
}

/// Processor time and duration of a call.
pub(crate) struct CallTime {
    cpu: Duration,
    took: Duration,
    ended: Instant,
}

/// Creates an empty instance of `plugin`, which runs its script if it is one.
async fn fresh_instance(
    plugin: &Plugin,
    limits: Limits,
    flow: &Flow,
    timeout: Duration,
) -> Result<LiveInstance, CallError> {
    let script = plugin.0.script.clone().map_or(ScriptAccess::None, ScriptAccess::Running);
    new_instance(&plugin.0, limits, flow, timeout, script).await
}

/// Returns the hash of the memories of an instance whose call has ended like this.
async fn hash_memory(
    live: &mut LiveInstance,
    plugin: &Plugin,
    result: &Result<wasmtime::Result<Result<Answer, Failure>>, Stop>,
) -> Option<u64> {
    match result {
        // Boxed, because few calls need it.
        Ok(ended) => Box::pin(live.memory_hash(plugin, ended.as_ref().err())).await,
        // A guest that was stopped in the host may be in the middle of a call to it.
        Err(_) => None,
    }
}

/// Makes `current` the running call of an instance.
pub(crate) fn begin(live: &mut LiveInstance, current: Current) {
    live.store.data().output.begin(current.services.clone());
    live.store.data_mut().limiter.begin();
    live.store.data_mut().current = Some(current);
}

/// Polls a call that has begun at `called` until it ends or is stopped, each slice in its turn.
pub(crate) async fn drive<T>(
    mut run: Pin<&mut impl Future<Output = T>>,
    mut turns: CallTurns,
    services: &dyn Services,
    deadline: Instant,
    called: Instant,
) -> (Result<T, Stop>, CallTime) {
    let (mut cpu, mut ended) = (Duration::ZERO, called);
    let mut first_slice = Some(called);
    let slices = poll_fn(|cx| {
        if turns.must_wait() {
            first_slice = None;
            ready!(turns.poll_turn(cx));
        }
        let slice = Slice::begin(first_slice.take().unwrap_or_else(Instant::now));
        let poll = run.as_mut().poll(cx);
        ended = Instant::now();
        let took = slice.end(ended);
        cpu += took;
        turns.end_slice(took, ended, cx);
        poll
    });
    let result = guard(slices, services, deadline).await;
    if result.is_err() {
        // The guest was stopped while it was parked, after the end of its last slice.
        ended = Instant::now();
    }
    (result, CallTime { cpu, took: ended - called, ended })
}

/// Waits for capacity and creates an empty instance. Not a method, because its future must not share a sandbox with
/// other threads.
pub(crate) async fn new_instance(
    plugin: &Loaded,
    limits: Limits,
    flow: &Flow,
    timeout: Duration,
    script: ScriptAccess,
) -> Result<LiveInstance, CallError> {
    let permit = tokio::time::timeout(timeout, plugin.take_capacity(flow)).await;
    match permit {
        Ok(Some(permit)) => Ok(LiveInstance::new(plugin, limits.memory, flow, script, permit)),
        Ok(None) | Err(_) => {
            let message = "no sandbox is free: allow more sandboxes, or configure fewer slots";
            Err(CallError::NoCapacity(Problem::new("no-capacity", message)))
        }
    }
}

/// Drives a call until it ends, is cancelled, or reaches its deadline. The epoch stops guests that compute; this stops
/// those that are parked in the host.
async fn guard<T>(call: impl Future<Output = T>, services: &dyn Services, deadline: Instant) -> Result<T, Stop> {
    let mut call = pin!(call);
    // Most calls end in their first slice and need no timer.
    if let Poll::Ready(result) = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await {
        return Ok(result);
    }
    tokio::select! {
        biased;
        result = &mut call => Ok(result),
        () = services.cancelled() => Err(services.stop()),
        () = tokio::time::sleep_until(deadline.into()) => Err(Stop::Timeout),
    }
}
