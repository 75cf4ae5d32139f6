//! Reloads of the whole host: the configuration is read again, tenants are added, changed and stopped, tokens are
//! replaced, and the app of each tenant is loaded anew. A reload of one tenant is all or nothing, and no other tenant
//! waits for it or fails with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use saggar_api::Action;
use saggar_definition::Diagnostic;
use saggar_worker::TaskChanges;

use super::{AppliedTenants, Tenants, TenantsConfiguration, problems, start};
use crate::host::Host;
use crate::meters;
use crate::reload_view;
use crate::reloads::{LastReload, ReloadError, ReloadResult, ReloadStatus, Reloaded, TenantChanges};

/// How long a reload waits for the tasks of new tenants to be open.
const MAX_WAIT: Duration = Duration::from_secs(5);

impl Tenants {
    /// Reads the configuration again, and applies it: adds, changes and stops tenants, replaces the tokens of the
    /// service, and reloads the app of each tenant. With any error in the configuration, nothing changes. With errors in
    /// the app of a tenant, only that tenant goes on with the app that it had before, which is named in the result.
    ///
    /// The reload starts at once, and continues if the returned future is dropped. While a reload runs, all further
    /// requests together cause one more.
    pub fn reload(&self) -> impl Future<Output = ReloadResult> + Send + use<> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let (tenants, request) = (self.clone(), self.0.reloads.request());
        // If the host stops, the work is dropped, and with it the sender.
        self.spawn_until_stop(async move { drop(answer.send(tenants.reload_for(request).await)) });
        async move { answered.await.unwrap_or_else(|_| Err(Arc::new(ReloadError::Stopping))) }
    }

    /// Returns the state of these reloads.
    pub fn reload_status(&self) -> ReloadStatus {
        self.0.reloads.status()
    }

    /// Waits for a turn, and reloads unless a reload that has started after the request has ended meanwhile.
    async fn reload_for(&self, request: u64) -> ReloadResult {
        let mut turn = self.0.reloads.turn().await;
        if let Some(result) = turn.result_for(request) {
            return result;
        }
        let covered = self.0.reloads.begin();
        let (at, start) = (self.0.parts.clock.now(), Instant::now());
        let result = self.reload_now(start).await.map(Arc::new).map_err(Arc::new);
        self.0.reloads.end(LastReload { at, took: start.elapsed(), result: result.clone() });
        meters::reloaded(result.is_ok());
        self.report_reload(&result, start.elapsed());
        turn.finish(covered, result.clone());
        result
    }

    async fn reload_now(&self, start: Instant) -> Result<Reloaded, ReloadError> {
        let read = start::blocking(start::reading(&self.0.read)).await;
        let TenantsConfiguration { tenants, tokens, needs_restart, mut warnings } =
            read.map_err(ReloadError::Problems)?;
        let applied = self.apply(tenants).await;
        self.record(&applied);
        self.replace_tokens(tokens)?;
        applied.limited.iter().for_each(|tenant| self.record_quotas(tenant));
        let results = join_all(applied.kept.iter().map(|host| async move { (host, host.reload().await) })).await;
        let opened = join_all(applied.started.iter().map(|host| host.opened.finished()));
        // A new tenant whose files take longer is opened later.
        drop(tokio::time::timeout(MAX_WAIT, opened).await);
        let mut reloaded = Reloaded {
            tasks: TaskChanges::default(),
            plugins: Vec::new(),
            needs_restart,
            warnings: Vec::new(),
            tenants: None,
            took: Duration::ZERO,
        };
        let failed = results.iter().filter_map(|(host, result)| take(host, result, &mut reloaded)).collect();
        warnings.append(&mut reloaded.warnings);
        let AppliedTenants { added, changed, removed, .. } = applied;
        let names = |names: Vec<Arc<str>>| names.iter().map(|name| name.to_string()).collect();
        let (added, changed, removed) = (names(added), names(changed), names(removed));
        reloaded.tenants = Some(TenantChanges { added, changed, removed, failed });
        Ok(Reloaded { warnings, took: start.elapsed(), ..reloaded })
    }

    /// Records in the audit which tenants have changed.
    fn record(&self, applied: &AppliedTenants) {
        let Some(service) = self.0.service.lock().upgrade() else { return };
        let AppliedTenants { added, changed, removed, .. } = applied;
        for (tenants, what) in [
            (added, "added to the configuration"),
            (changed, "its directory, weight, variables or quotas were changed"),
            (removed, "removed from the configuration"),
        ] {
            for tenant in tenants {
                service.record(Some(tenant), Action::ChangeTenant, 1, what);
            }
        }
    }

    fn report_reload(&self, result: &ReloadResult, took: Duration) {
        let took_ms = took.as_millis() as u64;
        match result {
            Ok(reloaded) => {
                let Some(TenantChanges { added, changed, removed, failed }) = &reloaded.tenants else { return };
                let (added, changed, removed, failed) = (added.len(), changed.len(), removed.len(), failed.len());
                tracing::info!(added, changed, removed, failed, took_ms, "reloaded the tenants");
            }
            Err(error) => {
                (self.0.parts.report)(error.problems());
                let why = reload_view::detail(error);
                tracing::error!(why, took_ms, "the tenants were not reloaded; the host continues as before");
            }
        }
    }
}

/// Adds what the reload of a tenant has changed; returns why it has failed.
fn take(host: &Host, result: &ReloadResult, all: &mut Reloaded) -> Option<(String, String)> {
    let tenant = host.tenant_name();
    let named = |ids: &[String]| ids.iter().map(|id| format!("{tenant}/{id}")).collect::<Vec<_>>();
    match result {
        Ok(reloaded) => {
            let TaskChanges { added, changed, removed, unchanged } = &reloaded.tasks;
            all.tasks.added.extend(named(added));
            all.tasks.changed.extend(named(changed));
            all.tasks.removed.extend(named(removed));
            all.tasks.unchanged += unchanged;
            all.plugins.extend(named(&reloaded.plugins));
            all.warnings.extend(problems::named(tenant, &reloaded.warnings));
            None
        }
        Err(error) => {
            let problems: Vec<Diagnostic> = problems::named(tenant, error.problems());
            all.warnings.extend(problems);
            Some((tenant.to_string(), reload_view::detail(error)))
        }
    }
}
