//! One attempt, from claim to outcome.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use saggar_job::{Ending, LogSource, Outcome, Problem, Role};
use saggar_queue::{Claim, Cost, LogLine};
use saggar_record::Recording;
use saggar_sandbox::{Answer, Call, Input, JobContext, Report, Sandbox};
use saggar_tenant::Flow;
use tokio::sync::Notify;

use crate::handler_sandboxes::HandlerSandboxes;
use crate::progress::Reporter;
use crate::recorder::{self, EndedCall, Recorded, Recorder};
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
    /// Of the processor's calls.
    recorder: Recorder,
}

impl SlotSandboxes {
    /// `None` if the plugins of the setup are not loaded; the slot then stays with its earlier setup.
    pub(crate) fn new(setup: Arc<Setup>, flow: &Flow) -> Option<Self> {
        let loaded = setup.roles.get(&Role::Processor)?;
        let mut sandbox = Sandbox::new(loaded.plugin.clone(), loaded.limits, flow.clone());
        let recorder = Recorder::new(&setup);
        recorder.prepare(&mut sandbox);
        Some(Self { sandbox, handlers: HandlerSandboxes::new(setup, flow.clone()), recorder })
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
    let SlotSandboxes { sandbox, handlers, recorder } = &mut *sandboxes;
    let setup = handlers.setup();
    let about = About { id, attempt, trace_parent: trace_parent.as_ref() };
    let job = setup.context(about, Role::Processor);
    running.set_component(sandbox.plugin().digest().clone());
    let services = CallServices::of_attempt(runtime.clone(), running.clone(), setup.granted.clone(), trace_parent);
    let services = Arc::new(recorder.begin(services, setup, &job, claim));
    let own_services = services.services();
    let trace_id = trace_id(own_services.trace_parent.as_ref());
    tracing::debug!(%task, %id, attempt, trace_id, "an attempt begins");
    let mut reporter = Reporter::new(runtime, runner, claim, own_services);
    let report = call(runner, sandboxes, (claim, job), &services, &mut reporter).await;
    // The last values are delivered before the end.
    reporter.deliver_latest(&mut sandboxes.handlers).await;
    own_services.files.end().await;
    let mut lines = own_services.log.finish(&*runtime.clock);
    let cost = Cost {
        digest: sandboxes.sandbox.plugin().digest().clone(),
        // At the end, because the first attempts of a host may begin before all code of the app is loaded.
        deployment: sandboxes.handlers.setup().deployment(),
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
    let SlotSandboxes { sandbox, handlers, recorder } = sandboxes;
    let memory_hash = report.memory_hash;
    let ended = EndedCall { outcome: outcome.as_ref(), cost: &cost, took: report.took, memory_hash };
    let parts = (&**handlers.setup(), sandbox, claim);
    match recorder.end(runtime, &services, parts, &ended, &runner.record_rate) {
        Recorded::Nothing => {}
        // Boxed, because few attempts are kept.
        Recorded::Record(record) => Box::pin(recorder::keep(runner, claim, record)).await,
        Recorded::Dropped(reason) => recorder::count_dropped(runner, id, reason),
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
    (claim, job): (&Claim, JobContext),
    services: &Arc<Recording<CallServices>>,
    reporter: &mut Reporter<'_>,
) -> Report {
    let SlotSandboxes { sandbox, handlers, .. } = sandboxes;
    let setup = handlers.setup();
    let call = Call {
        job,
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
