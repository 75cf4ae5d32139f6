//! A slot: claims jobs of its task, one at a time, and runs their attempts in its own sandbox.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{Outcome, Role, Status};
use saggar_queue::Claim;
use saggar_sandbox::Sandbox;

use crate::Setup;
use crate::attempt::{self, Attempted, SlotSandboxes};
use crate::failures::{self, Failed};
use crate::handler_sandboxes::HandlerSandboxes;
use crate::slot_set::SlotPermit;
use crate::task_runner::TaskRunner;
use crate::trace::trace_id;
use crate::worker::Inner;

/// How long a slot waits after the store failed, or there was no room for its sandbox, before it tries again.
const SETBACK: Duration = Duration::from_secs(1);

/// How long the end of an attempt may take when the host stops at once. Only a full disk ever takes as long: then the attempt is
/// left running in the store, and lost when the next host opens it.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// Works until its slot is removed, or the task stops.
pub(crate) async fn run(worker: Arc<Inner>, runner: Arc<TaskRunner>, permit: SlotPermit) {
    let Some(_working) = permit.acquire().await else { return };
    // A reload may have taken its plugins away again.
    let Some(mut sandboxes) = slot_sandboxes(runner.setup()) else { return };
    let mut next = None;
    loop {
        let claim = match next.take() {
            Some(claim) => claim,
            None => match wait_for_claim(&runner, &permit).await {
                Some(claim) => claim,
                None => return,
            },
        };
        if !runner.is_current(sandboxes.handlers.setup())
            && let Some(current) = slot_sandboxes(runner.setup())
        {
            sandboxes = current;
        }
        next = work(&worker, &runner, &permit, &mut sandboxes, claim).await;
        // A slot with work enough would never give its thread away.
        tokio::task::coop::consume_budget().await;
    }
}

/// The next job. None when the slot is to leave.
async fn wait_for_claim(runner: &Arc<TaskRunner>, permit: &SlotPermit) -> Option<Claim> {
    loop {
        tokio::select! {
            biased;
            () = permit.leave.cancelled() => return None,
            claim = runner.queue.claim() => match claim {
                Ok(claim) => return Some(claim),
                // The store says it itself, once for everybody.
                Err(error) if error.is_passing() => {}
                Err(error) => tracing::error!(task = %runner.queue.key(), %error, "no job can be claimed; trying again"),
            },
        }
        tokio::time::sleep(SETBACK).await;
    }
}

/// None if the plugins of the setup are not loaded; what has begun then ends under the earlier one.
fn slot_sandboxes(setup: Arc<Setup>) -> Option<SlotSandboxes> {
    let played = setup.role(Role::Processor)?;
    Some(SlotSandboxes {
        sandbox: Sandbox::new(played.plugin.clone(), played.limits),
        handlers: HandlerSandboxes::new(setup),
    })
}

/// One attempt and its end. Answers the next claim if there was one at once.
async fn work(
    worker: &Arc<Inner>,
    runner: &Arc<TaskRunner>,
    permit: &SlotPermit,
    sandboxes: &mut SlotSandboxes,
    mut claim: Claim,
) -> Option<Claim> {
    let Attempted { outcome, cost } = tokio::select! {
        biased;
        attempted = attempt::run(worker, runner, sandboxes, &claim) => attempted,
        () = worker.abort.cancelled() => {
            let (key, trace_parent) = (claim.key(), claim.trace_parent().cloned());
            if requeue(worker, runner, claim).await {
                failures::stopped(&key, trace_parent.as_ref(), worker.queue.outlives_process());
                worker.abandoned.lock().push(key);
            }
            return None;
        }
    };
    claim.spent(cost);
    let Some(outcome) = outcome else {
        requeue(worker, runner, claim).await;
        tokio::time::sleep(SETBACK).await;
        return None;
    };
    finish(worker, runner, permit, claim, outcome).await
}

/// Keeps the end of an attempt. Answers the next claim if there was one at once.
async fn finish(
    worker: &Inner,
    runner: &Arc<TaskRunner>,
    permit: &SlotPermit,
    claim: Claim,
    outcome: Outcome,
) -> Option<Claim> {
    let (key, trace_parent) = (claim.key(), claim.trace_parent().cloned());
    let failed = Failed::new(&claim, &outcome);
    let finished = async {
        if permit.leave.is_cancelled() {
            runner.queue.finish(claim, outcome).await.map(|status| (status, None))
        } else {
            runner.queue.finish_and_claim(claim, outcome).await
        }
    };
    match unless_too_late(worker, finished).await {
        Some(Ok((status, next))) => {
            if let Some(failed) = failed.filter(|_| status == Status::Failure) {
                failed.for_good(trace_parent.as_ref());
            }
            next
        }
        Some(Err(error)) => {
            let trace_id = trace_id(trace_parent.as_ref());
            tracing::error!(job = %key, trace_id, %error, "the end of an attempt could not be kept");
            None
        }
        None => {
            let trace_id = trace_id(trace_parent.as_ref());
            tracing::error!(
                job = %key,
                trace_id,
                "the end of an attempt could not be kept before the host stopped; it will be lost"
            );
            None
        }
    }
}

/// Answers whether the job waits again as if the attempt had never begun: that could not be kept, or it had been cancelled, and
/// then nobody is to be told that it was requeued.
async fn requeue(worker: &Inner, runner: &Arc<TaskRunner>, claim: Claim) -> bool {
    let (key, trace_parent) = (claim.key(), claim.trace_parent().cloned());
    let answer = unless_too_late(worker, runner.queue.requeue(claim)).await;
    let trace_id = trace_id(trace_parent.as_ref());
    match answer {
        Some(Ok(status)) => return status == Status::Waiting,
        Some(Err(error)) => tracing::error!(job = %key, trace_id, %error, "a job could not be requeued"),
        None => tracing::error!(
            job = %key,
            trace_id,
            "a job could not be requeued before the host stopped; its attempt will be lost"
        ),
    }
    false
}

/// What a step answers; none if the host stops at once and the step cannot be done soon.
async fn unless_too_late<T>(worker: &Inner, step: impl Future<Output = T>) -> Option<T> {
    let too_late = async {
        worker.abort.cancelled().await;
        tokio::time::sleep(LAST_WAIT).await;
    };
    tokio::select! {
        biased;
        answer = step => Some(answer),
        () = too_late => None,
    }
}
