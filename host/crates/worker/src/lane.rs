//! A worker of a lane: takes notices of its task and lane, one at a time, and tells the handlers.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{Problem, Role};
use saggar_queue::{CallbackBackoff, Happened, Lane, LogSource, Notice, StoreError};
use saggar_sandbox::Input;

use crate::failures;
use crate::handler_sandboxes::HandlerSandboxes;
use crate::slot_set::SlotPermit;
use crate::task_runner::{About, TaskRunner};
use crate::worker::Inner;

/// How long a lane waits after the store failed.
const SETBACK: Duration = Duration::from_secs(1);

/// Works until its place in the lane is removed, or the host stops, and no callback is due at the moment.
pub(crate) async fn run(worker: Arc<Inner>, runner: Arc<TaskRunner>, lane: Lane, permit: SlotPermit) {
    let Some(_working) = permit.acquire().await else { return };
    let mut handlers = HandlerSandboxes::new(runner.setup());
    loop {
        tokio::select! {
            biased;
            () = worker.abort.cancelled() => return,
            notice = runner.queue.notice(lane) => match notice {
                Ok(notice) => {
                    handlers = handlers.refreshed(&runner);
                    tokio::select! {
                        biased;
                        delivered = deliver(&worker, &runner, &mut handlers, notice) => report(&runner, delivered),
                        // The notice is dropped, and so will be told again.
                        () = worker.abort.cancelled() => return,
                    }
                }
                Err(error) => {
                    report(&runner, Err(error));
                    tokio::time::sleep(SETBACK).await;
                }
            },
            // Asked last: what is there to tell is told first.
            () = permit.leave.cancelled() => return,
        }
        tokio::task::coop::consume_budget().await;
    }
}

fn report(runner: &TaskRunner, delivered: Result<(), StoreError>) {
    // What passes the store says itself, once for everybody.
    if let Err(error) = delivered
        && !error.is_passing()
    {
        tracing::error!(task = %runner.queue.key(), %error, "a notice could not be taken or settled; trying again");
    }
}

async fn deliver(
    worker: &Arc<Inner>,
    runner: &Arc<TaskRunner>,
    handlers: &mut HandlerSandboxes,
    notice: Notice,
) -> Result<(), StoreError> {
    let input = match notice.happened() {
        Happened::Added => Input::OnAdd,
        Happened::Succeeded { response } => Input::OnSuccess { response: response.as_ref().into() },
        Happened::Failed { problem, .. } => Input::OnError { problem: problem.clone() },
    };
    let role = input.role();
    let about = About { id: notice.id(), attempt: notice.attempt(), trace_parent: notice.trace_parent() };
    let Some(problem) = handlers.deliver(worker, runner, notice.key(), about, input).await else {
        return runner.queue.notice_done(notice).await;
    };
    put_off(worker, runner, role, notice, problem).await
}

/// Has a callback whose handler failed delivered again later, or gives it up.
async fn put_off(
    worker: &Arc<Inner>,
    runner: &Arc<TaskRunner>,
    role: Role,
    notice: Notice,
    problem: Problem,
) -> Result<(), StoreError> {
    let (job, trace_parent, delay_ms) = (notice.key(), notice.trace_parent().cloned(), notice.backoff());
    let (tries, code) = (notice.tries() + 1, &*problem.code);
    let failed = failures::FailedHandler { job, role, tries, code, trace_parent: trace_parent.as_ref() };
    let said = match delay_ms {
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
    // First, because whoever waits for the callback reads the log afterwards.
    let lines = said.map(|text| worker.line(LogSource::Host, text)).into_iter().collect();
    worker.append_log(runner, notice.id(), lines).await;
    runner.queue.notice_failed(notice, problem, delay_ms).await
}
