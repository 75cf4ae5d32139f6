//! Loads plugins while a host runs, and reloads the app: all of it or nothing.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use saggar_api::LastTokenRemoved;
use saggar_definition::{Diagnostic, Severity};
use saggar_job::{TaskKey, Timestamp};
use saggar_worker::TaskChanges;

use crate::app::{App, Definitions, StartError, min_capacity};
use crate::app_location::AppLocation;
use crate::host::{Host, ProblemReporter};
use crate::meters;
use crate::reloads::{ConfigurationCheck, LastReload, ReloadError, ReloadResult, ReloadStatus, Reloaded};

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
            let resolved = |setup, problems: &[Diagnostic]| {
                host.worker.update(setup);
                if !problems.is_empty() {
                    report(problems);
                }
            };
            let nothing = App::default();
            let place = host.place();
            let loaded = definitions.resolve(&host.engine, &place.dir, &nothing, resolved);
            tokio::select! {
                biased;
                // A reload has replaced the app meanwhile.
                () = host.loading.finished() => {}
                app = loaded => host.replace_app(&unresolved, app),
            }
        });
    }

    /// Replaces the app, unless a reload has done so meanwhile.
    fn replace_app(&self, unresolved: &Arc<App>, app: App) {
        let mut current = self.app.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, unresolved) {
            *current = Arc::new(app);
        }
        drop(current);
        self.loading.finish();
    }

    /// Reloads the app's directory: loads everything, and then replaces all that has changed at once. With any error in
    /// the app, nothing changes. Running jobs end with their old definition and plugin; tasks that are the same as
    /// before are not touched.
    ///
    /// The reload starts at once, and continues if the returned future is dropped. While a reload runs, all further
    /// requests together cause one more.
    pub fn reload(&self) -> impl Future<Output = ReloadResult> + Send + use<> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let (host, request) = (self.clone(), self.reloads.request());
        // If the host stops, the work is dropped, and with it the sender.
        self.worker.spawn_until_stop(async move { drop(answer.send(host.reload_for(request).await)) });
        async move { answered.await.unwrap_or_else(|_| Err(Arc::new(ReloadError::Stopping))) }
    }

    /// Returns the state of reloads.
    pub fn reload_status(&self) -> ReloadStatus {
        self.reloads.status()
    }

    /// Waits for a turn, and reloads unless a reload that has started after the request has ended meanwhile.
    async fn reload_for(&self, request: u64) -> ReloadResult {
        let mut turn = self.reloads.turn().await;
        if let Some(result) = turn.result_for(request) {
            return result;
        }
        let covered = self.reloads.begin();
        let (at, start) = (self.queue.clock().now(), Instant::now());
        let result = self.reload_now(start).await.map(Arc::new).map_err(Arc::new);
        let status = self.reloads.end(LastReload { at, took: start.elapsed(), result: result.clone() });
        meters::reloaded(result.is_ok());
        self.report_reload(&result, &status, start.elapsed());
        turn.finish(covered, result.clone());
        result
    }

    async fn reload_now(&self, start: Instant) -> Result<Reloaded, ReloadError> {
        let place = self.place();
        let (definitions, configuration) = self.read_files(&place).await;
        let (need, capacity) = (min_capacity(&definitions.catalog), self.max_sandboxes);
        if need > u64::from(capacity) {
            return Err(ReloadError::TooManySlots { need, capacity });
        }
        let old = self.app();
        let mut app = definitions.resolve(&self.engine, &place.dir, &old, |_, _| ()).await;
        let ConfigurationCheck { problems, needs_restart, tokens } = configuration;
        app.problems.splice(..0, problems);
        let service = self.service.lock().upgrade();
        let tokens = tokens.and_then(|tokens| Some((service?, tokens)));
        if tokens.as_ref().is_some_and(|(service, tokens)| tokens.is_open() && !service.tokens().is_open()) {
            return Err(LastTokenRemoved.into());
        }
        // An app without tasks has an error, too.
        if app.has_errors() {
            return Err(ReloadError::Problems(app.problems));
        }
        let plugins = app.code_changed_since(&old);
        let warnings = app.problems.iter().filter(|problem| problem.severity == Severity::Warning).cloned().collect();
        let tasks = self.worker.open(app.setups(), app.broken.clone()).await?;
        if let Some((service, tokens)) = tokens {
            service.set_tokens(tokens)?;
        }
        self.set_app(app);
        self.opened.finish();
        self.loading.finish();
        Ok(Reloaded { tasks, plugins, needs_restart, warnings, tenants: None, took: start.elapsed() })
    }

    /// Reads the task files, and the embedder's files.
    async fn read_files(&self, place: &Arc<AppLocation>) -> (Definitions, ConfigurationCheck) {
        let (check, place) = (self.check_configuration.clone(), place.clone());
        self.read(move || (Definitions::load(&place), check())).await
    }

    /// Logs a reload and reports its problems.
    fn report_reload(&self, result: &ReloadResult, status: &ReloadStatus, took: Duration) {
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
