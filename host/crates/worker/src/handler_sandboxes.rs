//! The sandboxes of a task's handlers, as a lane, a slot or an adder owns them. Each is made when it is first needed.

use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::{JobKey, Problem, Role};
use saggar_queue::LogSource;
use saggar_sandbox::{Answer, Call, CallError, Input, Sandbox};
use tokio::sync::Semaphore;

use crate::Setup;
use crate::services::CallServices;
use crate::task_runner::{About, TaskRunner};
use crate::worker::Inner;

/// Sandboxes for roles of one setup.
pub(crate) struct HandlerSandboxes {
    setup: Arc<Setup>,
    sandboxes: Vec<(Role, Sandbox)>,
}

impl HandlerSandboxes {
    pub(crate) fn new(setup: Arc<Setup>) -> Self {
        Self { setup, sandboxes: Vec::new() }
    }

    /// These sandboxes if their setup is still current, or the current one's plugins are not loaded; else new ones.
    pub(crate) fn refreshed(self, runner: &TaskRunner) -> Self {
        let current = runner.setup();
        if Arc::ptr_eq(&current, &self.setup) || current.why_unready().is_some() { self } else { Self::new(current) }
    }

    pub(crate) fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// Calls a handler. None if the task has no such handler.
    pub(crate) async fn call(
        &mut self,
        runner: &TaskRunner,
        about: About<'_>,
        input: Input,
        services: Arc<CallServices>,
    ) -> Option<Result<Answer, CallError>> {
        let role = input.role();
        let played = self.setup.role(role)?.clone();
        let job = runner.context(about, role, &self.setup);
        let at = match self.sandboxes.iter().position(|(of, _)| *of == role) {
            Some(at) => at,
            None => {
                self.sandboxes.push((role, Sandbox::new(played.plugin, played.limits)));
                self.sandboxes.len() - 1
            }
        };
        let (_, sandbox) = self.sandboxes.get_mut(at)?;
        let report = sandbox.call(Call { job, input, timeout: played.timeout, services }).await;
        runner.meters.called(role, &report);
        Some(report.result)
    }

    /// Calls a handler about the job `key`. Appends what it logged, and its failure, to the job's log. Returns why it failed; `None`
    /// if it succeeded or the task has no such handler.
    pub(crate) async fn deliver(
        &mut self,
        worker: &Arc<Inner>,
        runner: &TaskRunner,
        key: JobKey,
        about: About<'_>,
        input: Input,
    ) -> Option<Problem> {
        let role = input.role();
        let id = key.id;
        let services = Arc::new(CallServices::of_handler(worker.clone(), key, about.trace_parent.cloned()));
        let result = self.call(runner, about, input, services.clone()).await;
        let mut lines = services.log.finish(worker.clock());
        let failed = match result {
            Some(Err(error)) => Some(error.problem()),
            Some(Ok(_)) | None => None,
        };
        if let Some(problem) = &failed {
            runner.meters.handler_failed(role);
            let text = format!("the {} handler failed: {}: {}", role.key(), problem.code, problem.message);
            lines.push(worker.line(LogSource::Host, text));
        }
        worker.append_log(runner, id, lines).await;
        failed
    }
}

/// Sandboxes for `next`, which runs on behalf of the adder: as many at once as there are permits.
pub(crate) struct HandlerSandboxPool {
    permits: Semaphore,
    idle: Mutex<Vec<HandlerSandboxes>>,
}

impl HandlerSandboxPool {
    pub(crate) fn new(sandboxes: u32) -> Self {
        Self { permits: Semaphore::new(sandboxes.max(1) as usize), idle: Mutex::default() }
    }

    /// Calls `next`. Inside of another call of `next` (`depth` above 0) it does not wait for a permit, which the outer
    /// call may hold.
    pub(crate) async fn next(
        &self,
        runner: &TaskRunner,
        services: Arc<CallServices>,
        depth: u32,
    ) -> Option<Result<Answer, CallError>> {
        let _permit = if depth == 0 { self.permits.acquire().await.ok() } else { None };
        let handlers = self.idle.lock().pop();
        let mut handlers = match handlers {
            Some(handlers) => handlers.refreshed(runner),
            None => HandlerSandboxes::new(runner.setup()),
        };
        let trace_parent = services.trace_parent.clone();
        let about = About { trace_parent: trace_parent.as_ref(), ..About::NOTHING };
        let answer = handlers.call(runner, about, Input::Next, services).await;
        if depth == 0 {
            self.idle.lock().push(handlers);
        }
        answer
    }
}
