//! The service of `saggar serve` and `saggar dev`: its start, and its stop with a drain.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use saggar::api::{Bound, Limits, Listener};
use saggar::{ConfigurationCheck, Diagnostic, HostBuilder, TenantsConfiguration};

use super::served::Served;
use super::signals::Signals;
use super::{CommandEnv, open_files};
use crate::cli::DashboardArgs;
use crate::config::{self, Flags, Scope, ServiceScope};

/// How long requests in progress may continue after the host has stopped.
const REQUEST_GRACE: Duration = Duration::from_secs(5);

/// A bound address, with the limits of its listener.
pub(crate) struct BoundService {
    bound: Bound,
    limits: Limits,
}

/// A host with its listener.
pub(crate) struct RunningService {
    served: Served,
    listener: Listener,
}

/// Binds the address. Call it before the app is loaded: loading takes longer, and is useless if the address is in use.
pub(crate) fn bind(env: &CommandEnv) -> anyhow::Result<BoundService> {
    let configuration = &env.configuration;
    let limits = open_files::within(configuration.limits());
    let bound = env.hardening.bound(configuration)?;
    Ok(BoundService { bound, limits })
}

/// Creates a builder of the service's host. Its reloads check the configuration, too.
pub(crate) fn builder<S: Scope + Clone + Send + Sync + 'static>(
    app: &Path,
    flags: &Flags<S>,
    env: &CommandEnv,
) -> HostBuilder {
    env.builder(app.to_owned())
        .store(env.configuration.store())
        .keep_events(env.configuration.config.events_keep)
        .keep_versions(env.configuration.config.keep_versions as u64)
        // Compiling a plugin that is not cached takes seconds.
        .wait_for_plugins(false)
        .check_configuration(configuration_check(app, flags, env))
}

/// Returns a function that loads the configuration again and compares it with the running one.
fn configuration_check<S: Scope + Clone + Send + Sync + 'static>(
    app: &Path,
    flags: &Flags<S>,
    env: &CommandEnv,
) -> impl Fn() -> ConfigurationCheck + Send + Sync + use<S> {
    let (app, flags, verbose) = (app.to_owned(), flags.clone(), env.verbose);
    let (variables, running) = (env.variables.clone(), env.configuration.clone());
    let unreadable = env.hardening.readable_check(&app);
    move || {
        if let Some(problem) = unreadable() {
            return ConfigurationCheck { problems: vec![problem], ..ConfigurationCheck::default() };
        }
        // A file that the operator has named may be a pipe, which cannot be read twice.
        if flags.file.as_ref().is_some_and(|file| file.exists() && !file.is_file()) {
            return ConfigurationCheck::default();
        }
        let loaded = config::load(&app, &flags, verbose, &variables);
        let is_usable = !loaded.has_errors();
        let needs_restart = if is_usable { loaded.changed_keys(&running) } else { Vec::new() };
        let (tokens, grants) = (is_usable.then(|| loaded.tokens()), is_usable.then(|| loaded.grants.clone()));
        ConfigurationCheck { problems: loaded.new_problems(&running), needs_restart, tokens, grants }
    }
}

/// Creates a builder of a host for the tenants of the configuration in `file`.
pub(crate) fn tenants_builder(file: &Path, env: &CommandEnv) -> HostBuilder {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    env.builder(dir.to_owned())
        .store(env.configuration.store())
        .keep_events(env.configuration.config.events_keep)
        .keep_versions(env.configuration.config.keep_versions as u64)
}

/// Returns a function that reads the tenants of the configuration: first those that are loaded already, then, for each
/// reload, those of the file as it is then.
pub(crate) fn read_tenants(
    flags: &Flags<ServiceScope>,
    env: &CommandEnv,
) -> impl Fn() -> Result<TenantsConfiguration, Vec<Diagnostic>> + Send + Sync + use<> {
    let (flags, verbose) = (flags.clone(), env.verbose);
    let (variables, running) = (env.variables.clone(), env.configuration.clone());
    let unreadable = env.hardening.tenant_check(&env.configuration);
    let is_first = AtomicBool::new(true);
    move || {
        // A file that the operator has named may be a pipe, which cannot be read twice.
        let is_pipe = flags.file.as_ref().is_some_and(|file| file.exists() && !file.is_file());
        if is_first.swap(false, Ordering::Relaxed) || is_pipe {
            let (tenants, tokens) = (running.tenant_settings(), running.tokens());
            return Ok(TenantsConfiguration { tenants, tokens, ..TenantsConfiguration::default() });
        }
        let loaded = config::load_for(None, &flags, verbose, &variables);
        if loaded.has_errors() {
            return Err(loaded.problems);
        }
        let (tenants, tokens) = (loaded.tenant_settings(), loaded.tokens());
        let outside: Vec<_> = tenants.iter().filter_map(|tenant| unreadable(&tenant.dir)).collect();
        if !outside.is_empty() {
            return Err(outside);
        }
        let (needs_restart, warnings) = (loaded.changed_keys(&running), loaded.new_problems(&running));
        Ok(TenantsConfiguration { tenants, tokens, needs_restart, warnings })
    }
}

impl RunningService {
    /// Starts to answer requests.
    pub(crate) fn start(
        served: Served,
        BoundService { bound, limits }: BoundService,
        dashboard: &DashboardArgs,
        env: &CommandEnv,
    ) -> anyhow::Result<Self> {
        let configuration = &env.configuration;
        let service = served.service(configuration.tokens());
        let mut service = service.with_audit_log(configuration.config.audit_log);
        if let Some(dashboard) = dashboard.dashboard() {
            service = service.with_dashboard(dashboard);
        }
        let measured = served.clone();
        if let Some(render) = env.telemetry.metrics(move || measured.measure()) {
            service = service.with_metrics(render);
        }
        let listener = bound.listen(service, limits).context("cannot listen")?;
        Ok(Self { served, listener })
    }

    /// Returns the address that it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Stops at once.
    pub(crate) async fn stop(self) {
        self.served.shutdown(Duration::ZERO).await;
        self.listener.stop(REQUEST_GRACE).await;
    }

    /// Waits for running jobs while the service still answers, so that clients receive the end of their jobs.
    pub(crate) async fn drain(self, time: Duration, signals: &mut Signals) -> anyhow::Result<()> {
        let Self { served, listener } = self;
        let mut shutdown = std::pin::pin!(async {
            let requeued = served.shutdown(time).await;
            listener.stop(REQUEST_GRACE).await;
            requeued
        });
        let requeued = tokio::select! {
            requeued = &mut shutdown => requeued,
            name = signals.next_stop() => {
                tracing::warn!(signal = name, "stopping at once");
                served.abort();
                listener.abort();
                shutdown.await
            }
            error = served.store_failed() => {
                served.abort();
                shutdown.await;
                return Err(store_failed(error));
            }
        };
        match served.lost_jobs() {
            0 => tracing::info!(requeued = requeued.len(), "stopped"),
            lost => tracing::warn!(lost, "stopped; jobs in memory that had not ended are lost"),
        }
        Ok(())
    }
}

/// Returns the error of a service whose store has failed.
pub(crate) fn store_failed(error: Box<dyn std::error::Error + Send + Sync>) -> anyhow::Error {
    anyhow::Error::from_boxed(error).context("the job store has failed; the host stops")
}
