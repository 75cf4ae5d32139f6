//! A worker of a lane: claims pending callbacks of its task, one at a time, and calls their handlers.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{LogSource, Problem, Role};
use saggar_queue::{Callback, CallbackBackoff, CallbackKind, Lane, StoreError};
use saggar_sandbox::Input;

use crate::delivery::deliver;
use crate::failures;
use crate::handler_sandboxes::HandlerSandboxes;
use crate::runtime::Runtime;
use crate::setup::About;
use crate::slot_set::SlotPermit;
use crate::task_runner::TaskRunner;

/// How long a lane waits after the store failed.
const SETBACK: Duration = Duration::from_secs(1);

/// Works until it is removed from the lane or the host stops, and no callback is due then.
pub(crate) async fn run(runtime: Arc<Runtime>, runner: Arc<TaskRunner>, lane: Lane, permit: SlotPermit) {
    let Some(_working) = permit.acquire().await else { return };
    let mut handlers = HandlerSandboxes::new(runner.setup(), runner.flow.clone());
    loop {
        tokio::select! {
            biased;
            () = runtime.abort.cancelled() => return,
            () = runtime.gate.cpu_available() => {}
            // The callbacks are stored, and delivered later.
            () = permit.leave.cancelled() => return,
        }
        tokio::select! {
            biased;
            () = runtime.abort.cancelled() => return,
            callback = runner.queue.next_callback(lane) => match callback {
                Ok(callback) => {
                    handlers = handlers.refreshed(runner.setup());
                    tokio::select! {
                        biased;
                        settled = deliver_callback(&runtime, &runner, &mut handlers, callback) => {
                            handlers.retire_if_scarce();
                            report(&runner, settled);
                        }
                        // The dropped callback is pending again, so it will be delivered again.
                        () = runtime.abort.cancelled() => return,
                    }
                }
                Err(error) => {
                    report(&runner, Err(error));
                    tokio::time::sleep(SETBACK).await;
                }
            },
            // Last, so that callbacks that are due are delivered first.
            () = permit.leave.cancelled() => return,
        }
        tokio::task::coop::consume_budget().await;
    }
}

fn report(runner: &TaskRunner, settled: Result<(), StoreError>) {
    // The store reports passing errors itself, once for all tasks.
    if let Err(error) = settled
        && !error.is_passing()
    {
        tracing::error!(task = %runner.queue.key(), %error, "a callback could not be taken or settled; trying again");
    }
}

async fn deliver_callback(
    runtime: &Arc<Runtime>,
    runner: &Arc<TaskRunner>,
    handlers: &mut HandlerSandboxes,
    callback: Callback,
) -> Result<(), StoreError> {
    let input = match callback.kind() {
        CallbackKind::Added => Input::OnAdd,
        CallbackKind::Succeeded { response } => Input::OnSuccess { response: response.as_ref().into() },
        CallbackKind::Failed { problem, .. } => Input::OnError { problem: problem.clone() },
    };
    let role = input.role();
    let about = About { id: callback.id(), attempt: callback.attempt(), trace_parent: callback.trace_parent() };
    let Some(problem) = deliver(runtime, runner, handlers, callback.key(), about, input).await else {
        return runner.queue.callback_done(callback).await;
    };
    defer(runtime, runner, role, callback, problem).await
}

/// Defers a callback whose handler failed, or gives it up.
async fn defer(
    runtime: &Arc<Runtime>,
    runner: &Arc<TaskRunner>,
    role: Role,
    callback: Callback,
    problem: Problem,
) -> Result<(), StoreError> {
    let (job, trace_parent, delay_ms) = (callback.key(), callback.trace_parent().cloned(), callback.backoff());
    let (tries, code) = (callback.tries() + 1, &*problem.code);
    let failed = failures::FailedHandler { job, role, tries, code, trace_parent: trace_parent.as_ref() };
    let text = match delay_ms {
        Some(_) if tries < CallbackBackoff::QUICK_TRIES => None,
        Some(delay_ms) => {
            let next_try_s = delay_ms / 1_000;
            failed.deferred(next_try_s);
            Some(format!("the {} handler failed {tries} times; it is tried again in {next_try_s} s", role.key()))
        }
        None => {
            runner.meters.given_up(role);
            failed.given_up();
            let key = role.key();
            Some(format!(
                "the {key} handler failed {tries} times and is given up; `saggar redeliver` delivers it again"
            ))
        }
    };
    // First, because a client that waits for the callback reads the log afterwards.
    let lines = text.map(|text| runtime.line(LogSource::Host, text)).into_iter().collect();
    runtime.append_log(runner, callback.id(), lines).await;
    runner.queue.callback_failed(callback, problem, delay_ms).await
}
