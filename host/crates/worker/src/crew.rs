//! A crew: the sandboxes of a task's handlers as one lane, slot or adder holds them. Made when first needed.

use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::{JobKey, Problem, Role};
use saggar_queue::LogSource;
use saggar_sandbox::{Answer, Call, CallError, Input, Sandbox};
use tokio::sync::Semaphore;

use crate::Setup;
use crate::services::CallServices;
use crate::station::{About, Station};
use crate::worker::Inner;

/// Sandboxes for roles of one setup.
pub(crate) struct Crew {
    setup: Arc<Setup>,
    sandboxes: Vec<(Role, Sandbox)>,
}

impl Crew {
    pub(crate) fn new(setup: Arc<Setup>) -> Self {
        Self { setup, sandboxes: Vec::new() }
    }

    /// The same crew if its setup is still the present one, or that one's plugins are not loaded; else a new one.
    pub(crate) fn refreshed(self, station: &Station) -> Self {
        let current = station.setup();
        if Arc::ptr_eq(&current, &self.setup) || current.why_unready().is_some() { self } else { Self::new(current) }
    }

    pub(crate) fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// Calls a handler. None if the task has no such handler.
    pub(crate) async fn call(
        &mut self,
        station: &Station,
        about: About<'_>,
        input: Input,
        services: Arc<CallServices>,
    ) -> Option<Result<Answer, CallError>> {
        let role = input.role();
        let played = self.setup.role(role)?.clone();
        let job = station.context(about, role, &self.setup);
        let at = match self.sandboxes.iter().position(|(of, _)| *of == role) {
            Some(at) => at,
            None => {
                self.sandboxes.push((role, Sandbox::new(played.plugin, played.limits)));
                self.sandboxes.len() - 1
            }
        };
        let (_, sandbox) = self.sandboxes.get_mut(at)?;
        let report = sandbox.call(Call { job, input, timeout: played.timeout, services }).await;
        station.meters.called(role, &report);
        Some(report.result)
    }

    /// Tells a handler of `key` and writes what it logged, and its failure if it failed, to the job's log. Answers why it failed;
    /// none if it took it well, and if there is no such handler.
    pub(crate) async fn tell(
        &mut self,
        worker: &Arc<Inner>,
        station: &Station,
        key: JobKey,
        about: About<'_>,
        input: Input,
    ) -> Option<Problem> {
        let role = input.role();
        let id = key.id;
        let services = Arc::new(CallServices::of_handler(worker.clone(), key, about.trace_parent.cloned()));
        let told = self.call(station, about, input, services.clone()).await;
        let mut lines = services.transcript.finish(worker.clock());
        let failed = match told {
            Some(Err(error)) => Some(error.problem()),
            Some(Ok(_)) | None => None,
        };
        if let Some(problem) = &failed {
            station.meters.handler_failed(role);
            let text = format!("the {} handler failed: {}: {}", role.key(), problem.code, problem.message);
            lines.push(worker.line(LogSource::Host, text));
        }
        worker.append_log(station, id, lines).await;
        failed
    }
}

/// Crews for `next`, which runs in the adder's name: as many at once as there are permits.
pub(crate) struct CrewPool {
    permits: Semaphore,
    idle: Mutex<Vec<Crew>>,
}

impl CrewPool {
    pub(crate) fn new(crews: u32) -> Self {
        Self { permits: Semaphore::new(crews.max(1) as usize), idle: Mutex::default() }
    }

    /// Calls `next`. Inside of another call of `next` (`depth` above 0) it does not wait for a permit, which the outer
    /// call may hold.
    pub(crate) async fn next(
        &self,
        station: &Station,
        services: Arc<CallServices>,
        depth: u32,
    ) -> Option<Result<Answer, CallError>> {
        let _permit = if depth == 0 { self.permits.acquire().await.ok() } else { None };
        let crew = self.idle.lock().pop();
        let mut crew = match crew {
            Some(crew) => crew.refreshed(station),
            None => Crew::new(station.setup()),
        };
        let trace_parent = services.trace_parent.clone();
        let about = About { trace_parent: trace_parent.as_ref(), ..About::NOTHING };
        let answer = crew.call(station, about, Input::Next, services).await;
        if depth == 0 {
            self.idle.lock().push(crew);
        }
        answer
    }
}
