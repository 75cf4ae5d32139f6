//! The service of `saggar serve` and `saggar dev`: its start, and its stop with a drain.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use saggar::api::{Bound, Limits, Listener};
use saggar::{ConfigurationCheck, Host, HostBuilder};

use super::signals::Signals;
use super::{CommandEnv, open_files};
use crate::config::{self, Flags, Scope};

/// How long requests in progress may continue after the host has stopped.
const REQUEST_GRACE: Duration = Duration::from_secs(5);

/// A bound address, with the limits of its listener.
pub(crate) struct BoundService {
    bound: Bound,
    limits: Limits,
}

/// A host with its listener.
pub(crate) struct RunningService {
    host: Host,
    listener: Listener,
}

/// Binds the address. Call it before the app is loaded: loading takes longer, and is useless if the address is in use.
pub(crate) async fn bind(env: &CommandEnv) -> anyhow::Result<BoundService> {
    let configuration = &env.configuration;
    let limits = open_files::within(configuration.limits());
    let bound = Bound::new(configuration.config.listen, &configuration.config.tokens()).await?;
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
    move || {
        // A file that the operator has named may be a pipe, which cannot be read twice.
        if flags.file.as_ref().is_some_and(|file| file.exists() && !file.is_file()) {
            return ConfigurationCheck::default();
        }
        let loaded = config::load(&app, &flags, verbose, &variables);
        let needs_restart = if loaded.has_errors() { Vec::new() } else { loaded.changed_keys(&running) };
        ConfigurationCheck { problems: loaded.new_problems(&running), needs_restart }
    }
}

impl RunningService {
    /// Starts to answer requests.
    pub(crate) fn start(host: &Host, BoundService { bound, limits }: BoundService, env: &CommandEnv) -> Self {
        let mut service = saggar::service(host, env.configuration.config.tokens());
        let measured = host.clone();
        if let Some(render) = env.telemetry.metrics(move || measured.measure()) {
            service = service.with_metrics(render);
        }
        Self { host: host.clone(), listener: bound.listen(service, limits) }
    }

    /// Returns the address that it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Stops at once.
    pub(crate) async fn stop(self) {
        self.host.shutdown(Duration::ZERO).await;
        self.listener.stop(REQUEST_GRACE).await;
    }

    /// Waits for running jobs while the service still answers, so that clients receive the end of their jobs.
    pub(crate) async fn drain(self, time: Duration, signals: &mut Signals) -> anyhow::Result<()> {
        let Self { host, listener } = self;
        let mut shutdown = std::pin::pin!(async {
            let requeued = host.shutdown(time).await;
            listener.stop(REQUEST_GRACE).await;
            requeued
        });
        let requeued = tokio::select! {
            requeued = &mut shutdown => requeued,
            name = signals.next_stop() => {
                tracing::warn!(signal = name, "stopping at once");
                host.abort();
                listener.abort();
                shutdown.await
            }
            error = host.store_failed() => {
                host.abort();
                shutdown.await;
                return Err(store_failed(error));
            }
        };
        match host.lost_jobs() {
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
