//! The data of a wasmtime store: the WASI context, the limiter, and the running call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saggar_job::LogSource;
use wasmtime::component::{HasData, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::coarse_clock::{CoarseMonotonicClock, CoarseWallClock};
use crate::file_resources::FileStreams;
use crate::http_context::{self, DenyHttp};
use crate::limiter::Limiter;
use crate::observation::Stop;
use crate::output::{Output, Stream};
use crate::resources::{self, HeldBytes, MAX_RESOURCES, Usage};
use crate::script::ScriptAccess;
use crate::turn::Slices;
use crate::used_imports::{Import, UsedImports};
use crate::{JobContext, Services};

/// Maximum random bytes per request. The host allocates as many.
pub(crate) const MAX_RANDOM: u64 = 64 * 1024;

/// The guest's resources exceed the rest of its memory limit.
#[derive(Debug, thiserror::Error)]
#[error("the resources that the guest holds take more memory than it has left")]
pub(crate) struct ResourcesTooLarge;

/// The data of a store.
pub(crate) struct Guest {
    pub(crate) limiter: Limiter,
    pub(crate) output: Arc<Output>,
    /// Where it says that its slice is over.
    pub(crate) slices: Slices,
    pub(crate) current: Option<Current>,
    pub(crate) script: ScriptAccess,
    pub(crate) file_streams: FileStreams,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    deny_http: DenyHttp,
    /// Bytes of responses that it has got.
    pub(crate) held: HeldBytes,
    table: ResourceTable,
}

/// The running call of a store.
pub(crate) struct Current {
    pub(crate) job: JobContext,
    pub(crate) services: Arc<dyn Services>,
    pub(crate) deadline: Instant,
    pub(crate) timeout: Duration,
    /// Set before the guest is stopped by a trap, because a stop looks like any other trap.
    pub(crate) stopped: Option<Stop>,
    /// Calls of the `tasks` interface so far.
    pub(crate) task_calls: u32,
    /// Calls of the `kv` interface so far.
    pub(crate) kv_calls: u32,
    /// Exchanges over HTTP so far.
    pub(crate) http_calls: u32,
    /// Maximum bytes of a body of the exchange that begins.
    pub(crate) max_http_body: usize,
    /// Growths of memories, tables and resources that were asked for so far.
    pub(crate) growths: u64,
    /// The interfaces that were called so far.
    pub(crate) used_imports: UsedImports,
}

impl Current {
    pub(crate) fn new(job: JobContext, services: Arc<dyn Services>, deadline: Instant, timeout: Duration) -> Self {
        let used_imports = UsedImports::default();
        let (task_calls, kv_calls, http_calls, max_http_body, growths) = (0, 0, 0, 0, 0);
        let stopped = None;
        Self {
            job,
            services,
            deadline,
            timeout,
            stopped,
            task_calls,
            kv_calls,
            http_calls,
            max_http_body,
            growths,
            used_imports,
        }
    }

    /// Returns how long the call may take from now on.
    pub(crate) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

impl Guest {
    pub(crate) fn new(limiter: Limiter, slices: Slices, script: ScriptAccess, has_coarse_clocks: bool) -> Self {
        let output = Arc::new(Output::default());
        let stream = |source| Stream { output: output.clone(), source };
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        // The guest inherits nothing: no arguments, network or name lookups. Its variables and files are those of the
        // call's services.
        let mut wasi = WasiCtx::builder();
        if has_coarse_clocks {
            wasi.wall_clock(CoarseWallClock::default()).monotonic_clock(CoarseMonotonicClock::default());
        }
        let wasi = wasi
            .stdout(stream(LogSource::Stdout))
            .stderr(stream(LogSource::Stderr))
            .max_random_size(MAX_RANDOM)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self {
            limiter,
            output,
            slices,
            current: None,
            script,
            file_streams: FileStreams::default(),
            wasi,
            http: http_context::context(),
            deny_http: DenyHttp,
            held: HeldBytes::default(),
            table,
        }
    }

    /// Returns the running call, for a function of `import`. Guests run only during calls, so there is one whenever an
    /// import is called. Also clears the last refusal of memory, because a guest that calls an import has continued
    /// after it.
    pub(crate) fn current(&mut self, import: Import) -> wasmtime::Result<&mut Current> {
        let current = self.continued().current.as_mut();
        let current = current.ok_or_else(outside_of_a_call)?;
        current.used_imports.insert(import);
        Ok(current)
    }

    /// Returns the services of the running call.
    pub(crate) fn services(&self) -> wasmtime::Result<Arc<dyn Services>> {
        let current = self.current.as_ref().ok_or_else(outside_of_a_call)?;
        Ok(Arc::clone(&current.services))
    }

    /// Returns the guest's resources.
    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Clears the last refusal of memory, because the guest has continued after it.
    pub(crate) fn continued(&mut self) -> &mut Self {
        self.limiter.forget_refusal();
        self
    }

    /// Counts the guest's resources as part of its memory. Fails if they exceed the limit.
    pub(crate) fn count_resources(&mut self) -> wasmtime::Result<Usage> {
        let usage = self.usage();
        if self.grow(|limiter| Ok(limiter.set_resource_bytes(usage.bytes)))? {
            Ok(usage)
        } else {
            Err(ResourcesTooLarge.into())
        }
    }

    /// Returns what the guest's resources take now.
    pub(crate) fn usage(&mut self) -> Usage {
        let exchange_bytes = http_context::exchange_bytes(self.limiter.max_bytes());
        let (usage, held) = (resources::usage(&mut self.table, &self.file_streams, exchange_bytes), self.held.bytes());
        Usage { bytes: usage.bytes + held, holds_data: usage.holds_data || held > 0, ..usage }
    }

    /// Returns why the guest must be stopped now; `None` if it may continue.
    pub(crate) fn stop_due(&mut self) -> Option<Stop> {
        let current = self.current.as_mut()?;
        let stop = if current.services.is_cancelled() {
            current.services.stop()
        } else if Instant::now() >= current.deadline {
            Stop::Timeout
        } else {
            return None;
        };
        current.stopped = Some(stop);
        Some(stop)
    }
}

fn outside_of_a_call() -> wasmtime::Error {
    wasmtime::Error::msg("the guest runs outside of a call")
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let hooks: &mut dyn WasiHttpHooks = match &mut self.current {
            Some(current) => current,
            None => &mut self.deny_http,
        };
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks }
    }
}

/// Gives the imports of the contract access to all data of the store.
pub(crate) struct HasGuest;

impl HasData for HasGuest {
    type Data<'a> = &'a mut Guest;
}
