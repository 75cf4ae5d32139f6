//! A slot: claims jobs of its task, one at a time, and runs their attempts in its own sandbox.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{Outcome, Role, Status};
use saggar_queue::Claim;
use saggar_sandbox::Sandbox;

use crate::Setup;
use crate::attempt::{self, Attempted, Bench};
use crate::crew::Crew;
use crate::failures::{self, Failed};
use crate::seats::Seat;
use crate::station::Station;
use crate::trace::trace_id;
use crate::worker::Inner;

/// How long a slot waits after the store failed, or there was no room for its sandbox, before it tries again.
const SETBACK: Duration = Duration::from_secs(1);

/// How long the end of an attempt may take when the host stops at once. Only a full disk ever takes as long: then the attempt is
/// left running in the store, and lost when the next host opens it.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// Works until its seat is taken away, or the station stops.
pub(crate) async fn run(worker: Arc<Inner>, station: Arc<Station>, seat: Seat) {
    let Some(_seated) = seat.sit_down().await else { return };
    // A reload may have taken its plugins away again.
    let Some(mut bench) = bench(station.setup()) else { return };
    let mut next = None;
    loop {
        let claim = match next.take() {
            Some(claim) => claim,
            None => match wait_for_claim(&station, &seat).await {
                Some(claim) => claim,
                None => return,
            },
        };
        if !station.is_current(bench.crew.setup())
            && let Some(current) = self::bench(station.setup())
        {
            bench = current;
        }
        next = work(&worker, &station, &seat, &mut bench, claim).await;
        // A slot with work enough would never give its thread away.
        tokio::task::coop::consume_budget().await;
    }
}

/// The next job. None when the slot is to leave.
async fn wait_for_claim(station: &Arc<Station>, seat: &Seat) -> Option<Claim> {
    loop {
        tokio::select! {
            biased;
            () = seat.leave.cancelled() => return None,
            claim = station.queue.claim() => match claim {
                Ok(claim) => return Some(claim),
                // The store says it itself, once for everybody.
                Err(error) if error.is_passing() => {}
                Err(error) => tracing::error!(task = %station.queue.key(), %error, "no job can be claimed; trying again"),
            },
        }
        tokio::time::sleep(SETBACK).await;
    }
}

/// None if the plugins of the setup are not loaded; what has begun then ends under the earlier one.
fn bench(setup: Arc<Setup>) -> Option<Bench> {
    let played = setup.role(Role::Processor)?;
    Some(Bench { sandbox: Sandbox::new(played.plugin.clone(), played.limits), crew: Crew::new(setup) })
}

/// One attempt and its end. Answers the next claim if there was one at once.
async fn work(
    worker: &Arc<Inner>,
    station: &Arc<Station>,
    seat: &Seat,
    bench: &mut Bench,
    mut claim: Claim,
) -> Option<Claim> {
    let Attempted { outcome, cost } = tokio::select! {
        biased;
        attempted = attempt::run(worker, station, bench, &claim) => attempted,
        () = worker.abort.cancelled() => {
            let (key, trace_parent) = (claim.key(), claim.trace_parent().cloned());
            if requeue(worker, station, claim).await {
                failures::stopped(&key, trace_parent.as_ref(), worker.queue.outlives_process());
                worker.abandoned.lock().push(key);
            }
            return None;
        }
    };
    claim.spent(cost);
    let Some(outcome) = outcome else {
        requeue(worker, station, claim).await;
        tokio::time::sleep(SETBACK).await;
        return None;
    };
    finish(worker, station, seat, claim, outcome).await
}

/// Keeps the end of an attempt. Answers the next claim if there was one at once.
async fn finish(worker: &Inner, station: &Arc<Station>, seat: &Seat, claim: Claim, outcome: Outcome) -> Option<Claim> {
    let (key, trace_parent) = (claim.key(), claim.trace_parent().cloned());
    let failed = Failed::new(&claim, &outcome);
    let finished = async {
        if seat.leave.is_cancelled() {
            station.queue.finish(claim, outcome).await.map(|status| (status, None))
        } else {
            station.queue.finish_and_claim(claim, outcome).await
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
async fn requeue(worker: &Inner, station: &Arc<Station>, claim: Claim) -> bool {
    let (key, trace_parent) = (claim.key(), claim.trace_parent().cloned());
    let answer = unless_too_late(worker, station.queue.requeue(claim)).await;
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
