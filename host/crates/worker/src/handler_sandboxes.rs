//! The sandboxes of a task's handlers, as a lane, a slot or a caller that adds jobs owns them. Each is created when it
//! is first needed.

use std::sync::Arc;

use parking_lot::Mutex;
use saggar_grant::Granted;
use saggar_job::Role;
use saggar_sandbox::{Answer, Call, CallError, Input, Sandbox, Services};
use saggar_tenant::Flow;
use tokio::sync::Semaphore;

use crate::meters::Meters;
use crate::setup::{About, Setup};

/// Sandboxes for roles of one setup.
pub(crate) struct HandlerSandboxes {
    setup: Arc<Setup>,
    flow: Flow,
    sandboxes: Vec<(Role, Sandbox)>,
}

impl HandlerSandboxes {
    pub(crate) fn new(setup: Arc<Setup>, flow: Flow) -> Self {
        Self { setup, flow, sandboxes: Vec::new() }
    }

    /// Switches to the `current` setup; keeps the earlier one if that is the same, or its plugins are not loaded.
    pub(crate) fn refreshed(self, current: Arc<Setup>) -> Self {
        if Arc::ptr_eq(&current, &self.setup) || current.unready.is_some() {
            self
        } else {
            Self::new(current, self.flow)
        }
    }

    pub(crate) fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// Drops the instances if other sandboxes may need their capacity.
    pub(crate) fn retire_if_scarce(&mut self) {
        self.sandboxes.iter_mut().for_each(|(_, sandbox)| sandbox.retire_if_scarce());
    }

    /// Calls a handler. `None` if the task has no such handler.
    pub(crate) async fn call(
        &mut self,
        meters: &Meters,
        about: About<'_>,
        input: Input,
        services: Arc<dyn Services>,
    ) -> Option<Result<Answer, CallError>> {
        let role = input.role();
        let loaded = self.setup.roles.get(&role)?.clone();
        let job = self.setup.context(about, role);
        let at = match self.sandboxes.iter().position(|(of, _)| *of == role) {
            Some(at) => at,
            None => {
                self.sandboxes.push((role, Sandbox::new(loaded.plugin, loaded.limits, self.flow.clone())));
                self.sandboxes.len() - 1
            }
        };
        let (_, sandbox) = self.sandboxes.get_mut(at)?;
        let report = sandbox.call(Call { job, input, timeout: loaded.timeout, services }).await;
        meters.called(role, &report);
        Some(report.result)
    }
}

/// Sandboxes for `next`, which runs on behalf of the caller that adds jobs: as many at once as there are permits.
pub(crate) struct HandlerSandboxPool {
    flow: Flow,
    permits: Semaphore,
    idle: Mutex<Vec<HandlerSandboxes>>,
}

impl HandlerSandboxPool {
    pub(crate) fn new(flow: Flow, sandboxes: u32) -> Self {
        Self { flow, permits: Semaphore::new(sandboxes.max(1) as usize), idle: Mutex::default() }
    }

    /// Calls `next` under the setup that is current when its turn comes; `services` makes the services of the call with the
    /// capabilities of that setup. Inside another call of `next` (`depth` above 0) it does not wait for a permit, because the
    /// outer call may hold it.
    pub(crate) async fn next(
        &self,
        setup: impl Fn() -> Arc<Setup>,
        meters: &Meters,
        services: impl FnOnce(Arc<Granted>) -> Arc<dyn Services>,
        trace_parent: Option<&Arc<str>>,
        depth: u32,
    ) -> Option<Result<Answer, CallError>> {
        let _permit = if depth == 0 { self.permits.acquire().await.ok() } else { None };
        let idle = self.idle.lock().pop();
        let mut sandboxes = match idle {
            Some(sandboxes) => sandboxes.refreshed(setup()),
            None => HandlerSandboxes::new(setup(), self.flow.clone()),
        };
        let services = services(sandboxes.setup().granted.clone());
        let answer = sandboxes.call(meters, About { trace_parent, ..About::NOTHING }, Input::Next, services).await;
        if depth == 0 {
            sandboxes.retire_if_scarce();
            self.idle.lock().push(sandboxes);
        }
        answer
    }
}
