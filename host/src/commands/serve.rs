//! `saggar serve`: runs jobs and serves HTTP until a signal, then drains.

use std::time::Duration;

use saggar::api::{Bound, Listener};
use saggar::{Host, StartError};

use super::signals::Signals;
use super::{CommandEnv, FAILURE, open_files};
use crate::cli::Serve;

/// How long requests in progress may continue after the host has stopped.
const REQUEST_GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: Serve, env: &CommandEnv) -> anyhow::Result<u8> {
    // Listen before anything else runs, so that no signal is missed.
    let mut signals = Signals::listen()?;
    let configuration = &env.configuration;
    let config = &configuration.config;
    let tokens = config.tokens();
    // Set the limit before files are opened, because they count.
    let limits = open_files::within(configuration.limits());
    // Bind before the app is loaded: loading takes longer, and is useless if the address is in use.
    let bound = Bound::new(config.listen, &tokens).await?;
    let builder = env
        .builder(args.app.clone())
        .store(configuration.store())
        .keep_events(config.events_keep)
        // Compiling a plugin that is not cached takes seconds.
        .wait_for_plugins(false)
        .report_problems(env.telemetry.problem_report());
    let built = tokio::select! {
        built = builder.build() => built,
        name = signals.next() => {
            tracing::info!(signal = name, "stopped before the app was loaded");
            return Ok(0);
        }
    };
    let host = match built {
        Ok(host) => host,
        Err(StartError::NoTask(problems)) => {
            env.telemetry.problems(&problems);
            return Ok(FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    env.telemetry.problems(&host.app().problems);
    let mut service = saggar::service(&host, tokens);
    let measured = host.clone();
    if let Some(render) = env.telemetry.metrics(move || measured.measure()) {
        service = service.with_metrics(render);
    }
    let listener = bound.listen(service, limits);
    tracing::info!(app = %args.app.display(), tasks = host.app().preparing.len(), "running; SIGTERM or Ctrl-C drains");
    tracing::info!(url = %format_args!("http://{}", listener.address()), "listening");
    let name = match stop_cause(&host, &mut signals).await {
        StopCause::Signal(name) => name,
        StopCause::NoTask => {
            host.shutdown(Duration::ZERO).await;
            listener.stop(REQUEST_GRACE).await;
            return Ok(FAILURE);
        }
        StopCause::StoreFailed(error) => {
            // Results can no longer be stored, so running jobs are useless.
            host.shutdown(Duration::ZERO).await;
            listener.stop(REQUEST_GRACE).await;
            return Err(store_failed(error));
        }
    };
    tracing::info!(signal = name, drain_s = config.drain.as_secs_f64(), "draining; a second signal stops at once");
    drain(&host, &listener, config.drain, &mut signals).await?;
    Ok(0)
}

/// The reason why the service ends.
enum StopCause {
    Signal(&'static str),
    /// No task can run although all plugins are loaded. The problems have been reported.
    NoTask,
    StoreFailed(Box<dyn std::error::Error + Send + Sync>),
}

async fn stop_cause(host: &Host, signals: &mut Signals) -> StopCause {
    let mut loaded = std::pin::pin!(host.plugins_loaded());
    let mut is_loading = true;
    loop {
        tokio::select! {
            name = signals.next() => return StopCause::Signal(name),
            error = host.store_failed() => return StopCause::StoreFailed(error),
            loaded = &mut loaded, if is_loading => {
                is_loading = false;
                match loaded {
                    Ok(()) => tracing::info!(tasks = host.app().tasks.len(), "all plugins are loaded"),
                    Err(_) => return StopCause::NoTask,
                }
            }
        }
    }
}

fn store_failed(error: Box<dyn std::error::Error + Send + Sync>) -> anyhow::Error {
    anyhow::Error::from_boxed(error).context("the job store has failed; the host stops")
}

/// Waits for running jobs while the service still answers, so that clients receive the end of their jobs.
async fn drain(host: &Host, listener: &Listener, time: Duration, signals: &mut Signals) -> anyhow::Result<()> {
    let mut shutdown = std::pin::pin!(async {
        let requeued = host.shutdown(time).await;
        listener.stop(REQUEST_GRACE).await;
        requeued
    });
    let requeued = tokio::select! {
        requeued = &mut shutdown => requeued,
        name = signals.next() => {
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
