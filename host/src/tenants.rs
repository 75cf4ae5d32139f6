//! The tenants of a host: each runs an app of its own, on the engine, the store and the queue of all. They are added,
//! changed and removed while the host runs.

mod problems;
mod reload;
mod served;
mod settings;
mod start;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use parking_lot::Mutex;
use saggar_api::{Jobs, WeakService};
use saggar_job::JobKey;
use saggar_queue::StoreError;
use saggar_sandbox::{Engine, EngineOptions};
use saggar_tenant::Tenant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, Definitions, StartError};
use crate::app_location::{AppLocation, EnvValues};
use crate::builder::{HostBuilder, MAX_SANDBOXES};
use crate::host::{self, Health, Host, HostParts};
use crate::meters;
use crate::reloads::{ConfigurationCheck, Reloads};
use crate::service;
use crate::versions::Versions;

pub use settings::{ReadTenants, TenantSettings, TenantsConfiguration};
pub use state::RemoveTenantError;

/// The largest memory limit that a task can have. The pool is reserved before any tenant's files are read, so that none
/// of them can hold up the start.
const MAX_TASK_MEMORY: u64 = 4 << 30;

/// How many sandboxes the app of one tenant may have. All tenants together may have more than the host: then calls wait
/// for a free one.
const MAX_SANDBOXES_OF_TENANT: u32 = 1_000;

/// Fewer events would be lost to every client that reconnects.
const MIN_EVENTS: usize = 256;

/// All tenants together may retain this many times the events of a host with one app.
const EVENT_SHARES: usize = 16;

/// How many rows of removed tenants are deleted in one step, so that no other step waits for long.
const FREED_AT_ONCE: usize = 500;

/// How long to wait before another try while the store accepts no writes.
const SETBACK: Duration = Duration::from_secs(1);

/// The running tenants of a host. Cheap to clone. Ended by [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct Tenants(Arc<TenantSet>);

struct TenantSet {
    parts: HostParts,
    env_values: EnvValues,
    /// How many events a host with one app retains.
    keep_events: usize,
    read: ReadTenants,
    running: ArcSwap<RunningTenants>,
    /// Held while tenants are added, changed or removed.
    changing: tokio::sync::Mutex<()>,
    reloads: Reloads,
    /// The service whose tokens reloads replace.
    service: Mutex<WeakService>,
    background: TaskTracker,
    stop: CancellationToken,
}

type RunningTenants = BTreeMap<Arc<str>, RunningTenant>;

/// A configured tenant.
#[derive(Clone)]
struct RunningTenant {
    host: Host,
    jobs: Arc<dyn Jobs>,
    settings: Arc<TenantSettings>,
}

/// What a change of the configuration has changed.
#[derive(Default)]
struct AppliedTenants {
    added: Vec<Arc<str>>,
    /// With what was changed.
    changed: Vec<(Arc<str>, String)>,
    removed: Vec<Arc<str>>,
    /// The hosts of the tenants that ran before, and still do.
    kept: Vec<Host>,
    /// The hosts of the new ones.
    started: Vec<Host>,
}

impl HostBuilder {
    /// Starts a host for several tenants instead of one app; the app's directory of the builder is that of the store.
    /// The tenants are those that `read` returns, which reloads call again. Each loads on its own: no tenant waits for
    /// the files of another one, and one whose files cannot be used is without tasks until they are corrected. Returns
    /// when the tasks of all tenants are known, or a few seconds have passed.
    ///
    /// The error of `read` is in [`StartError::NoTask`].
    pub async fn build_tenants(self, read: ReadTenants) -> Result<Tenants, StartError> {
        let options = self.engine_options(MAX_SANDBOXES, MAX_TASK_MEMORY);
        let engine = Engine::new(EngineOptions { is_overcommitted: true, several_tenants: true, ..options })?;
        let parts = self.start(engine).await?;
        let configuration = start::blocking(start::reading(&read)).await.map_err(StartError::NoTask)?;
        let reloads = Reloads::new(parts.clock.now());
        let tenants = Tenants(Arc::new(TenantSet {
            parts,
            env_values: self.env_values.clone(),
            keep_events: self.keep_events,
            read,
            running: ArcSwap::default(),
            changing: tokio::sync::Mutex::default(),
            reloads,
            service: Mutex::default(),
            background: TaskTracker::new(),
            stop: CancellationToken::new(),
        }));
        let applied = tenants.apply(configuration.tenants).await;
        tenants.spawn_until_stop(start::free_removed(tenants.0.parts.queue.clone()));
        tenants.spawn_until_stop(start::open_unknown(tenants.clone()));
        start::wait_until_open(&applied.started).await;
        Ok(tenants)
    }
}

impl HostBuilder {
    /// Loads the apps of tenants without running anything; returns them in the order of `tenants`.
    pub async fn load_tenants(&self, tenants: &[TenantSettings]) -> Result<Vec<App>, StartError> {
        let engine = self.start_engine(MAX_SANDBOXES, MAX_TASK_MEMORY)?;
        let mut apps = Vec::new();
        for settings in tenants {
            let place = Arc::new(place(settings, &self.env_values));
            let read = place.clone();
            let definitions = start::blocking(move || Definitions::load(&read)).await;
            apps.push(match definitions.too_many_slots(MAX_SANDBOXES_OF_TENANT) {
                Some((_, problem)) => definitions.refused(problem),
                None => {
                    definitions.resolve(&engine, &place.dir, &App::default(), &Versions::default(), |_, _| ()).await
                }
            });
        }
        Ok(apps)
    }
}

/// Returns where the app of a tenant is.
fn place(settings: &TenantSettings, env_values: &EnvValues) -> AppLocation {
    let TenantSettings { dir, env_allow, grants, .. } = settings.clone();
    AppLocation::of_tenant(dir, env_allow, env_values.clone(), grants)
}

impl Tenants {
    /// Returns the running app of a tenant, if it is configured.
    pub fn host(&self, tenant: &str) -> Option<Host> {
        Some(self.0.running.load().get(tenant)?.host.clone())
    }

    /// Returns the running apps of all configured tenants, in the order of their names.
    pub fn hosts(&self) -> Vec<Host> {
        self.0.running.load().values().map(|tenant| tenant.host.clone()).collect()
    }

    /// Makes the tenants those of `wanted`: adds, changes and stops some.
    async fn apply(&self, wanted: Vec<TenantSettings>) -> AppliedTenants {
        let _changing = self.0.changing.lock().await;
        let (before, mut applied) = (self.0.running.load_full(), AppliedTenants::default());
        let mut after = RunningTenants::new();
        for settings in wanted {
            let name = settings.name.clone();
            let tenant = match before.get(&name) {
                Some(known) => {
                    if *known.settings != settings {
                        applied.changed.push((name.clone(), settings.differences(&known.settings)));
                    }
                    applied.kept.push(known.host.clone());
                    self.changed(known, settings)
                }
                None => {
                    let tenant = self.created(settings);
                    applied.added.push(name.clone());
                    applied.started.push(tenant.host.clone());
                    tenant
                }
            };
            after.insert(name, tenant);
        }
        self.0.parts.queue.keep_events(events_of_tenant(self.0.keep_events, after.len()));
        let gone: Vec<RunningTenant> =
            before.iter().filter(|(name, _)| !after.contains_key(*name)).map(|(_, tenant)| tenant.clone()).collect();
        // First, so that a shutdown meanwhile finds them.
        join_all(gone.iter().map(|tenant| self.stop_tenant(&tenant.host))).await;
        self.0.running.store(Arc::new(after));
        applied.removed = gone.into_iter().map(|tenant| tenant.settings.name.clone()).collect();
        for host in &applied.started {
            host.worker.spawn_until_stop(start::start(host.clone()));
        }
        applied
    }

    fn created(&self, settings: TenantSettings) -> RunningTenant {
        let parts = HostParts {
            report: problems::of_tenant(settings.name.clone(), self.0.parts.report.clone()),
            ..self.0.parts.clone()
        };
        let tenant = Tenant::new(settings.name.clone());
        settings.apply_to(&tenant);
        let check = Arc::new(ConfigurationCheck::default);
        let mut host = Host::new(&parts, tenant, place(&settings, &self.0.env_values), App::default(), check);
        host.max_sandboxes = MAX_SANDBOXES_OF_TENANT;
        let jobs = service::jobs(host.clone());
        RunningTenant { host, jobs, settings: Arc::new(settings) }
    }

    /// Returns a tenant with new settings. Its app is loaded from there at its next reload.
    fn changed(&self, known: &RunningTenant, settings: TenantSettings) -> RunningTenant {
        settings.apply_to(&known.host.tenant);
        known.host.set_place(place(&settings, &self.0.env_values));
        RunningTenant { settings: Arc::new(settings), ..known.clone() }
    }

    /// Stops the jobs of a tenant that is not configured any more; those that ran wait again. Its data stays.
    async fn stop_tenant(&self, host: &Host) {
        let requeued = host.worker.shutdown(Duration::ZERO).await.len();
        let queue = &self.0.parts.queue;
        queue.known_of(host.tenant_name()).iter().for_each(|task| queue.close(task.key()));
        tracing::info!(
            tenant = %host.tenant_name(),
            requeued,
            "the tenant is not configured any more: its jobs do not run; `saggar tenants NAME --remove` removes them"
        );
    }

    /// Runs `work` in the background, until it ends or the host stops.
    fn spawn_until_stop(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.0.stop.clone();
        self.0.background.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Returns whether the host accepts jobs now, or why not. While the store is full or busy, each call makes it try
    /// again.
    pub fn health(&self) -> Health {
        host::health(&self.0.parts.queue, self.0.stop.is_cancelled())
    }

    /// Resolves with the reason when the store has failed permanently; the host should stop then. Never resolves if the
    /// store is in memory.
    pub async fn store_failed(&self) -> Box<dyn std::error::Error + Send + Sync> {
        self.0.parts.queue.store().failed().await
    }

    /// Resolves when the plugins of all tenants that were configured at the time of the call have been loaded.
    pub async fn plugins_loaded(&self) {
        let hosts = self.hosts();
        join_all(hosts.iter().map(|host| host.loading.finished())).await;
    }

    /// Sets the gauges in the recorder of the `metrics` facade, as [`Host::measure`] does, for all tenants.
    pub fn measure(&self) {
        self.0.parts.queue.measure();
        let hosts = self.hosts();
        hosts.iter().for_each(|host| host.worker.measure());
        let is_stale = hosts.iter().any(|host| host.reloads.status().failed > 0);
        meters::measure(&self.0.parts.engine, is_stale || self.0.reloads.status().failed > 0);
    }

    /// Returns the engine that runs the plugins of all tenants.
    pub fn engine(&self) -> &Engine {
        &self.0.parts.engine
    }

    /// Shuts down: waits up to `drain` for running attempts of all tenants, then stops them and requeues their jobs.
    /// Returns the requeued jobs.
    pub async fn shutdown(&self, drain: Duration) -> Vec<JobKey> {
        self.0.stop.cancel();
        self.0.background.close();
        let hosts = self.hosts();
        let requeued = join_all(hosts.iter().map(|host| host.worker.shutdown(drain))).await;
        self.0.background.wait().await;
        requeued.concat()
    }

    /// Returns the number of unfinished jobs that are lost with the host; 0 if its store outlives it.
    pub fn lost_jobs(&self) -> usize {
        host::lost_jobs(&self.0.parts.queue)
    }

    /// Ends a shutdown in progress at once, as if its drain time had elapsed.
    pub fn abort(&self) {
        self.hosts().iter().for_each(|host| host.worker.abort());
    }

    /// Returns the names of tenants that are not configured and have tasks in the store.
    fn unknown(&self) -> BTreeSet<Arc<str>> {
        let running = self.0.running.load();
        let known = self.0.parts.queue.known();
        known.iter().map(|task| &task.key().tenant).filter(|tenant| !running.contains_key(*tenant)).cloned().collect()
    }

    /// Opens the tasks of tenants in the store that are not configured, so that they can be counted.
    async fn open_rest(&self) -> Result<(), StoreError> {
        let queue = &self.0.parts.queue;
        let in_store: BTreeSet<Arc<str>> = queue.store().tasks().await?.into_iter().map(|key| key.tenant).collect();
        for tenant in in_store {
            // So that no tenant is added meanwhile, whose tasks would be opened without their rules.
            let _changing = self.0.changing.lock().await;
            if !self.0.running.load().contains_key(&tenant) {
                queue.open_rest(&tenant).await?;
            }
        }
        Ok(())
    }
}

/// Returns how many events each of this many tenants retains, if one retains `most`.
fn events_of_tenant(most: usize, tenants: usize) -> usize {
    (most.saturating_mul(EVENT_SHARES) / tenants.max(1)).max(MIN_EVENTS).min(most)
}

impl std::fmt::Debug for Tenants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.running.load().keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_of_all_tenants_are_bounded() {
        assert_eq!(events_of_tenant(65_536, 1), 65_536);
        assert_eq!(events_of_tenant(65_536, 16), 65_536);
        assert_eq!(events_of_tenant(65_536, 1_000), 1_048);
        assert_eq!(events_of_tenant(65_536, 1_000_000), MIN_EVENTS);
        assert_eq!(events_of_tenant(0, 1_000), 0);
        assert_eq!(events_of_tenant(100, 1_000), 100);
    }
}
