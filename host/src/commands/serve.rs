//! `saggar serve`: works until a signal, drains, and says what it had to stop.

use std::time::Duration;

use saggar::{Host, StartError};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{FAILURE, show};
use crate::cli::Serve;

/// The two signals that end a service.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

pub(crate) async fn run(args: Serve) -> anyhow::Result<u8> {
    // Before anything is running, so that no signal goes by unheard.
    let mut signals = Signals::listen()?;
    let host = match args.engine.builder(args.app.clone()).store(args.store()).build().await {
        Ok(host) => host,
        Err(StartError::NoTask(problems)) => {
            show::problems(&problems);
            return Ok(FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    show::problems(&host.app().problems);
    tracing::info!(app = %args.app.display(), tasks = host.app().tasks.len(), "working; SIGTERM or Ctrl-C drains");
    let name = tokio::select! {
        name = signals.next() => name,
        error = host.store_failed() => {
            // What runs cannot be kept any more; going on would promise what nobody can hold.
            host.shutdown(Duration::ZERO).await;
            return Err(anyhow::Error::new(error).context("the job store has failed; the host stops"));
        }
    };
    tracing::info!(signal = name, drain_s = args.drain.as_secs_f64(), "draining; a second signal stops at once");
    drain(&host, args.drain, &mut signals).await;
    Ok(0)
}

async fn drain(host: &Host, time: Duration, signals: &mut Signals) {
    let mut shutdown = std::pin::pin!(host.shutdown(time));
    let put_back = tokio::select! {
        put_back = &mut shutdown => put_back,
        name = signals.next() => {
            tracing::warn!(signal = name, "stopping at once");
            host.abort();
            shutdown.await
        }
    };
    for job in &put_back {
        tracing::warn!(%job, "was stopped and put back; the attempt does not count");
    }
    tracing::info!(put_back = put_back.len(), "stopped");
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
