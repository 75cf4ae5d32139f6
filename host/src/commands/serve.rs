//! `saggar serve`: runs jobs of an app, or of all tenants of a configuration, and serves HTTP until a signal, then drains.
//! Reloads on SIGHUP, on a request, and with `--watch` when the app's files change.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use saggar::{Host, StartError};

use super::served::Served;
use super::service::{BoundService, RunningService};
use super::signals::{ServiceSignal, Signals};
use super::{CommandEnv, FAILURE, log_compiling, service};
use crate::cli::Serve;
use crate::config::Variables;
use crate::inputs::AppInputs;

pub(crate) async fn run(args: Serve, env: &CommandEnv) -> anyhow::Result<u8> {
    // Listen before anything else runs, so that no signal is missed.
    let mut signals = Signals::listen()?;
    env.hardening.log();
    // Set the limit before files are opened, because they count.
    let bound = service::bind(env)?;
    match args.app.clone() {
        Some(app) => serve_app(&app, &args, bound, &mut signals, env).await,
        None => serve_tenants(&args, bound, &mut signals, env).await,
    }
}

async fn serve_app(
    app: &Path,
    args: &Serve,
    bound: BoundService,
    signals: &mut Signals,
    env: &CommandEnv,
) -> anyhow::Result<u8> {
    let file = args.settings.file.as_deref();
    let inputs = if args.watch { Some(AppInputs::read(app, file).await) } else { None };
    let builder = service::builder(app, &args.settings, env)
        .report_compiling(env.slow_compilation(), log_compiling)
        .report_problems(env.telemetry.problem_report());
    let built = tokio::select! {
        built = builder.build() => built,
        name = signals.next_stop() => {
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
    let service = RunningService::start(Served::App(host.clone()), bound, &args.dashboard, env)?;
    tracing::info!(app = %app.display(), tasks = host.app().preparing.len(), "running; SIGTERM or Ctrl-C drains");
    tracing::info!(url = %format_args!("http://{}", service.address()), "listening");
    let cause = tokio::select! {
        cause = stop_cause(&host, signals, &env.variables) => cause,
        never = watch(&host, inputs) => match never {},
    };
    end(cause, service, signals, env).await
}

/// Serves the tenants of the configuration.
async fn serve_tenants(
    args: &Serve,
    bound: BoundService,
    signals: &mut Signals,
    env: &CommandEnv,
) -> anyhow::Result<u8> {
    if args.watch {
        anyhow::bail!("--watch needs an app; a host with tenants reloads on SIGHUP and on requests");
    }
    // The configuration was read from it.
    let file = args.settings.file.as_deref().context("the configuration of tenants has no file")?;
    let builder = service::tenants_builder(file, env)
        .report_compiling(env.slow_compilation(), log_compiling)
        .report_problems(env.telemetry.problem_report());
    let read = Arc::new(service::read_tenants(&args.settings, env));
    let tenants = tokio::select! {
        built = builder.build_tenants(read) => built?,
        name = signals.next_stop() => {
            tracing::info!(signal = name, "stopped before the tenants were loaded");
            return Ok(0);
        }
    };
    let served = Served::Tenants(tenants.clone());
    let service = RunningService::start(served.clone(), bound, &args.dashboard, env)?;
    tracing::info!(
        configuration = %file.display(),
        tenants = tenants.hosts().len(),
        "running; SIGTERM or Ctrl-C drains"
    );
    tracing::info!(url = %format_args!("http://{}", service.address()), "listening");
    let loaded = async {
        tenants.plugins_loaded().await;
        tracing::info!(tenants = tenants.hosts().len(), "all plugins are loaded");
        if env.telemetry.has_metrics() {
            // The first time creates all series, which takes a quarter of a second for a thousand tenants.
            let measured = served.clone();
            tokio::task::spawn_blocking(move || measured.measure());
        }
        std::future::pending::<Infallible>().await
    };
    let cause = tokio::select! {
        cause = stop_signal(&served, signals) => cause,
        error = served.store_failed() => StopCause::StoreFailed(service::store_failed(error)),
        never = loaded => match never {},
    };
    end(cause, service, signals, env).await
}

/// Waits for a signal that ends the service. Reloads on SIGHUP.
async fn stop_signal(served: &Served, signals: &mut Signals) -> StopCause {
    loop {
        match signals.next_of_service().await {
            ServiceSignal::Stop(name) => return StopCause::Signal(name),
            ServiceSignal::Reload => {
                tracing::info!("SIGHUP: reloading the configuration and all tenants");
                // It continues by itself and logs its result, so that the next signal is not missed meanwhile.
                served.reload_on_signal();
            }
        }
    }
}

/// Ends the service.
async fn end(cause: StopCause, service: RunningService, signals: &mut Signals, env: &CommandEnv) -> anyhow::Result<u8> {
    match cause {
        StopCause::Signal(name) => {
            let drain_s = env.configuration.config.drain.as_secs_f64();
            tracing::info!(signal = name, drain_s, "draining; a second signal stops at once");
            service.drain(env.configuration.config.drain, signals).await?;
            Ok(0)
        }
        StopCause::NoTask => {
            service.stop().await;
            Ok(FAILURE)
        }
        StopCause::StoreFailed(error) => {
            // Results can no longer be stored, so running jobs are useless.
            service.stop().await;
            Err(error)
        }
    }
}

/// The reason why the service ends.
enum StopCause {
    Signal(&'static str),
    /// No task can run although all plugins are loaded. The problems have been reported.
    NoTask,
    StoreFailed(anyhow::Error),
}

/// Waits until the service has to end. Reloads on SIGHUP.
#[cfg_attr(not(debug_assertions), expect(unused_variables, reason = "only debug builds probe the walls"))]
async fn stop_cause(host: &Host, signals: &mut Signals, variables: &Variables) -> StopCause {
    let mut loaded = std::pin::pin!(host.plugins_loaded());
    let mut is_loading = true;
    loop {
        tokio::select! {
            signal = signals.next_of_service() => match signal {
                ServiceSignal::Stop(name) => return StopCause::Signal(name),
                ServiceSignal::Reload => {
                    tracing::info!("SIGHUP: reloading the app");
                    // It continues by itself and logs its result, so that the next signal is not missed meanwhile.
                    drop(host.reload_by("signal".into()));
                }
            },
            error = host.store_failed() => return StopCause::StoreFailed(service::store_failed(error)),
            loaded = &mut loaded, if is_loading => {
                is_loading = false;
                match loaded {
                    Ok(()) => {
                        tracing::info!(tasks = host.app().tasks.len(), "all plugins are loaded");
                        #[cfg(debug_assertions)]
                        crate::harden::probe::run(&host.app_dir(), variables).await;
                    }
                    Err(_) => return StopCause::NoTask,
                }
            }
        }
    }
}

/// Reloads the app whenever its inputs have changed; never returns. Does nothing without inputs.
async fn watch(host: &Host, inputs: Option<AppInputs>) -> Infallible {
    let Some(mut inputs) = inputs else { return std::future::pending().await };
    // A reload during the start would compete with it for the compiler.
    let _ = host.plugins_loaded().await;
    loop {
        let files = inputs.changed().await;
        let first = files.first().map_or("", String::as_str);
        tracing::info!(files = files.len(), first, "files have changed: reloading the app");
        // The host reports its result.
        let _ = host.reload_by("watch".into()).await;
    }
}
