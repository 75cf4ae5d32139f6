//! A slot: claims jobs of its task, one at a time, and runs their attempts in its own sandbox.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use saggar_job::{Outcome, Status};
use saggar_queue::Claim;

use crate::attempt::{self, Attempted, SlotSandboxes};
use crate::failures::{self, Failed};
use crate::running_gate::RunningPermit;
use crate::runtime::Runtime;
use crate::slot_set::SlotPermit;
use crate::task_runner::TaskRunner;
use crate::trace::trace_id;

/// How long a slot waits after the store failed, or there was no room for its sandbox, before it tries again.
const SETBACK: Duration = Duration::from_secs(1);

/// How long storing the end of an attempt may take when the host aborts. Only a full disk takes this long: then the
/// attempt stays RUNNING in the store, and is lost when the next host opens it.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// Works until its slot is removed or the task stops.
pub(crate) async fn run(runtime: Arc<Runtime>, runner: Arc<TaskRunner>, permit: SlotPermit) {
    let Some(_working) = permit.acquire().await else { return };
    // A reload may have unloaded the slot's plugins.
    let Some(mut sandboxes) = SlotSandboxes::new(runner.setup(), &runner.flow) else { return };
    let mut next = None;
    loop {
        let (claim, running) = match next.take() {
            Some(claimed) => claimed,
            None => match wait_for_claim(&runtime, &runner, &permit).await {
                Some(claimed) => claimed,
                None => return,
            },
        };
        if !runner.is_current(sandboxes.handlers.setup())
            && let Some(current) = SlotSandboxes::new(runner.setup(), &runner.flow)
        {
            sandboxes = current;
        }
        next = work(&runtime, &runner, &permit, &mut sandboxes, (claim, running)).await;
        sandboxes.sandbox.retire_if_scarce();
        sandboxes.handlers.retire_if_scarce();
        // A slot with enough work would never yield its thread.
        tokio::task::coop::consume_budget().await;
    }
}

/// Waits for the next job; `None` when the slot is to leave.
async fn wait_for_claim(
    runtime: &Runtime,
    runner: &Arc<TaskRunner>,
    permit: &SlotPermit,
) -> Option<(Claim, RunningPermit)> {
    loop {
        tokio::select! {
            biased;
            () = permit.leave.cancelled() => return None,
            claim = runner.queue.claim_with(|| runtime.gate.pass(&runner.flow)) => match claim {
                Ok(claim) => return Some(claim),
                // The store reports it itself, once for all tasks.
                Err(error) if error.is_passing() => {}
                Err(error) => tracing::error!(task = %runner.queue.key(), %error, "no job can be claimed; trying again"),
            },
        }
        tokio::time::sleep(SETBACK).await;
    }
}

/// Runs one attempt and stores its end. Returns the next claim, with the same permit, if a job was due.
async fn work(
    runtime: &Arc<Runtime>,
    runner: &Arc<TaskRunner>,
    permit: &SlotPermit,
    sandboxes: &mut SlotSandboxes,
    (mut claim, running): (Claim, RunningPermit),
) -> Option<(Claim, RunningPermit)> {
    let attempted = {
        // Pinned, because the future of an attempt is large, and `select!` moves what it is given.
        let attempted = pin!(attempt::run(runtime, runner, sandboxes, &claim));
        tokio::select! {
            biased;
            attempted = attempted => Some(attempted),
            () = runtime.abort.cancelled() => None,
        }
    };
    let Some(Attempted { outcome, cost }) = attempted else {
        abandon(runtime, runner, claim).await;
        return None;
    };
    claim.spent(cost);
    let Some(outcome) = outcome else {
        requeue(runtime, runner, claim).await;
        drop(running);
        tokio::time::sleep(SETBACK).await;
        return None;
    };
    finish(runtime, runner, permit, claim, outcome).await.map(|claim| (claim, running))
}

/// Stores the end of an attempt. Returns the next claim if a job was due.
async fn finish(
    runtime: &Runtime,
    runner: &Arc<TaskRunner>,
    permit: &SlotPermit,
    claim: Claim,
    outcome: Outcome,
) -> Option<Claim> {
    let (key, trace_parent) = (claim.running().key(), claim.trace_parent().cloned());
    let failed = Failed::new(&claim, &outcome);
    let finished = pin!(async {
        if permit.leave.is_cancelled() || runtime.gate.is_contended() {
            runner.queue.finish(claim, outcome).await.map(|status| (status, None))
        } else {
            runner.queue.finish_and_claim(claim, outcome).await
        }
    });
    match unless_too_late(runtime, finished).await {
        Some(Ok((status, next))) => {
            if let Some(failed) = failed.filter(|_| status == Status::Failure) {
                failed.for_good(trace_parent.as_ref());
            }
            next
        }
        Some(Err(error)) => {
            let trace_id = trace_id(trace_parent.as_ref());
            tracing::error!(job = %key, trace_id, %error, "the end of an attempt could not be stored");
            None
        }
        None => {
            let trace_id = trace_id(trace_parent.as_ref());
            tracing::error!(
                job = %key,
                trace_id,
                "the end of an attempt could not be stored before the host stopped; it will be lost"
            );
            None
        }
    }
}

/// Requeues a job whose attempt was interrupted because the host stops.
async fn abandon(runtime: &Runtime, runner: &Arc<TaskRunner>, claim: Claim) {
    let (key, trace_parent) = (claim.running().key(), claim.trace_parent().cloned());
    if requeue(runtime, runner, claim).await {
        failures::stopped(&key, trace_parent.as_ref(), runtime.queue.store().outlives_process());
        runtime.abandoned.lock().push(key);
    }
}

/// Requeues a job without using an attempt. Returns whether it waits again. If that could not be stored, or the job was
/// cancelled meanwhile, it must not be reported as requeued.
async fn requeue(runtime: &Runtime, runner: &Arc<TaskRunner>, claim: Claim) -> bool {
    let (key, trace_parent) = (claim.running().key(), claim.trace_parent().cloned());
    let answer = unless_too_late(runtime, runner.queue.requeue(claim)).await;
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

/// Awaits a step; `None` if the host aborts and the step does not end soon after.
async fn unless_too_late<T>(runtime: &Runtime, step: impl Future<Output = T>) -> Option<T> {
    let too_late = async {
        runtime.abort.cancelled().await;
        tokio::time::sleep(LAST_WAIT).await;
    };
    tokio::select! {
        biased;
        answer = step => Some(answer),
        () = too_late => None,
    }
}
