//! Deployments: records which code the app runs, keeps that code under its digest, and goes back to an earlier deployment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saggar_queue::{DeployedCode, Deployment, DeploymentCause, DeploymentPage, DeploymentQuery, StoreError, Version};

use crate::app::{App, Definitions};
use crate::host::Host;
use crate::meters;
use crate::reloads::{LastReload, ReloadError, ReloadResult, Reloaded};
use crate::versions::Versions;

/// How long to wait before another try while the store accepts no writes.
pub(crate) const SETBACK: Duration = Duration::from_secs(1);

impl Host {
    /// Returns a page of the app's deployments, the newest first: which code it ran since when, and why.
    pub async fn deployments(&self, before: Option<u64>, limit: usize) -> Result<DeploymentPage, StoreError> {
        let query = DeploymentQuery { tenant: self.tenant_name().clone(), before, limit };
        self.queue.store().deployments().page(&query).await
    }

    /// Returns a component or the files of a script that the app has run, by the digest that attempts show; `None` if it is
    /// not kept.
    pub async fn version(&self, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.queue.store().deployments().version(self.tenant_name(), digest).await
    }

    /// Makes the app run the code of an earlier deployment: that with the number `to`, else the one before the last. The
    /// task files and the configuration stay as they are loaded from their files. All of it or nothing, as a reload; it is
    /// one deployment more. A file that had other code is not loaded until its content changes, over restarts too.
    ///
    /// `by` is who does it, for the record. The rollback starts at once, and continues if the returned future is dropped.
    pub fn rollback(&self, to: Option<u64>, by: Arc<str>) -> impl Future<Output = ReloadResult> + Send + use<> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let host = self.clone();
        // If the host stops, the work is dropped, and with it the sender.
        self.worker.spawn_until_stop(async move { drop(answer.send(host.roll_back(to, &by).await)) });
        async move { answered.await.unwrap_or_else(|_| Err(Arc::new(ReloadError::Stopping))) }
    }

    async fn roll_back(&self, to: Option<u64>, by: &Arc<str>) -> ReloadResult {
        let _turn = self.reloads.turn().await;
        // It answers no request for a reload.
        self.reloads.begin();
        let (at, start) = (self.queue.clock().now(), Instant::now());
        let result = self.roll_back_now(to, by, start).await.map(Arc::new).map_err(Arc::new);
        let status = self.reloads.end(LastReload { at, took: start.elapsed(), result: result.clone() });
        meters::reloaded(result.is_ok());
        self.report_reload(&result, &status, start.elapsed());
        result
    }

    async fn roll_back_now(&self, to: Option<u64>, by: &Arc<str>, start: Instant) -> Result<Reloaded, ReloadError> {
        let target = self.rollback_target(to).await?;
        let place = self.place();
        let read = place.clone();
        let definitions = self.read(move || Definitions::load(&read)).await;
        let versions = Versions::of_deployment(self.queue.store(), self.tenant_name(), &target).await?;
        let (old, app) = self.load_anew(definitions, &place, &versions).await?;
        self.replace_with(app, &old, &place, (DeploymentCause::Rollback(target.number), by), start).await
    }

    /// Returns the deployment to go back to.
    async fn rollback_target(&self, to: Option<u64>) -> Result<Deployment, ReloadError> {
        let (store, tenant) = (self.queue.store().deployments(), self.tenant_name());
        let before = match to {
            Some(to) => to.saturating_add(1),
            None => {
                let last = store.page(&DeploymentQuery::last(tenant)).await?.deployments.into_iter().next();
                last.as_ref().map_or(0, before_running)
            }
        };
        let query = DeploymentQuery { before: Some(before), ..DeploymentQuery::last(tenant) };
        let found = store.page(&query).await?.deployments.into_iter().next();
        found.filter(|found| to.is_none_or(|to| found.number == to)).ok_or(ReloadError::UnknownDeployment(to))
    }

    /// Records the deployment of an app, unless the last one has the same code, and keeps that code. Returns its number; 0 if
    /// there is none yet, because no code can be loaded. Called while `deploying` is locked.
    pub(crate) async fn deploy(&self, app: &App, cause: DeploymentCause, by: &Arc<str>) -> Result<u64, StoreError> {
        let versions = Versions::of_last(self.queue.store(), self.tenant_name()).await?;
        let code = with_overrides(app.deployed(), versions.last(), cause);
        let unkept = fitting(&code, self.keep_versions).filter(|code| !versions.is_kept(&code.digest));
        let unkept: Vec<Arc<str>> = unkept.map(|code| code.digest.clone()).collect();
        let number = match versions.last() {
            Some(last) if last.code == code => last.number,
            // Nothing can be loaded now. A deployment without code would only hide the one before from a rollback.
            last if code.is_empty() && cause == DeploymentCause::Start => last.map_or(0, |last| last.number),
            last => {
                self.append(last, Deployment { number: 0, at: self.queue.clock().now(), cause, by: by.clone(), code })
                    .await?
            }
        };
        for digest in unkept {
            if let Err(error) = self.keep(app, &digest).await {
                tracing::warn!(%digest, %error, "code is not kept for a rollback");
            }
        }
        // The bound may be lower than that of the last process, which may also have died while it wrote a version.
        if cause == DeploymentCause::Start
            && let Err(error) = self.evict_versions().await
        {
            tracing::warn!(%error, "code beyond `keep_versions` is not removed");
        }
        Ok(number)
    }

    /// Removes kept code beyond the bound.
    async fn evict_versions(&self) -> Result<(), StoreError> {
        let store = self.queue.store().deployments();
        while store.evict(self.tenant_name(), self.keep_versions).await? {}
        Ok(())
    }

    /// Appends a deployment after the `last` one.
    async fn append(&self, last: Option<&Deployment>, next: Deployment) -> Result<u64, StoreError> {
        let (store, tenant) = (self.queue.store().deployments(), self.tenant_name());
        // What ran until now is what a rollback needs first, so it is evicted last.
        for old in last.into_iter().flat_map(|last| &last.code).filter(|old| !next.code.contains(old)) {
            store.touch(tenant, &old.digest).await?;
        }
        store.append(tenant, next).await
    }

    /// Keeps code of the last deployment under its digest, and makes room for it.
    async fn keep(&self, app: &App, digest: &Arc<str>) -> Result<(), StoreError> {
        let (store, tenant) = (self.queue.store().deployments(), self.tenant_name());
        if store.touch(tenant, digest).await? {
            return Ok(());
        }
        let Some(bytes) = app.code_bytes(&self.engine, &self.place().dir, digest).await else {
            let tenant = &**tenant;
            tracing::warn!(tenant, %digest, "code is not kept for a rollback: its file was changed while it was loaded");
            return Ok(());
        };
        store.keep(tenant, Version { digest: digest.clone(), bytes: bytes.into() }).await?;
        self.evict_versions().await
    }

    /// Records the deployment of the app with which the host has started, unless a reload has replaced it; returns whether
    /// it is recorded. If the store accepts no writes now, it can be called again.
    pub(crate) async fn try_deploy_started(&self, app: &Arc<App>) -> bool {
        let _deploying = self.deploying.lock().await;
        if !Arc::ptr_eq(&self.app(), app) {
            return true;
        }
        match self.deploy(app, DeploymentCause::Start, &"start".into()).await {
            Ok(number) => self.worker.set_deployment(number),
            Err(error) if error.is_passing() => return false,
            Err(error) => tracing::error!(%error, "the deployment of the app is not recorded"),
        }
        true
    }

    /// Like [`try_deploy_started`](Self::try_deploy_started), until it is recorded.
    pub(crate) async fn deploy_started(&self, app: &Arc<App>) {
        while !self.try_deploy_started(app).await {
            tokio::time::sleep(SETBACK).await;
        }
    }
}

/// Returns the number before which the deployment is to which a rollback goes by default: the one before the running one, or
/// before the one that is running again.
fn before_running(last: &Deployment) -> u64 {
    match last.cause {
        DeploymentCause::Rollback(to) => to,
        DeploymentCause::Start | DeploymentCause::Reload => last.number,
    }
}

/// Returns the code that is kept within this many bytes: first what its file may not have.
fn fitting(code: &[DeployedCode], most: u64) -> impl Iterator<Item = &DeployedCode> {
    let from_store = code.iter().filter(|code| code.is_from_store());
    let mut left = most;
    from_store.chain(code.iter().filter(|code| !code.is_from_store())).filter(move |code| {
        let fits = code.bytes <= left && most > 0;
        left -= if fits { code.bytes } else { 0 };
        fits
    })
}

/// Adds what a rollback has chosen and could not be loaded now. At the start of a host some code may be broken, and must not
/// be replaced by the file's when it can be loaded again.
fn with_overrides(mut code: Vec<DeployedCode>, last: Option<&Deployment>, cause: DeploymentCause) -> Vec<DeployedCode> {
    let chosen = last.into_iter().flat_map(|last| &last.code).filter(|one| one.instead_of.is_some());
    if cause == DeploymentCause::Start {
        let lost: Vec<_> =
            chosen.filter(|one| !code.iter().any(|other| other.name == one.name && !other.pinned)).cloned().collect();
        code.extend(lost);
        code.sort_by(|one, other| (&one.name, one.pinned).cmp(&(&other.name, other.pinned)));
    }
    code
}

#[cfg(test)]
mod tests {
    use saggar_job::Timestamp;

    use super::*;

    fn code(name: &str, digest: &str, instead_of: Option<&str>) -> DeployedCode {
        DeployedCode {
            name: name.into(),
            digest: digest.into(),
            content: digest.into(),
            bytes: 1,
            instead_of: instead_of.map(Into::into),
            pinned: false,
        }
    }

    fn deployment(number: u64, cause: DeploymentCause, code: Vec<DeployedCode>) -> Deployment {
        Deployment { number, at: Timestamp(1), cause, by: "ci".into(), code }
    }

    #[test]
    fn code_is_kept_within_the_bound_and_first_what_its_file_may_not_have() {
        let of = |name: &str, bytes, instead_of| DeployedCode { bytes, ..code(name, "d", instead_of) };
        let all = [of("a", 6, None), of("b", 5, Some("c")), of("c", 9, None), of("d", 0, None)];
        let names = |most| fitting(&all, most).map(|code| code.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(100), ["b", "a", "c", "d"]);
        assert_eq!(names(11), ["b", "a", "d"]);
        assert_eq!(names(5), ["b", "d"]);
        assert!(names(0).is_empty());
    }

    #[test]
    fn repeated_rollbacks_go_further_back() {
        assert_eq!(before_running(&deployment(7, DeploymentCause::Reload, Vec::new())), 7);
        assert_eq!(before_running(&deployment(8, DeploymentCause::Rollback(6), Vec::new())), 6);
    }

    #[test]
    fn what_a_rollback_has_chosen_survives_a_start_at_which_it_cannot_be_loaded() {
        let chosen = code("plugins.b", "old", Some("new"));
        let last = deployment(3, DeploymentCause::Rollback(1), vec![code("plugins.a", "a", None), chosen.clone()]);
        let found = vec![code("plugins.a", "a", None), code("plugins.c", "c", None)];
        let kept = with_overrides(found.clone(), Some(&last), DeploymentCause::Start);
        assert_eq!(kept, [found[0].clone(), chosen, found[1].clone()]);
        assert_eq!(with_overrides(found.clone(), Some(&last), DeploymentCause::Reload), found);
        let changed = vec![code("plugins.b", "newer", None)];
        assert_eq!(with_overrides(changed.clone(), Some(&last), DeploymentCause::Start), changed);
    }
}
