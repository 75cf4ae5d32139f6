//! The start of tenants, each on its own, and the work in the store that begins with the host.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use saggar_definition::Diagnostic;
use saggar_queue::{Queue, StoreError};

use super::{FREED_AT_ONCE, ReadTenants, SETBACK, Tenants, TenantsConfiguration};
use crate::app::Definitions;
use crate::host::Host;

/// How long the start of a host waits for tenants whose files take long to read. Later requests for their tasks are
/// refused with the advice to come back.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The pause between two steps that delete rows of removed tenants, in which the steps of others get their turn.
const PAUSE: Duration = Duration::from_millis(2);

/// Runs `work` on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Returns a function that reads the configuration.
pub(super) fn reading(
    read: &ReadTenants,
) -> impl FnOnce() -> Result<TenantsConfiguration, Vec<Diagnostic>> + Send + use<> {
    let read = read.clone();
    move || read()
}

/// Starts a tenant: reads its task files, opens its tasks, and loads its plugins, beside the work of all others.
pub(super) async fn start(host: Host) {
    // A reload that is requested meanwhile waits.
    let reloads = host.reloads.clone();
    let turn = reloads.turn().await;
    let place = host.place();
    host.load_secrets(&place).await;
    let definitions = host.read(move || Definitions::load(&place)).await;
    let (app, later) = match definitions.too_many_slots(host.max_sandboxes) {
        Some((_, problem)) => (definitions.refused(problem), None),
        None => (definitions.unresolved(), Some(definitions)),
    };
    host.set_app(app);
    if let Err(error) = open(&host).await {
        tracing::error!(tenant = %host.tenant_name(), %error, "the tasks of a tenant could not be opened");
        return;
    }
    host.opened.finish();
    match later {
        Some(definitions) => host.load_plugins(definitions, Arc::new(|_| ())),
        None => host.loading.finish(),
    }
    drop(turn);
    // All at once, because only their number is bounded, and not how often they come.
    host.loading.finished().await;
    let app = host.app();
    if !app.problems.is_empty() {
        (host.report)(&app.problems);
    }
}

/// Opens the tasks, as soon as the store accepts writes.
async fn open(host: &Host) -> Result<(), StoreError> {
    loop {
        match host.open(None).await {
            // The store reports it itself, once for all tasks.
            Err(error) if error.is_passing() => tokio::time::sleep(SETBACK).await,
            opened => return opened,
        }
    }
}

/// Waits until the tasks of all these tenants are open, but not for long.
pub(super) async fn wait_until_open(hosts: &[Host]) {
    let all = join_all(hosts.iter().map(|host| host.opened.finished()));
    if tokio::time::timeout(MAX_WAIT, all).await.is_err() {
        let late = hosts.iter().filter(|host| !host.opened.is_finished()).count();
        tracing::warn!(tenants = late, "the files of some tenants are still being read; their tasks are open later");
    }
}

/// Deletes what is left of removed tenants, step by step.
pub(super) async fn free_removed(queue: Queue) {
    loop {
        match queue.store().free_removed(FREED_AT_ONCE).await {
            Ok(true) => tokio::time::sleep(PAUSE).await,
            Ok(false) => return,
            Err(error) if error.is_passing() => tokio::time::sleep(SETBACK).await,
            Err(error) => {
                tracing::error!(%error, "what removed tenants left in the store is freed at the next start");
                return;
            }
        }
    }
}

/// Opens the tasks of tenants that are not configured.
pub(super) async fn open_unknown(tenants: Tenants) {
    loop {
        match tenants.open_rest().await {
            Ok(()) => break,
            Err(error) if error.is_passing() => tokio::time::sleep(SETBACK).await,
            Err(error) => {
                tracing::error!(%error, "the jobs of tenants that are not configured are not counted");
                return;
            }
        }
    }
    for tenant in tenants.unknown() {
        tracing::warn!(
            %tenant,
            "the store has jobs of a tenant that is not configured: configure it again, or remove it with `saggar tenants NAME --remove`"
        );
    }
}
