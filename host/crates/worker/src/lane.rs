//! A lane: takes notices of its task, one at a time, and tells the handlers.

use std::sync::Arc;
use std::time::Duration;

use saggar_queue::{Happened, LogSource, Notice, StoreError};
use saggar_sandbox::Input;

use crate::crew::Crew;
use crate::failures;
use crate::seats::Seat;
use crate::station::{About, Station};
use crate::worker::Inner;

/// How often a handler of an end is told before it is given up, and how long each of the first failures is waited out. A
/// failing add handler is not told again, for the job waits for it.
const TRIES: u32 = 3;
const PUT_OFF_MS: [u64; 2] = [200, 1000];

/// How long a lane waits after the store failed.
const SETBACK: Duration = Duration::from_secs(1);

/// Works until its seat is taken away, or the host stops, and nothing is left to tell at the moment.
pub(crate) async fn run(worker: Arc<Inner>, station: Arc<Station>, seat: Seat) {
    let Some(_seated) = seat.sit_down().await else { return };
    let mut crew = Crew::new(station.setup());
    loop {
        tokio::select! {
            biased;
            () = worker.abort.cancelled() => return,
            notice = station.queue.notice() => match notice {
                Ok(notice) => {
                    crew = crew.refreshed(&station);
                    tokio::select! {
                        biased;
                        told = tell(&worker, &station, &mut crew, notice) => report(&station, told),
                        // The notice is dropped, and so will be told again.
                        () = worker.abort.cancelled() => return,
                    }
                }
                Err(error) => {
                    report(&station, Err(error));
                    tokio::time::sleep(SETBACK).await;
                }
            },
            // Asked last: what is there to tell is told first.
            () = seat.leave.cancelled() => return,
        }
        tokio::task::coop::consume_budget().await;
    }
}

fn report(station: &Station, told: Result<(), StoreError>) {
    // What passes the store says itself, once for everybody.
    if let Err(error) = told
        && !error.is_passing()
    {
        tracing::error!(task = %station.queue.key(), %error, "a notice could not be taken or settled; trying again");
    }
}

async fn tell(worker: &Arc<Inner>, station: &Arc<Station>, crew: &mut Crew, notice: Notice) -> Result<(), StoreError> {
    let (input, may_wait) = match notice.happened() {
        Happened::Added => (Input::OnAdd, false),
        Happened::Succeeded { response } => (Input::OnSuccess { response: response.as_ref().into() }, true),
        Happened::Failed { problem, .. } => (Input::OnError { problem: problem.clone() }, true),
    };
    let role = input.role();
    let about = About { id: notice.id(), attempt: notice.attempt(), trace_parent: notice.trace_parent() };
    let Some(problem) = crew.tell(worker, station, notice.key(), about, input).await else {
        return station.queue.notice_done(notice).await;
    };
    let tries = notice.tries() + 1;
    if !may_wait {
        failures::given_up(&notice, role, tries, &problem);
        return station.queue.notice_done(notice).await;
    }
    if let Some(delay_ms) = PUT_OFF_MS.get(notice.tries() as usize) {
        return station.queue.notice_put_off(notice, *delay_ms).await;
    }
    debug_assert!(tries >= TRIES);
    station.meters.given_up(role);
    failures::given_up(&notice, role, tries, &problem);
    let text = format!("the {} handler failed {tries} times and is given up", role.key());
    worker.append_log(station, notice.id(), vec![worker.line(LogSource::Host, text)]).await;
    station.queue.notice_done(notice).await
}
