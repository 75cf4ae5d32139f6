//! While an attempt runs: tells the progress handler of the latest values, and hands the log on, so that both can be
//! followed while the guest works.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::Role;
use saggar_queue::Claim;
use saggar_sandbox::Input;
use tokio::sync::Notify;

use crate::crew::Crew;
use crate::services::CallServices;
use crate::station::{About, Station};
use crate::worker::Inner;

/// The progress handler is called at most once in this time.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// A running attempt's log is handed on this often.
const LOG_EVERY: Duration = Duration::from_millis(250);

/// Tells the progress handler of one attempt.
pub(crate) struct Reporter<'a> {
    pub(crate) worker: &'a Arc<Inner>,
    pub(crate) station: &'a Station,
    pub(crate) claim: &'a Claim,
    pub(crate) services: &'a CallServices,
    /// The generation of the values that were last told.
    told: u64,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(
        worker: &'a Arc<Inner>,
        station: &'a Station,
        claim: &'a Claim,
        services: &'a CallServices,
    ) -> Self {
        Self { worker, station, claim, services, told: 0 }
    }

    /// Works beside the guest until `over`.
    pub(crate) async fn attend(&mut self, crew: &mut Crew, over: &Notify) {
        let has_handler = crew.setup().role(Role::ProgressHandler).is_some();
        let mut log_due = tokio::time::interval(LOG_EVERY);
        let mut over = std::pin::pin!(over.notified());
        loop {
            tokio::select! {
                biased;
                () = &mut over => return,
                _ = self.claim.running().changed(self.told), if has_handler => {
                    self.tell_latest(crew).await;
                    tokio::select! {
                        biased;
                        () = &mut over => return,
                        () = tokio::time::sleep(TELL_EVERY) => {}
                    }
                }
                _ = log_due.tick() => {
                    let lines = self.services.transcript.take();
                    self.worker.append_log(self.station, self.claim.id(), lines).await;
                }
            }
        }
    }

    /// Tells the handler of the latest values, unless it knows them.
    pub(crate) async fn tell_latest(&mut self, crew: &mut Crew) {
        let running = self.claim.running();
        let generation = running.generation();
        if generation == self.told || crew.setup().role(Role::ProgressHandler).is_none() {
            return;
        }
        self.told = generation;
        let latest = running.latest();
        let input = Input::OnProgress { current: latest.current, total: latest.total, message: latest.message.into() };
        let trace_parent = self.services.trace_parent.as_ref();
        let about = About { id: self.claim.id(), attempt: self.claim.attempt(), trace_parent };
        // Apart from the attempt, which would be moved with room for it each time.
        Box::pin(crew.tell(self.worker, self.station, self.claim.key(), about, input)).await;
    }
}
