//! While an attempt runs: delivers the latest progress to its handler and flushes the log, so that clients can follow
//! both while the guest works.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::Role;
use saggar_queue::Claim;
use saggar_sandbox::Input;
use tokio::sync::Notify;

use crate::delivery::deliver;
use crate::handler_sandboxes::HandlerSandboxes;
use crate::runtime::Runtime;
use crate::services::CallServices;
use crate::setup::About;
use crate::task_runner::TaskRunner;

/// The progress handler is called at most once in this time.
const DELIVER_EVERY: Duration = Duration::from_millis(100);

/// How often the log of a running attempt is flushed.
const LOG_EVERY: Duration = Duration::from_millis(250);

/// Calls the progress handler of one attempt.
pub(crate) struct Reporter<'a> {
    pub(crate) runtime: &'a Arc<Runtime>,
    pub(crate) runner: &'a TaskRunner,
    pub(crate) claim: &'a Claim,
    pub(crate) services: &'a CallServices,
    /// The generation of the values that were delivered last.
    delivered: u64,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(
        runtime: &'a Arc<Runtime>,
        runner: &'a TaskRunner,
        claim: &'a Claim,
        services: &'a CallServices,
    ) -> Self {
        Self { runtime, runner, claim, services, delivered: 0 }
    }

    /// Runs beside the guest until `over` is notified.
    pub(crate) async fn attend(&mut self, handlers: &mut HandlerSandboxes, over: &Notify) {
        let has_handler = handlers.setup().roles.contains_key(&Role::ProgressHandler);
        let mut log_due = tokio::time::interval(LOG_EVERY);
        let mut over = std::pin::pin!(over.notified());
        loop {
            tokio::select! {
                biased;
                () = &mut over => return,
                _ = self.claim.running().changed(self.delivered), if has_handler => {
                    self.deliver_latest(handlers).await;
                    tokio::select! {
                        biased;
                        () = &mut over => return,
                        () = tokio::time::sleep(DELIVER_EVERY) => {}
                    }
                }
                _ = log_due.tick() => {
                    let lines = self.services.log.take();
                    self.runtime.append_log(self.runner, self.claim.running().id(), lines).await;
                }
            }
        }
    }

    /// Delivers the latest values to the handler, unless they were delivered already.
    pub(crate) async fn deliver_latest(&mut self, handlers: &mut HandlerSandboxes) {
        let running = self.claim.running();
        let generation = running.generation();
        if generation == self.delivered || !handlers.setup().roles.contains_key(&Role::ProgressHandler) {
            return;
        }
        self.delivered = generation;
        let latest = running.latest();
        let input = Input::OnProgress { current: latest.current, total: latest.total, message: latest.message.into() };
        let trace_parent = self.services.trace_parent.as_ref();
        let about = About { id: running.id(), attempt: running.attempt(), trace_parent };
        // Boxed, because it would enlarge the future of every attempt.
        Box::pin(deliver(self.runtime, self.runner, handlers, running.key(), about, input)).await;
    }
}
