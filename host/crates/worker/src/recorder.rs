//! Records a slot's attempts: in the journal of the slot's instance while they run, and in the store if they are wanted.

use std::sync::Arc;
use std::time::Duration;

use saggar_grant::RecordPolicy;
use saggar_job::{JobId, Outcome, Run};
use saggar_queue::{Claim, Cost};
use saggar_record::{CallEnd, CallHeader, Header, Journal, Recording, masked};
use saggar_sandbox::{JobContext, Sandbox};

use crate::not_recorded::NotRecorded;
use crate::record_rate::RecordRate;
use crate::runtime::Runtime;
use crate::services::CallServices;
use crate::setup::Setup;
use crate::task_runner::TaskRunner;

/// Maximum bytes of an instance's journal. With a longer one the instance is replaced, so that every attempt can be made
/// again from its start. An instance is worth some hundred small jobs, so replacing it costs little. Records of failures
/// are few, and may be longer.
const JOURNAL_OF_FAILURES: usize = 256 << 10;
const JOURNAL: usize = 64 << 10;

/// The recorder of a slot.
pub(crate) struct Recorder {
    policy: RecordPolicy,
    journal: Journal,
}

/// What is left of an attempt that was to be recorded.
pub(crate) enum Recorded {
    /// It was not to be recorded.
    Nothing,
    /// Its record.
    Record(Vec<u8>),
    /// It was to be recorded, and is not: why.
    Dropped(NotRecorded),
}

/// A call that has ended.
pub(crate) struct EndedCall<'a> {
    /// `None` if no attempt was made.
    pub(crate) outcome: Option<&'a Outcome>,
    pub(crate) cost: &'a Cost,
    pub(crate) took: Duration,
    /// Of the memories after the call.
    pub(crate) memory_hash: Option<u64>,
}

impl Recorder {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self { policy: setup.granted.record, journal: Journal::default() }
    }

    /// Makes a new sandbox report what records contain.
    pub(crate) fn prepare(&self, sandbox: &mut Sandbox) {
        if self.policy != RecordPolicy::Off {
            sandbox.hash_memory();
        }
    }

    /// Begins an attempt: wraps the services of its call.
    pub(crate) fn begin(
        &mut self,
        services: CallServices,
        setup: &Setup,
        job: &JobContext,
        claim: &Claim,
    ) -> Recording<CallServices> {
        if self.policy == RecordPolicy::Off {
            return Recording::off(services);
        }
        let header = CallHeader {
            id: job.id.0,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            handler: job.handler.as_deref().map(Into::into),
            trace_parent: job.trace_parent.as_deref().map(Into::into),
            timeout_ms: u64::try_from(setup.task.timeout.as_millis()).unwrap_or(u64::MAX),
            args: masked(claim.args(), &setup.granted.mask),
        };
        Recording::new(services, std::mem::take(&mut self.journal), header)
    }

    /// Ends an attempt in `sandbox`.
    pub(crate) fn end(
        &mut self,
        runtime: &Runtime,
        recording: &Recording<CallServices>,
        (setup, sandbox, claim): (&Setup, &mut Sandbox, &Claim),
        ended: &EndedCall<'_>,
        rate: &RecordRate,
    ) -> Recorded {
        let Some(mut journal) = recording.end() else { return Recorded::Nothing };
        if ended.cost.fresh {
            journal.forget_earlier_calls();
        }
        let recorded = match ended.outcome.filter(|outcome| self.is_wanted(outcome, claim)) {
            None => Recorded::Nothing,
            // Making a record of a long journal costs more than a short job.
            Some(_) if !rate.has_room_for(journal.bytes()) => Recorded::Dropped(NotRecorded::TooMany),
            Some(outcome) => {
                let header = header(runtime, setup, claim, ended);
                let cpu_ns = u64::try_from(ended.cost.cpu.as_nanos()).unwrap_or(u64::MAX);
                let end = CallEnd::new(outcome, cpu_ns, ended.cost.peak_memory);
                let end = CallEnd { memory_hash: ended.memory_hash, ..end };
                let record = journal.record(&header, end);
                record.map_or(Recorded::Dropped(NotRecorded::TooLarge), Recorded::Record)
            }
        };
        if !sandbox.is_warm() {
            journal.clear();
        } else if !journal.end_call(self.most_bytes()) {
            sandbox.retire();
        }
        self.journal = journal;
        recorded
    }

    fn is_wanted(&self, outcome: &Outcome, claim: &Claim) -> bool {
        match self.policy {
            RecordPolicy::Off => false,
            RecordPolicy::Failures => outcome.failed().is_some(),
            RecordPolicy::All => true,
            RecordPolicy::PerMillion(count) => chance(claim) < count,
        }
    }

    fn most_bytes(&self) -> usize {
        if self.policy == RecordPolicy::Failures { JOURNAL_OF_FAILURES } else { JOURNAL }
    }
}

/// Returns a number below a million that is random between attempts.
fn chance(claim: &Claim) -> u32 {
    let (id, Run(run)) = (claim.running().id().0, claim.running().run());
    // The finalizer of SplitMix64.
    let mut mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ run.rotate_left(32);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((mixed ^ (mixed >> 31)) % u64::from(RecordPolicy::MILLION)).unwrap_or(0)
}

fn header<'a>(runtime: &Runtime, setup: &'a Setup, claim: &Claim, ended: &EndedCall<'a>) -> Header<'a> {
    let took = u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX);
    Header {
        host: env!("CARGO_PKG_VERSION").into(),
        task: setup.task.id.as_str().into(),
        process: setup.task.process.value.to_string().into(),
        digest: (&*ended.cost.digest).into(),
        run: claim.running().run().0,
        started_at: runtime.clock.now().0.saturating_sub(took),
        memory: setup.task.sandbox.memory_bytes,
        is_masked: !setup.granted.mask.is_empty(),
    }
}

/// Stores a record, if the task has not had too many lately.
pub(crate) async fn keep(runner: &TaskRunner, claim: &Claim, record: Vec<u8>) {
    let (id, run) = (claim.running().id(), claim.running().run());
    if !runner.record_rate.take(record.len()) {
        return count_dropped(runner, id, NotRecorded::TooMany);
    }
    if let Err(error) = runner.queue.keep_recording(id, run, Arc::from(record)).await {
        count_dropped(runner, id, NotRecorded::NotStored);
        tracing::warn!(task = %runner.queue.key(), %id, %error, "the record of an attempt is lost");
    }
}

/// Counts an attempt that was to be recorded and has no record.
pub(crate) fn count_dropped(runner: &TaskRunner, id: JobId, reason: NotRecorded) {
    runner.meters.not_recorded(reason);
    tracing::debug!(task = %runner.queue.key(), %id, why = reason.why(), "an attempt is not recorded");
}
