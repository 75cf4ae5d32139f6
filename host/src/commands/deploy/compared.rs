//! Compares a recorded attempt with the same attempt on other code.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;
use saggar::Plugin;
use saggar_record::{Record, ReplayMode};
use saggar_sandbox::CallError;
use serde::Serialize;

use crate::commands::replay::rerun::{self, Rerun, RerunCode, RerunOptions};

/// What a call may take if it computes much longer than the recorded one did. An endless loop in new code would otherwise take
/// the task's timeout for each attempt.
const LEAST_TIMEOUT: Duration = Duration::from_secs(10);

/// How many times the recorded processor time a call may take beyond that.
const SLOWER: u32 = 20;

/// Which attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct AttemptName {
    pub(super) id: u64,
    pub(super) attempt: u32,
    pub(super) run: u64,
}

/// A recorded attempt that other code runs.
pub(super) struct RecordedAttempt {
    pub(super) record: Record,
    /// The code that the attempt ran; `None` if the host does not keep it.
    pub(super) old: Option<Plugin>,
}

/// What the other code does.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) of: AttemptName,
    /// How the attempt ended, and how it ends now: `SUCCESS`, or the reason and code of the failure.
    pub(super) ends: [String; 2],
    /// Whether both succeed, with other responses.
    pub(super) has_other_answer: bool,
    pub(super) has_other_log: bool,
    pub(super) has_other_progress: bool,
    /// The first question that the record cannot answer; the guest is stopped there.
    pub(super) divergence: Option<String>,
    /// Peak bytes before and now.
    pub(super) memory: [u64; 2],
    /// Processor time as it was recorded, and now.
    pub(super) cpu: [Duration; 2],
    /// Processor time of the old code on this machine; `None` if the host does not keep it.
    pub(super) old_cpu: Option<Duration>,
    /// Whether the old code did not do the same again, so that a difference may have other causes than the new code.
    pub(super) is_not_reproduced: bool,
    /// Which parts of the host the attempt used, and uses now.
    pub(super) asked: [BTreeSet<&'static str>; 2],
}

impl Compared {
    /// Returns whether the attempt does the same as before, whatever it takes.
    pub(super) fn is_same(&self) -> bool {
        let effects = [self.has_other_answer, self.has_other_log, self.has_other_progress];
        self.divergence.is_none() && self.ends[0] == self.ends[1] && effects == [false; 3]
    }

    /// Returns whether the attempt succeeded and does not end with the same response now.
    pub(super) fn is_worse(&self) -> bool {
        let succeeded = self.ends[0] == SUCCESS;
        succeeded && (self.divergence.is_some() || self.ends[0] != self.ends[1] || self.has_other_answer)
    }
}

/// How an attempt ends that does not fail.
const SUCCESS: &str = "SUCCESS";

impl RecordedAttempt {
    /// Runs the attempt on other code and, if that is there, on its own.
    pub(super) async fn compare(self, new: RerunCode) -> anyhow::Result<Compared> {
        let Self { record, old } = self;
        let before = match old {
            Some(plugin) => Some(rerun(&record, RerunCode::of_record(&record, plugin)).await),
            None => None,
        };
        let now = rerun(&record, new).await?;
        Ok(compared(&record, before.as_ref(), &now))
    }
}

async fn rerun(record: &Record, code: RerunCode) -> anyhow::Result<Rerun> {
    let call = record.last_call().map(|call| &call.header);
    let is_same_code = **code.plugin.digest() == *record.header.digest
        && code.handler.as_deref() == call.and_then(|call| call.handler.as_deref());
    let mode = if is_same_code { ReplayMode::Exact } else { ReplayMode::Lenient };
    let cpu = Duration::from_nanos(record.end.cpu_ns);
    let most = Duration::from_millis(call.map_or(0, |call| call.timeout_ms)).max(LEAST_TIMEOUT);
    let timeout = cpu.saturating_mul(SLOWER).saturating_add(LEAST_TIMEOUT).min(most);
    let options = RerunOptions { mode, timeout: Some(timeout), hashes_memory: false };
    let rerun = rerun::run(record, code, options).await?;
    let has_room = !matches!(rerun.report.result, Err(CallError::NoCapacity(_)));
    ensure!(has_room, "no sandbox was free");
    Ok(rerun)
}

fn compared(record: &Record, before: Option<&anyhow::Result<Rerun>>, now: &Rerun) -> Compared {
    let header = record.last_call().map(|call| &call.header);
    let of = AttemptName {
        id: header.map_or(0, |call| call.id),
        attempt: header.map_or(0, |call| call.attempt),
        run: record.header.run,
    };
    let recorded_end = match &record.end.result {
        Ok(_) => SUCCESS.to_owned(),
        Err(failed) => failure(&failed.kind, &failed.problem.code),
    };
    let end = match now.end() {
        Ok(_) => SUCCESS.to_owned(),
        Err(failed) => failure(failed.kind, failed.code),
    };
    let has_other_answer = match (&record.end.result, now.end()) {
        (Ok(recorded), Ok(response)) => !saggar_json::is_same(recorded, response),
        _ => false,
    };
    let effects = record.last_call().map(|call| &call.effects);
    let cpu = [Duration::from_nanos(record.end.cpu_ns), now.report.cpu];
    // What a guest uses until it is stopped at a timeout says nothing about its code.
    let reproduced = before.filter(|_| record.stop().is_none());
    Compared {
        of,
        ends: [recorded_end, end],
        has_other_answer,
        has_other_log: effects.is_some_and(|effects| effects.log != now.result.effects.log),
        has_other_progress: effects.is_some_and(|effects| effects.progress != now.result.effects.progress),
        divergence: now.result.divergence.as_ref().map(ToString::to_string),
        memory: [record.end.peak_memory, now.report.peak_memory],
        cpu,
        old_cpu: reproduced.and_then(|before| Some(before.as_ref().ok()?.report.cpu)),
        is_not_reproduced: reproduced
            .is_some_and(|before| !before.as_ref().is_ok_and(|before| before.differences(record).is_empty())),
        asked: [record.last_call().map(|call| call.asked()).unwrap_or_default(), now.result.asked.clone()],
    }
}

fn failure(kind: &str, code: &str) -> String {
    if kind == code { format!("FAILURE ({kind})") } else { format!("FAILURE ({kind}: {code})") }
}
