//! Loads plugins while a host runs, and reloads the app.

use std::sync::{Arc, PoisonError};

use saggar_definition::Diagnostic;

use crate::app::{App, Definitions, StartError, min_capacity};
use crate::host::{Host, ProblemReporter};

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
            let loaded = definitions.resolve(&host.engine, &host.app_dir, resolved);
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

    /// Reloads the app's directory, and waits until its plugins are loaded. Running jobs end with their old definition
    /// and plugin. Fails if no task can run; nothing changes then.
    pub async fn reload(&self) -> Result<Arc<App>, StartError> {
        let definitions = Definitions::load(&self.app_dir, &*self.env);
        let (need, capacity) = (min_capacity(&definitions.catalog), self.engine.capacity());
        if need > u64::from(capacity) {
            return Err(StartError::TooManySlots { need, capacity });
        }
        let app = definitions.resolve(&self.engine, &self.app_dir, |_, _| ()).await;
        if app.tasks.is_empty() {
            return Err(StartError::NoTask(app.problems));
        }
        let app = Arc::new(app);
        self.worker.open(app.setups(), app.broken.clone()).await?;
        *self.app.write().unwrap_or_else(PoisonError::into_inner) = app.clone();
        self.loading.finish();
        Ok(app)
    }
}
