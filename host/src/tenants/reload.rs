//! Reloads of the whole host: the configuration is read again, tenants are added, changed and stopped, tokens are
//! replaced, and the app of each tenant is loaded anew. A reload of one tenant is all or nothing, and no other tenant
//! waits for it or fails with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use saggar_api::Action;
use saggar_definition::{Diagnostic, Location};
use saggar_worker::TaskChanges;

use super::{AppliedTenants, Tenants, TenantsConfiguration, problems, start};
use crate::host::Host;
use crate::meters;
use crate::reload_view;
use crate::reloads::{LastReload, ReloadError, ReloadResult, ReloadStatus, Reloaded, TenantChanges};

/// How long a reload waits for the apps of the tenants to be loaded, and for the tasks of new ones to be open. The next
/// reload, which may revoke a token, begins after that.
const MAX_WAIT: Duration = Duration::from_secs(10);

impl Tenants {
    /// Reads the configuration again, and applies it: adds, changes and stops tenants, replaces the tokens of the
    /// service, and reloads the app of each tenant. With any error in the configuration, nothing changes. With errors in
    /// the app of a tenant, only that tenant goes on with the app that it had before, which is named in the result.
    ///
    /// Tenants whose files take long to load are named in a warning, and loaded later.
    ///
    /// The reload starts at once, and continues if the returned future is dropped. While a reload runs, all further
    /// requests together cause one more.
    pub fn reload(&self) -> impl Future<Output = ReloadResult> + Send + use<> {
        self.reload_by("host".into())
    }

    /// Like [`reload`](Self::reload), with the name of who asks for it, for the records of deployments.
    pub fn reload_by(&self, by: Arc<str>) -> impl Future<Output = ReloadResult> + Send + use<> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let (tenants, request) = (self.clone(), self.0.reloads.request());
        // If the host stops, the work is dropped, and with it the sender.
        self.spawn_until_stop(async move { drop(answer.send(tenants.reload_for(request, &by).await)) });
        async move { answered.await.unwrap_or_else(|_| Err(Arc::new(ReloadError::Stopping))) }
    }

    /// Returns the state of these reloads.
    pub fn reload_status(&self) -> ReloadStatus {
        self.0.reloads.status()
    }

    /// Waits for a turn, and reloads unless a reload that has started after the request has ended meanwhile.
    async fn reload_for(&self, request: u64, by: &Arc<str>) -> ReloadResult {
        let mut turn = self.0.reloads.turn().await;
        if let Some(result) = turn.result_for(request) {
            return result;
        }
        let covered = self.0.reloads.begin();
        let (at, start) = (self.0.parts.clock.now(), Instant::now());
        let result = self.reload_now(by, start).await.map(Arc::new).map_err(Arc::new);
        self.0.reloads.end(LastReload { at, took: start.elapsed(), result: result.clone() });
        meters::reloaded(result.is_ok());
        self.report_reload(&result, start.elapsed());
        turn.finish(covered, result.clone());
        result
    }

    async fn reload_now(&self, by: &Arc<str>, start: Instant) -> Result<Reloaded, ReloadError> {
        let read = start::blocking(start::reading(&self.0.read)).await;
        let TenantsConfiguration { tenants, tokens, needs_restart, mut warnings } =
            read.map_err(ReloadError::Problems)?;
        // First, so that a removed token ends at once, and not when the jobs of removed tenants have stopped.
        self.replace_tokens(tokens)?;
        let applied = self.apply(tenants).await;
        self.record(&applied);
        let results = reload_all(&applied, by, MAX_WAIT).await;
        let mut reloaded = Reloaded {
            deployment: None,
            tasks: TaskChanges::default(),
            plugins: Vec::new(),
            needs_restart,
            warnings: Vec::new(),
            tenants: None,
            took: Duration::ZERO,
        };
        let failed = results.iter().filter_map(|(host, result)| take(host, result.as_ref(), &mut reloaded)).collect();
        warnings.append(&mut reloaded.warnings);
        let AppliedTenants { added, changed, removed, .. } = applied;
        let changed = changed.into_iter().map(|(tenant, _)| tenant).collect();
        let names = |names: Vec<Arc<str>>| names.iter().map(|name| name.to_string()).collect();
        let (added, changed, removed) = (names(added), names(changed), names(removed));
        reloaded.tenants = Some(TenantChanges { added, changed, removed, failed });
        Ok(Reloaded { warnings, took: start.elapsed(), ..reloaded })
    }

    /// Records in the audit which tenants have changed.
    fn record(&self, applied: &AppliedTenants) {
        let Some(service) = self.0.service.lock().upgrade() else { return };
        let AppliedTenants { added, changed, removed, .. } = applied;
        let added = added.iter().map(|tenant| (tenant, "added to the configuration"));
        let changed = changed.iter().map(|(tenant, differences)| (tenant, differences.as_str()));
        let removed = removed.iter().map(|tenant| (tenant, "removed from the configuration"));
        for (tenant, what) in added.chain(changed).chain(removed) {
            service.record(Some(tenant), Action::ChangeTenant, 1, what);
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

/// Reloads the tenants that ran before, and waits until they are loaded and the tasks of the new ones are open, but not for
/// long. The result is `None` for a tenant that is still being loaded, which continues.
async fn reload_all(applied: &AppliedTenants, by: &Arc<str>, max_wait: Duration) -> Vec<(Host, Option<ReloadResult>)> {
    let until = tokio::time::Instant::now() + max_wait;
    let reloads = applied.kept.iter().cloned().map(move |host| async move {
        let result = tokio::time::timeout_at(until, host.reload_by(by.clone())).await.ok();
        (host, result)
    });
    let opened = join_all(applied.started.iter().map(|host| host.opened.finished()));
    let (results, _) = tokio::join!(join_all(reloads), tokio::time::timeout_at(until, opened));
    results
}

/// Returns the warning about a tenant whose reload has not ended.
fn still_loading() -> Diagnostic {
    let message = "its files are still being loaded; until then it goes on with the app that it had before";
    let help = "the log and `saggar tenants` say how that ends";
    Diagnostic::warning(Location::file("tasks"), message).with_help(help)
}

/// Adds what the reload of a tenant has changed; returns why it has failed.
fn take(host: &Host, result: Option<&ReloadResult>, all: &mut Reloaded) -> Option<(String, String)> {
    let tenant = host.tenant_name();
    let named = |ids: &[String]| ids.iter().map(|id| format!("{tenant}/{id}")).collect::<Vec<_>>();
    match result {
        None => {
            all.warnings.extend(problems::named(tenant, &[still_loading()]));
            None
        }
        Some(Ok(reloaded)) => {
            let TaskChanges { added, changed, removed, unchanged } = &reloaded.tasks;
            all.tasks.added.extend(named(added));
            all.tasks.changed.extend(named(changed));
            all.tasks.removed.extend(named(removed));
            all.tasks.unchanged += unchanged;
            all.plugins.extend(named(&reloaded.plugins));
            all.warnings.extend(problems::named(tenant, &reloaded.warnings));
            None
        }
        Some(Err(error)) => {
            let problems: Vec<Diagnostic> = problems::named(tenant, error.problems());
            all.warnings.extend(problems);
            Some((tenant.to_string(), reload_view::detail(error)))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use saggar_grant::Grants;
    use saggar_sandbox::Allocator;
    use saggar_tenant::Quotas;

    use super::*;
    use crate::env_allow::EnvAllow;
    use crate::tenants::TenantSettings;

    /// Starts a tenant, whose directory does not exist.
    async fn tenants(dir: &Path) -> Tenants {
        let (env_allow, quotas) = (EnvAllow::none(), Quotas::default());
        let grants = Grants::of_tenant();
        let acme = TenantSettings { name: "acme".into(), dir: dir.join("acme"), weight: 1, env_allow, quotas, grants };
        let read = move || Ok(TenantsConfiguration { tenants: vec![acme.clone()], ..TenantsConfiguration::default() });
        Host::builder(dir).allocator(Allocator::OnDemand).build_tenants(Arc::new(read)).await.unwrap()
    }

    #[tokio::test]
    async fn a_tenant_that_is_loaded_for_long_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let tenants = tenants(dir.path()).await;
        let host = tenants.host("acme").unwrap();
        let applied = AppliedTenants { kept: vec![host.clone()], ..AppliedTenants::default() };
        // As another reload of the tenant holds it while it loads.
        let loading = host.reloads.turn().await;
        let results = reload_all(&applied, &"ci".into(), Duration::ZERO).await;
        assert!(matches!(&results[..], [(_, None)]));
        let mut reloaded = Reloaded {
            deployment: None,
            tasks: TaskChanges::default(),
            plugins: Vec::new(),
            needs_restart: Vec::new(),
            warnings: Vec::new(),
            tenants: None,
            took: Duration::ZERO,
        };
        assert_eq!(take(&host, None, &mut reloaded), None);
        assert!(reloaded.warnings[0].brief().contains("tenant acme: its files are still being loaded"));
        drop(loading);
        let result = reload_all(&applied, &"ci".into(), MAX_WAIT).await.remove(0).1.unwrap();
        assert!(result.unwrap_err().to_string().contains("no such directory"));
        tenants.shutdown(Duration::ZERO).await;
    }
}
