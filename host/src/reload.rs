//! Loads plugins while a host runs, and reloads the app: all of it or nothing.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use saggar_api::LastTokenRemoved;
use saggar_definition::{Diagnostic, Location, Severity};
use saggar_job::{TaskKey, Timestamp};
use saggar_queue::{DeploymentCause, StoreError};
use saggar_worker::{Setup, TaskChanges, Unready};

use crate::app::{App, Definitions, StartError, min_capacity};
use crate::app_location::AppLocation;
use crate::deploy::SETBACK;
use crate::host::{Host, ProblemReporter};
use crate::meters;
use crate::reloads::{ConfigurationCheck, LastReload, ReloadError, ReloadResult, ReloadStatus, Reloaded};
use crate::versions::Versions;

/// How many changed names a line of the log has.
const NAMED: usize = 20;

impl Host {
    /// Resolves when all plugins have been loaded. Fails if no task can run.
    pub async fn plugins_loaded(&self) -> Result<(), StartError> {
        self.loading.finished().await;
        let app = self.app();
        if app.tasks.is_empty() { Err(StartError::NoTask(app.problems.clone())) } else { Ok(()) }
    }

    /// Loads the plugins while jobs run; each task starts as soon as its own plugins are loaded.
    pub(crate) fn load_plugins(&self, definitions: Definitions, report: ProblemReporter) {
        let (host, unresolved) = (self.clone(), self.app());
        self.worker.spawn_until_stop(async move {
            let loaded = host.load_started(definitions, &report);
            let app = tokio::select! {
                biased;
                // A reload has replaced the app meanwhile.
                () = host.loading.finished() => return,
                app = loaded => app,
            };
            let app = host.replace_app(&unresolved, app);
            let is_deployed = host.try_deploy_started(&app).await;
            host.loading.finish();
            if !is_deployed {
                host.deploy_started(&app).await;
            }
        });
    }

    /// Loads the plugins of the app with which the host has started.
    async fn load_started(&self, definitions: Definitions, report: &ProblemReporter) -> App {
        let versions = match self.versions_of_last().await {
            Ok(versions) => versions,
            Err(error) => {
                let problem = not_read(&error);
                let why: Arc<str> = problem.brief().into();
                for task in definitions.catalog.iter() {
                    self.worker.update(Setup::unready(task.clone(), Unready::Broken(why.clone())));
                }
                report(std::slice::from_ref(&problem));
                return definitions.refused(problem);
            }
        };
        // Code of the last deployment runs in it before all code is loaded.
        let last = |setup: &Setup| {
            versions
                .last()
                .filter(|last| setup.digests().all(|digest| last.code.iter().any(|code| code.digest == *digest)))
        };
        let resolved = |setup: Setup, problems: &[Diagnostic]| {
            last(&setup).into_iter().for_each(|last| setup.set_deployment(last.number));
            self.worker.update(setup);
            if !problems.is_empty() {
                report(problems);
            }
        };
        let place = self.place();
        definitions.resolve(&self.engine, &place.dir, &App::default(), &versions, resolved).await
    }

    /// Reads the last deployment, as soon as the store answers.
    async fn versions_of_last(&self) -> Result<Versions, StoreError> {
        loop {
            match Versions::of_last(self.queue.store(), self.tenant_name()).await {
                // The store reports it itself.
                Err(error) if error.is_passing() => tokio::time::sleep(SETBACK).await,
                read => return read,
            }
        }
    }

    /// Replaces the app, unless a reload has done so meanwhile; returns the app that it was to be replaced by.
    fn replace_app(&self, unresolved: &Arc<App>, app: App) -> Arc<App> {
        let app = Arc::new(app);
        let mut current = self.app.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, unresolved) {
            *current = app.clone();
        }
        app
    }

    /// Reloads the app's directory: loads everything, and then replaces all that has changed at once. With any error in
    /// the app, nothing changes. Running jobs end with their old definition and plugin; tasks that are the same as
    /// before are not touched.
    ///
    /// The reload starts at once, and continues if the returned future is dropped. While a reload runs, all further
    /// requests together cause one more.
    pub fn reload(&self) -> impl Future<Output = ReloadResult> + Send + use<> {
        self.reload_by("host".into())
    }

    /// Like [`reload`](Self::reload), with the name of who asks for it, for the record of the deployment.
    pub fn reload_by(&self, by: Arc<str>) -> impl Future<Output = ReloadResult> + Send + use<> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let (host, request) = (self.clone(), self.reloads.request());
        // If the host stops, the work is dropped, and with it the sender.
        self.worker.spawn_until_stop(async move { drop(answer.send(host.reload_for(request, &by).await)) });
        async move { answered.await.unwrap_or_else(|_| Err(Arc::new(ReloadError::Stopping))) }
    }

    /// Returns the state of reloads.
    pub fn reload_status(&self) -> ReloadStatus {
        self.reloads.status()
    }

    /// Waits for a turn, and reloads unless a reload that has started after the request has ended meanwhile.
    async fn reload_for(&self, request: u64, by: &Arc<str>) -> ReloadResult {
        let mut turn = self.reloads.turn().await;
        if let Some(result) = turn.result_for(request) {
            return result;
        }
        let covered = self.reloads.begin();
        let (at, start) = (self.queue.clock().now(), Instant::now());
        let result = self.reload_now(by, start).await.map(Arc::new).map_err(Arc::new);
        let status = self.reloads.end(LastReload { at, took: start.elapsed(), result: result.clone() });
        meters::reloaded(result.is_ok());
        self.report_reload(&result, &status, start.elapsed());
        turn.finish(covered, result.clone());
        result
    }

    async fn reload_now(&self, by: &Arc<str>, start: Instant) -> Result<Reloaded, ReloadError> {
        let (place, definitions, configuration) = self.read_files(self.place()).await;
        let versions = Versions::of_last(self.queue.store(), self.tenant_name()).await?;
        let (old, mut app) = self.load_anew(definitions, &place, &versions).await?;
        let ConfigurationCheck { problems, needs_restart, tokens, grants } = configuration;
        app.problems.splice(..0, problems);
        let service = self.service.lock().upgrade();
        let tokens = tokens.and_then(|tokens| Some((service?, tokens)));
        if tokens.as_ref().is_some_and(|(service, tokens)| tokens.is_open() && !service.tokens().is_open()) {
            return Err(LastTokenRemoved.into());
        }
        let reloaded = self.replace_with(app, &old, &place, (DeploymentCause::Reload, by), start).await?;
        if let Some((service, tokens)) = tokens {
            service.set_tokens(tokens)?;
        }
        if grants.is_some() {
            self.set_place(Arc::unwrap_or_clone(place));
        }
        Ok(Reloaded { needs_restart, ..reloaded })
    }

    /// Loads the app beside the running one, which is returned as well.
    pub(crate) async fn load_anew(
        &self,
        definitions: Definitions,
        place: &AppLocation,
        versions: &Versions,
    ) -> Result<(Arc<App>, App), ReloadError> {
        let (need, capacity) = (min_capacity(&definitions.catalog), self.max_sandboxes);
        if need > u64::from(capacity) {
            return Err(ReloadError::TooManySlots { need, capacity });
        }
        let old = self.app();
        let app = definitions.resolve(&self.engine, &place.dir, &old, versions, |_, _| ()).await;
        Ok((old, app))
    }

    /// Replaces the running app by `app`, which was loaded from `place`, unless it has errors, as a deployment with this
    /// cause and author.
    pub(crate) async fn replace_with(
        &self,
        app: App,
        old: &App,
        place: &Arc<AppLocation>,
        (cause, by): (DeploymentCause, &Arc<str>),
        start: Instant,
    ) -> Result<Reloaded, ReloadError> {
        // An app without tasks has an error, too.
        if app.has_errors() {
            return Err(ReloadError::Problems(app.problems));
        }
        let plugins = app.code_changed_since(old);
        let warnings = app.problems.iter().filter(|problem| problem.severity == Severity::Warning).cloned().collect();
        self.load_secrets(place).await;
        let (deployment, tasks) = match self.deploy_and_open(app, cause, by).await {
            Ok(opened) => opened,
            Err(error) => {
                // The app that goes on has the secrets that it had.
                self.load_secrets(&self.place()).await;
                return Err(error.into());
            }
        };
        self.opened.finish();
        self.loading.finish();
        let (deployment, needs_restart, took) = (Some(deployment), Vec::new(), start.elapsed());
        Ok(Reloaded { deployment, tasks, plugins, needs_restart, warnings, tenants: None, took })
    }

    /// Records the deployment of an app and opens its tasks; returns its number, and what has changed.
    async fn deploy_and_open(
        &self,
        app: App,
        cause: DeploymentCause,
        by: &Arc<str>,
    ) -> Result<(u64, TaskChanges), StoreError> {
        let _deploying = self.deploying.lock().await;
        // Recorded first: a host that dies in between starts with the same code.
        let deployment = self.deploy(&app, cause, by).await?;
        let tasks = self.worker.open(app.setups(Some(deployment)), app.broken.clone()).await?;
        self.set_app(app);
        Ok((deployment, tasks))
    }

    /// Reads the embedder's files, and the task files with the grants that these have now; returns them with the place
    /// that has these grants.
    async fn read_files(&self, place: Arc<AppLocation>) -> (Arc<AppLocation>, Definitions, ConfigurationCheck) {
        let check = self.check_configuration.clone();
        self.read(move || {
            let configuration = check();
            let place = match configuration.grants.clone() {
                Some(grants) => Arc::new(place.with_grants(grants)),
                None => place,
            };
            let definitions = Definitions::load(&place);
            (place, definitions, configuration)
        })
        .await
    }

    /// Logs a reload and reports its problems.
    pub(crate) fn report_reload(&self, result: &ReloadResult, status: &ReloadStatus, took: Duration) {
        let took_ms = took.as_millis() as u64;
        let (ReloadStatus { loaded_at: Timestamp(loaded_at_ms), failed, .. }, problems) = (status, problems(result));
        if !problems.is_empty() {
            (self.report)(problems);
        }
        let name = self.tenant_name();
        // A host of one app is not about tenants.
        let tenant = (**name != *TaskKey::DEFAULT_TENANT).then(|| name.to_string());
        match result {
            // A reload of a thousand tenants says how many have changed.
            Ok(reloaded) if tenant.is_some() && reloaded.is_unchanged() => {
                tracing::debug!(tenant, took_ms, "reloaded the app, which has not changed");
            }
            Ok(reloaded) => {
                let TaskChanges { added, changed, removed, unchanged } = &reloaded.tasks;
                tracing::info!(
                    tenant,
                    added = named(added),
                    changed = named(changed),
                    removed = named(removed),
                    unchanged,
                    plugins = named(&reloaded.plugins),
                    deployment = reloaded.deployment,
                    needs_restart = named(&reloaded.needs_restart),
                    took_ms,
                    "reloaded the app"
                );
            }
            Err(error) => {
                let why = match &**error {
                    ReloadError::Problems(problems) => format!("{} problems", problems.len()),
                    other => other.to_string(),
                };
                tracing::error!(
                    tenant,
                    why,
                    failed_reloads = failed,
                    loaded_at_ms,
                    took_ms,
                    "the app was not reloaded; the host continues with the app that it loaded before"
                );
            }
        }
    }
}

/// Returns the problem of an app whose last deployment cannot be read.
fn not_read(error: &StoreError) -> Diagnostic {
    let message = format!("the last deployment cannot be read from the job store: {error}");
    Diagnostic::error(Location::file("tasks"), message).with_help("the host's log says what is wrong with the store")
}

/// Returns the problems to report.
fn problems(result: &ReloadResult) -> &[Diagnostic] {
    match result {
        Ok(reloaded) => &reloaded.warnings,
        Err(error) => error.problems(),
    }
}

/// Formats names for a line of the log.
fn named(names: &[String]) -> String {
    let first = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(" ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
