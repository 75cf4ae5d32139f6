//! One attempt, from claim to outcome.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use saggar_job::{Ending, LogSource, Outcome, Problem, Role};
use saggar_queue::{Claim, Cost, LogLine};
use saggar_sandbox::{Answer, Call, Input, Report, Sandbox};
use saggar_tenant::Flow;
use tokio::sync::Notify;

use crate::handler_sandboxes::HandlerSandboxes;
use crate::progress::Reporter;
use crate::runtime::Runtime;
use crate::services::CallServices;
use crate::setup::{About, Setup};
use crate::source_line::source_line;
use crate::task_runner::TaskRunner;
use crate::trace::trace_id;

/// The sandboxes of a slot: that of the processor, and those of handlers that are called beside it.
pub(crate) struct SlotSandboxes {
    pub(crate) sandbox: Sandbox,
    /// For the progress handler.
    pub(crate) handlers: HandlerSandboxes,
}

impl SlotSandboxes {
    /// `None` if the plugins of the setup are not loaded; the slot then stays with its earlier setup.
    pub(crate) fn new(setup: Arc<Setup>, flow: &Flow) -> Option<Self> {
        let loaded = setup.roles.get(&Role::Processor)?;
        let sandbox = Sandbox::new(loaded.plugin.clone(), loaded.limits, flow.clone());
        Some(Self { sandbox, handlers: HandlerSandboxes::new(setup, flow.clone()) })
    }
}

/// The result of an attempt.
pub(crate) struct Attempted {
    /// `None` if it could not start, which is not the job's fault.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) cost: Cost,
}

/// Runs one attempt.
pub(crate) async fn run(
    runtime: &Arc<Runtime>,
    runner: &TaskRunner,
    sandboxes: &mut SlotSandboxes,
    claim: &Claim,
) -> Attempted {
    let span = runtime.traces.attempt(claim);
    let trace_parent = span.as_ref().map_or(claim.trace_parent(), |span| Some(span.trace_parent())).cloned();
    let running = claim.running();
    let (task, id, attempt) = (claim.queue().key(), running.id(), running.attempt());
    let access = sandboxes.handlers.setup().task.sandbox.tasks;
    let services = Arc::new(CallServices::of_attempt(runtime.clone(), running.clone(), access, trace_parent));
    let trace_id = trace_id(services.trace_parent.as_ref());
    tracing::debug!(%task, %id, attempt, trace_id, "an attempt begins");
    let mut reporter = Reporter::new(runtime, runner, claim, &services);
    let report = call(runner, sandboxes, claim, &services, &mut reporter).await;
    // The last values are delivered before the end.
    reporter.deliver_latest(&mut sandboxes.handlers).await;
    let mut lines = services.log.finish(&*runtime.clock);
    let cost = Cost {
        digest: sandboxes.sandbox.plugin().digest().clone(),
        cpu: report.cpu,
        peak_memory: report.peak_memory,
        fresh: report.fresh,
    };
    let outcome = match report.result {
        Ok(Answer::Response(response)) => Some(Outcome::Success(response)),
        Ok(other) => unreachable!("a processor returns a response, not {other:?}"),
        Err(error) => {
            lines.extend(failure_lines(runtime, claim, error.problem()));
            error.into_outcome()
        }
    };
    let ending = outcome.as_ref().map_or(Ending::Requeued, Outcome::ending).name();
    tracing::debug!(%task, %id, attempt, trace_id, outcome = ending, "an attempt has ended");
    if let Some(span) = span {
        span.end(outcome.as_ref());
    }
    if !lines.is_empty() {
        runtime.append_log(runner, id, lines).await;
    }
    Attempted { outcome, cost }
}

fn failure_lines(runtime: &Runtime, claim: &Claim, problem: &Problem) -> impl Iterator<Item = LogLine> {
    let text = format!("attempt {} failed: {}: {}", claim.running().attempt(), problem.code, problem.message);
    [Some(text), source_line(problem)].into_iter().flatten().map(|text| runtime.line(LogSource::Host, text))
}

/// Calls the processor, and runs the reporter beside it.
async fn call(
    runner: &TaskRunner,
    sandboxes: &mut SlotSandboxes,
    claim: &Claim,
    services: &Arc<CallServices>,
    reporter: &mut Reporter<'_>,
) -> Report {
    let SlotSandboxes { sandbox, handlers } = sandboxes;
    let running = claim.running();
    let about = About { id: running.id(), attempt: running.attempt(), trace_parent: services.trace_parent.as_ref() };
    let setup = handlers.setup();
    let call = Call {
        job: setup.context(about, Role::Processor),
        input: Input::Process { args: claim.args().clone() },
        timeout: setup.task.timeout,
        services: services.clone(),
    };
    let mut call = pin!(sandbox.call(call));
    // Most jobs end in their first slice; the reporter runs beside the others.
    let report = match poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await {
        Poll::Ready(report) => report,
        Poll::Pending => {
            let over = Notify::new();
            let guest = async {
                let report = call.await;
                over.notify_one();
                report
            };
            // Boxed, because it would enlarge the future of every attempt.
            let (report, ()) = tokio::join!(guest, Box::pin(reporter.attend(handlers, &over)));
            report
        }
    };
    runner.meters.called(Role::Processor, &report);
    report
}
